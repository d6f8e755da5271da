"""What the page should say, what it says, and the one next step between the two: a pure state machine.

A level is published once it has lasted; of levels that alternate, the least that was never fallen short of, or on the
way back the worst that was not exceeded. One incident at a time covers all components that are out. The state is plain
data, so that it survives a restart, and each step leads to a state from which the next can be found again.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from exporter.statuspage.levels import LEVELS, Level, impact, is_outage

FORMAT = 2


@dataclass(slots=True)
class Group:
    """One of Alertmanager's groups: how bad it says that it is, and when it was heard last."""

    level: Level
    heard: float


@dataclass(slots=True)
class Component:
    """One component: the level that the alerts ask for, and the one that was published."""

    wanted: Level = "operational"
    crossed: dict[Level, float] = field(default_factory=dict)
    """Level → when the alerts last began, or ceased, to ask for that level or a worse one."""
    shown: Level = "operational"
    doubt: bool = False
    """Whether something was published of which nobody knows whether it took effect."""

    def want(self, level: Level, now: float) -> None:
        """Note the level that is asked for at `now`."""
        first, last = sorted((LEVELS.index(self.wanted), LEVELS.index(level)))
        self.crossed |= dict.fromkeys(LEVELS[first + 1 : last + 1], now)
        self.wanted = level

    def due(self, after: float, now: float) -> Level | None:
        """Return the level to publish, None while none is to be.

        What was asked for in the last `after` seconds lies between two levels; what is shown is taken into these
        bounds. What is in doubt is published anew when there is but one level to choose.
        """
        lasting = [level for level in LEVELS[1:] if now - self.crossed.get(level, 0.0) >= after]
        wanted, shown = LEVELS.index(self.wanted), LEVELS.index(self.shown)
        least = max((at for level in lasting if (at := LEVELS.index(level)) <= wanted), default=0)
        most = min(
            (at - 1 for level in lasting if (at := LEVELS.index(level)) > wanted), default=len(LEVELS) - 1
        )
        goal = min(max(shown, least), most)
        return LEVELS[goal] if goal != shown or (self.doubt and least == most) else None


@dataclass(slots=True)
class Incident:
    """The open incident: its id, and what it was last told. `abandoned`: a person closed it before its time."""

    id: str
    levels: dict[str, Level]
    abandoned: bool = False


@dataclass(slots=True)
class State:
    """All that must survive. The keys of `groups` are those of `levels.group_key`."""

    groups: dict[str, Group] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    incident: Incident | None = None
    opening: bool = False
    """Whether an incident may have been opened that nobody has noted."""

    def dump(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def load(cls, data: dict[str, Any]) -> "State":
        """Read what `dump` wrote, or an exporter before it. Raises KeyError, TypeError or ValueError."""
        if data["format"] not in (1, FORMAT):
            raise ValueError(f"format {data['format']}")
        components = data["components"]
        if data["format"] == 1:  # it knew since when a level is asked for, and nothing of those between
            components = {
                name: {key: value for key, value in entry.items() if key != "since"}
                | {"crossed": dict.fromkeys(LEVELS[1:], entry["since"])}
                for name, entry in components.items()
            }
        return cls(
            groups={name: Group(**entry) for name, entry in data["groups"].items()},
            components={name: Component(**entry) for name, entry in components.items()},
            incident=Incident(**data["incident"]) if data["incident"] else None,
            opening=data["opening"],
        )


@dataclass(frozen=True, slots=True)
class Publish:
    """Set a component's level."""

    component: str
    level: Level


@dataclass(frozen=True, slots=True)
class Open:
    """Open an incident about components at these levels, or tell the open one of them."""

    levels: dict[str, Level]
    impact: str
    update: str | None = None
    """Id of the incident that is open already."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """Close the incident; without an id, one that may have been opened."""

    id: str


Step = Publish | Open | Resolve


def want(state: State, levels: dict[str, Level], now: float) -> None:
    """Note the levels that the alerts ask for at `now`; components that are not among them are forgotten."""
    state.components = {name: state.components.get(name, Component()) for name in levels}
    for name, level in levels.items():
        state.components[name].want(level, now)


def next_step(state: State, after: float, now: float) -> Step | None:
    """Return the next thing to do, None when the page says what it should. A level must last `after` seconds."""
    for name, component in state.components.items():
        if (level := component.due(after, now)) is not None:
            return Publish(name, level)
    outages = {name: each.shown for name, each in state.components.items() if is_outage(each.shown)}
    incident = state.incident
    if outages and incident is None:
        return Open(outages, impact(outages.values()))
    if outages and incident is not None and not incident.abandoned and outages != incident.levels:
        return Open(outages, impact(outages.values()), update=incident.id)
    if not outages and (incident is not None or state.opening):
        return Resolve(incident.id if incident is not None else "")
    return None


def begin(state: State, step: Step) -> None:
    """Note that a step is about to be taken: should the process end before `done`, it is in doubt and taken again."""
    match step:
        case Publish(component, _):
            state.components[component].doubt = True
        case Open():
            state.opening = True
        case Resolve():
            pass  # it stays open in our books until it is done


def done(state: State, step: Step, incident_id: str = "") -> None:
    """Note that a step was taken. `incident_id` is that of the incident that was opened or told; "" when there is none.

    An incident that is gone was closed by a person, who is not contradicted until all is well.
    """
    match step:
        case Publish(component, level):
            state.components[component].shown, state.components[component].doubt = level, False
        case Open(levels, _, update):
            state.incident = Incident(incident_id or update or "", dict(levels), abandoned=not incident_id)
            state.opening = False
        case Resolve():
            state.incident, state.opening = None, False


def pending(state: State, after: float, now: float) -> dict[str, bool]:
    """Return component → whether its level has lasted and is not published yet."""
    return {name: each.due(after, now) is not None for name, each in state.components.items()}
