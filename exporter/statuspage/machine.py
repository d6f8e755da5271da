"""What the page should say, what it says, and the one next step between the two: a pure state machine.

A level is published once it has lasted; one incident at a time covers all components that are out. The state is plain
data, so that it survives a restart, and each step leads to a state from which the next can be found again.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from exporter.statuspage.levels import Level, impact, is_outage, worst

FORMAT = 1


@dataclass(slots=True)
class Group:
    """One of Alertmanager's groups: how bad it says that it is, and when it was heard last."""

    level: Level
    heard: float


@dataclass(slots=True)
class Component:
    """One component: the level that the alerts ask for and since when, and the one that was published."""

    wanted: Level = "operational"
    since: float = 0.0
    shown: Level = "operational"
    doubt: bool = False
    """Whether something was published of which nobody knows whether it took effect."""

    @property
    def due(self) -> bool:
        """Whether the page may say something else than it should."""
        return self.doubt or self.wanted != self.shown


@dataclass(slots=True)
class Incident:
    """The open incident: its id, and what it was last told. `abandoned`: a person closed it before its time."""

    id: str
    levels: dict[str, Level]
    abandoned: bool = False


@dataclass(slots=True)
class State:
    """All that must survive. The keys of `groups` are service and priority, with a space between."""

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
        """Read what `dump` wrote. Raises KeyError, TypeError or ValueError."""
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        return cls(
            groups={name: Group(**entry) for name, entry in data["groups"].items()},
            components={name: Component(**entry) for name, entry in data["components"].items()},
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


def services(state: State) -> dict[str, Level]:
    """Return service → the worst level of its groups."""
    found: dict[str, Level] = {}
    for name, group in state.groups.items():
        service = name.rpartition(" ")[0]
        found[service] = worst([found.get(service, "operational"), group.level])
    return found


def want(state: State, levels: dict[str, Level], now: float) -> None:
    """Note the levels that the alerts ask for at `now`; components that are not among them are forgotten."""
    state.components = {name: state.components.get(name, Component()) for name in levels}
    for name, level in levels.items():
        component = state.components[name]
        if component.wanted != level:
            component.wanted, component.since = level, now


def next_step(state: State, after: float, now: float) -> Step | None:
    """Return the next thing to do, None when the page says what it should. A level must last `after` seconds."""
    for name, component in state.components.items():
        if component.due and now - component.since >= after:
            return Publish(name, component.wanted)
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
    return {name: each.due and now - each.since >= after for name, each in state.components.items()}
