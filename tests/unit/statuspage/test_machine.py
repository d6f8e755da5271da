"""The state machine against a page that fails, a process that is killed, and people who meddle.

Hypothesis makes stories of these; whatever happens, the page says what is true once all is quiet, and nothing is said
that did not last.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.statuspage.levels import LEVELS, Level, is_outage
from exporter.statuspage.machine import (
    Group,
    Open,
    Publish,
    Resolve,
    State,
    Step,
    begin,
    done,
    next_step,
    services,
    want,
)

AFTER = 300
COMPONENTS = ("api", "web")
levels = st.sampled_from(LEVELS)


@dataclass
class Page:
    """The vendor's side: what customers see."""

    components: dict[str, Level] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, LEVELS[0]))
    open: dict[str, dict[str, Level]] = field(default_factory=dict)
    opened: int = 0

    def take(self, step: Step) -> str:
        """Do what a step asks; return the incident's id, "" when there is none to tell."""
        match step:
            case Publish(component, level):
                self.components[component] = level
                return ""
            case Open(at, _, update):
                if update is not None:
                    if update not in self.open:
                        return ""
                    self.open[update] = dict(at)
                    return update
                for known in self.open:  # what a killed process opened is found by its name
                    self.open[known] = dict(at)
                    return known
                self.opened += 1
                self.open[f"inc{self.opened}"] = dict(at)
                return f"inc{self.opened}"
            case Resolve(incident):
                self.open = {key: at for key, at in self.open.items() if incident not in (key, "")}
                return ""


class Story(RuleBasedStateMachine):
    """Alerts come and go, time passes, requests fail before or after they took effect, the process restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.page, self.state, self.now = Page(), State(), 1000
        self.truth: dict[str, Level] = dict.fromkeys(COMPONENTS, LEVELS[0])
        self.since = dict.fromkeys(COMPONENTS, 0.0)
        self.meddled = False
        want(self.state, self.truth, self.now)

    @rule(component=st.sampled_from(COMPONENTS), level=levels)
    def alerts_say(self, component: str, level: Level) -> None:
        """Alertmanager calls."""
        if self.truth[component] != level:
            self.since[component] = self.now
        self.truth[component] = level
        self.state.groups[f"{component} p1"] = Group(level, self.now)
        want(self.state, {name: services(self.state).get(name, LEVELS[0]) for name in COMPONENTS}, self.now)

    @rule(seconds=st.integers(1, 400))
    def time_passes(self, seconds: int) -> None:
        """Nothing happens for a while."""
        self.now += seconds

    @rule()
    def a_step_succeeds(self) -> None:
        """One collection takes one step."""
        self._step()

    @rule()
    def a_step_fails_before_it_took_effect(self) -> None:
        """The page does not answer: nothing is noted, only that it was asked."""
        if (step := next_step(self.state, AFTER, self.now)) is not None:
            begin(self.state, step)

    @rule()
    def the_process_is_killed_after_a_step_took_effect(self) -> None:
        """What the page did is not noted, only that it was asked."""
        if (step := next_step(self.state, AFTER, self.now)) is not None:
            begin(self.state, step)
            self.page.take(step)

    @rule()
    def the_process_restarts(self) -> None:
        """The state is read again from the store."""
        self.state = State.load(self.state.dump())

    @rule()
    def a_person_closes_the_incident(self) -> None:
        """Somebody knows better."""
        self.meddled = self.meddled or bool(self.page.open)
        self.page.open.clear()

    @rule()
    def all_becomes_quiet(self) -> None:
        """After a while the page says what is true, and no more than that."""
        self.now += AFTER
        for _ in range(20):
            if not self._step():
                break
        assert next_step(self.state, AFTER, self.now) is None, "it comes to rest"
        assert self.page.components == self.truth
        outages = {name: level for name, level in self.truth.items() if is_outage(level)}
        if not outages:
            assert self.page.open == {}
            self.meddled = False
        elif not self.meddled:
            assert list(self.page.open.values()) == [outages]

    @invariant()
    def at_most_one_incident_is_open(self) -> None:
        """Customers read one story."""
        assert len(self.page.open) <= 1

    @invariant()
    def what_comes_next_is_asked_for_and_has_lasted(self) -> None:
        """No flapping in public."""
        step = next_step(self.state, AFTER, self.now)
        if isinstance(step, Publish):
            assert self.truth[step.component] == step.level
            assert self.now - self.since[step.component] >= AFTER

    def _step(self) -> bool:
        step = next_step(self.state, AFTER, self.now)
        if step is None:
            return False
        begin(self.state, step)
        done(self.state, step, self.page.take(step))
        return True


Story.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestStory = Story.TestCase


def test_one_publication_at_a_time_and_then_the_incident() -> None:
    state = State()
    want(state, {"api": "operational", "web": "operational"}, 0)
    want(state, {"api": "major_outage", "web": "degraded_performance"}, 10)
    assert next_step(state, AFTER, 309) is None, "not yet"
    steps = []
    while (step := next_step(state, AFTER, 310)) is not None:
        steps.append(step)
        done(state, step, "inc1")
    assert steps == [
        Publish("api", "major_outage"),
        Publish("web", "degraded_performance"),
        Open({"api": "major_outage"}, "critical"),
    ]
    want(state, {"api": "operational", "web": "operational"}, 400)
    assert next_step(state, AFTER, 699) is None
    assert next_step(state, AFTER, 700) == Publish("api", "operational")


def test_a_component_that_left_the_file_is_forgotten() -> None:
    state = State()
    want(state, {"api": "major_outage"}, 0)
    want(state, {"web": "operational"}, 1)
    assert list(state.components) == ["web"]
    assert next_step(state, 0, 10) is None
