"""The state machine against a page that fails, a process that is killed, and people who meddle.

Hypothesis makes stories of these; whatever happens, the page says what is true once all is quiet, and nothing is said
that did not last.
"""

from dataclasses import dataclass, field

import pytest
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
    pending,
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
        self.past: list[tuple[float, str, Level]] = [(0.0, name, LEVELS[0]) for name in COMPONENTS]
        self.meddled = False
        want(self.state, self.truth, self.now)

    @rule(component=st.sampled_from(COMPONENTS), level=levels)
    def alerts_say(self, component: str, level: Level) -> None:
        """Alertmanager calls."""
        self.past.append((self.now, component, level))
        self.truth[component] = level
        self.state.groups[f"{component} p1"] = Group(level, self.now)
        want(self.state, self.truth, self.now)

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
    def what_comes_next_has_lasted(self) -> None:
        """No flapping in public: it was at least so bad all the time, or never worse."""
        step = next_step(self.state, AFTER, self.now)
        if isinstance(step, Publish):
            known = [(at, level) for at, component, level in self.past if component == step.component]
            before = [(at, level) for at, level in known if at <= self.now - AFTER]
            seen = {LEVELS.index(level) for _, level in [*before[-1:], *known[len(before) :]]}
            assert LEVELS.index(step.level) in (min(seen), max(seen))

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


def flap(*levels: Level, shown: Level = "operational", every: int = 120, hours: int = 1) -> list[Step]:
    """Return what is published while a component alternates between levels."""
    state = State()
    want(state, {"api": shown}, 0)
    state.components["api"].shown = shown
    steps: list[Step] = []
    for number in range(hours * 3600 // every):
        now = 1000 + number * every
        want(state, {"api": levels[number % len(levels)]}, now)
        state = State.load(state.dump())
        for look in range(now, now + every, 5):
            while (step := next_step(state, AFTER, look)) is not None:
                steps.append(step)
                done(state, step, "inc1")
    return steps


@pytest.mark.parametrize(
    ("levels", "shown", "published"),
    [
        (["major_outage", "partial_outage"], "operational", "partial_outage"),
        (["degraded_performance", "major_outage", "partial_outage"], "operational", "degraded_performance"),
        (["major_outage", "operational"], "operational", None),
        (["major_outage", "partial_outage"], "major_outage", None),
        (["degraded_performance", "operational"], "major_outage", "degraded_performance"),
        (["partial_outage", "operational", "degraded_performance"], "major_outage", "partial_outage"),
    ],
)
def test_of_levels_that_alternate_the_one_that_lasted_is_published(
    levels: list[Level], shown: Level, published: Level | None
) -> None:
    steps = [step.level for step in flap(*levels, shown=shown) if isinstance(step, Publish)]
    assert steps == ([published] if published else [])


def test_an_outage_that_alternates_has_one_incident() -> None:
    steps = flap("major_outage", "partial_outage")
    assert steps == [
        Publish("api", "partial_outage"),
        Open({"api": "partial_outage"}, "major"),
    ]


def test_what_is_in_doubt_is_not_behind_before_one_level_has_lasted() -> None:
    state = State()
    want(state, {"api": "major_outage"}, 0)
    begin(state, Publish("api", "major_outage"))
    want(state, {"api": "operational"}, 301)
    assert next_step(state, AFTER, 302) is None
    assert pending(state, AFTER, 302) == {"api": False}
    assert next_step(state, AFTER, 601) == Publish("api", "operational")


def test_the_state_of_an_exporter_before_this_one_is_read() -> None:
    old = {
        "format": 1,
        "groups": {"api p1": {"level": "major_outage", "heard": 400.0}},
        "components": {
            "api": {"wanted": "major_outage", "since": 100.0, "shown": "operational", "doubt": False}
        },
        "incident": None,
        "opening": False,
    }
    state = State.load(old)
    assert next_step(state, AFTER, 399) is None
    assert next_step(state, AFTER, 400) == Publish("api", "major_outage")
    assert State.load(state.dump()) == state


def test_a_component_that_left_the_file_is_forgotten() -> None:
    state = State()
    want(state, {"api": "major_outage"}, 0)
    want(state, {"web": "operational"}, 1)
    assert list(state.components) == ["web"]
    assert next_step(state, 0, 10) is None
