"""A family within its bound is untouched; beyond it nothing is counted twice, and no counter decreases."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.engine import result
from exporter.engine.budget import Budget
from exporter.engine.families import Collected, Family, Samples
from exporter.engine.result import Result

HITS = Family("hits_total", "counter", "Hits.", ("path", "code"))
SIZE = Family("size_bytes", "gauge", "Size.", ("path", "code"))
ROWS = Family("rows_total", "counter", "Rows.", ("target", "table"))


def collected(family: Family, values: dict[str, float]) -> Collected:
    out = Collected()
    for path, value in values.items():
        out.set(family, value, path, "other" if path == "other" else "200")
    return out


def budget_of(most: int, on_drop: Callable[[Family, int], None] = lambda *_: None) -> Budget:
    return Budget(most, on_drop)


def test_within_the_bound_nothing_happens() -> None:
    dropped: list[int] = []
    subject = collected(HITS, {"/a": 1, "/b": 2})
    samples = subject.families[HITS]
    assert Budget(2, lambda _, count: dropped.append(count)).apply(subject).families[HITS] is samples
    assert dropped == []


def test_counters_beyond_go_into_other_and_gauges_are_left_out() -> None:
    dropped: list[tuple[str, int]] = []
    budget = budget_of(3, lambda family, count: dropped.append((family.name, count)))
    many = {f"/{number}": 10.0 for number in range(10)}
    hits = budget.apply(collected(HITS, many)).families[HITS]
    assert hits == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("other", "other"): 0.0}
    hits = budget.apply(collected(HITS, dict.fromkeys(many, 20.0))).families[HITS]
    assert hits == {("/0", "200"): 20.0, ("/1", "200"): 20.0, ("other", "other"): 80.0}
    dropped = dropped[1:]
    sizes = budget.apply(collected(SIZE, many)).families[SIZE]
    assert sizes == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("/2", "200"): 10.0}
    assert dropped == [("hits_total", 8), ("size_bytes", 7)]


def test_targets_have_an_other_of_their_own() -> None:
    family = ROWS
    out = Collected()
    for number in range(10):
        out.set(family, 1, "main", str(number))
    shown = budget_of(3).apply(out).families[family]
    assert shown == {("main", "0"): 1.0, ("main", "1"): 1.0, ("main", "other"): 0.0}


def test_a_series_that_was_away_is_not_added_again() -> None:
    budget = budget_of(2)
    counters = {"/a": 1.0, "/b": 1.0, "/c": 1000.0}
    budget.apply(collected(HITS, counters))
    budget.apply(collected(HITS, {"/a": 1.0, "/b": 1.0}))
    shown = budget.apply(collected(HITS, {**counters, "/c": 1001.0})).families[HITS]
    assert shown[("other", "other")] == 1.0


def test_histograms_are_left_out_as_a_whole() -> None:
    took = Family("took_seconds", "histogram", "Time.", ("path",))
    out = Collected()
    for path in ("/a", "/b"):
        out.observe(took, {0.5: 1, 1.0: 2, math.inf: 3}, 2.0, path)
    shown = budget_of(8).apply(out).families[took]
    assert len(shown) == 5
    assert {key[1] for key in shown} == {"/a"}


def test_however_many_are_beyond_nothing_is_counted_again() -> None:
    budget = budget_of(10)
    many = {f"/{number}": 100.0 for number in range(1000)}
    for grown in (0, 0, 1, 1, 2):
        shown = budget.apply(collected(HITS, {**many, "/999": 100.0 + grown})).families[HITS]
        assert shown["other", "other"] == grown


@given(st.lists(st.dictionaries(st.integers(0, 60), st.integers(0, 5), max_size=40), max_size=12))
def test_series_that_come_and_go_are_never_counted_twice(steps: list[dict[int, int]]) -> None:
    """More are away than are remembered, so some growth may be missed; none may be there twice, and nothing falls."""
    budget = budget_of(2)
    counters: dict[str, float] = {}
    before = 0.0
    for step in steps:
        for number, grown in step.items():
            counters[f"/{number}"] = counters.get(f"/{number}", 0.0) + grown
        present = {f"/{number}": counters[f"/{number}"] for number in step}
        other = budget.apply(collected(HITS, present)).families.get(HITS, {}).get(("other", "other"), before)
        assert before <= other <= sum(counters.values())
        before = other


@given(
    st.lists(st.dictionaries(st.integers(0, 5), st.tuples(st.booleans(), st.integers(0, 5))), max_size=6),
)
def test_of_counters_that_stay_nothing_is_lost(steps: list[dict[int, tuple[bool, int]]]) -> None:
    """Also of those that begin anew: what they have then happened since."""
    budget, now = budget_of(3), {f"/{number}": 7.0 for number in range(6)}
    shown = budget.apply(collected(HITS, now)).families[HITS]
    for step in steps:
        shown_before, before = shown, dict(now)
        for number, (anew, growth) in step.items():
            now[f"/{number}"] = growth + (0.0 if anew else before[f"/{number}"])
        shown = budget.apply(collected(HITS, now)).families[HITS]
        assert grown(shown_before, shown) == grown(before, now)


def test_what_was_shown_by_its_name_is_not_counted_again_in_other() -> None:
    budget = budget_of(2)
    budget.apply(collected(HITS, {"/a": 50.0, "/b": 1.0, "/c": 1.0}))
    budget.apply(collected(HITS, {"/new": 7.0, "/b": 1.0, "/c": 1.0}))
    shown = budget.apply(collected(HITS, {"/new": 7.0, "/a": 51.0, "/b": 1.0, "/c": 1.0})).families[HITS]
    assert shown == {("/new", "200"): 7.0, ("other", "other"): 1.0}


def test_a_family_that_is_empty_for_once_keeps_its_other() -> None:
    family = ROWS
    budget, empty = budget_of(2), Collected()
    empty.families[family] = {}
    for value in (1, 2):
        out = Collected()
        for number in range(5):
            out.set(family, value, "main", str(number))
        budget.apply(out.copy())
    assert budget.apply(empty).families[family] == {("main", "other"): 4.0}
    assert budget.apply(out.copy()).families[family] == {("main", "0"): 2.0, ("main", "other"): 4.0}


def test_a_new_process_begins_at_0_whatever_happened_before() -> None:
    """Otherwise Prometheus would take the sum, or what it differs by from the one before, for something new."""
    many = {f"/{number}": 100.0 for number in range(10)}
    budget = Budget(3, lambda *_: None)
    assert budget.apply(collected(HITS, many)).families[HITS]["other", "other"] == 0.0
    assert budget.apply(collected(HITS, {**many, "/9": 103.0})).families[HITS]["other", "other"] == 3.0
    shown = budget.apply(collected(HITS, {**many, "/9": 103.0, "/new": 7.0})).families[HITS]
    assert shown["other", "other"] == 3.0, "what /new did before it was seen did not happen now"
    shown = budget.apply(collected(HITS, {**many, "/9": 103.0, "/new": 8.0})).families[HITS]
    assert shown["other", "other"] == 4.0


def test_a_database_that_was_away_at_the_start_does_not_count_with_its_history() -> None:
    """Its family was within the bound, or not there at all."""
    few, many = {"/a": 5.0, "/b": 5.0}, {f"/{number}": 1000.0 for number in range(10)}
    for start in ({}, few):
        budget = budget_of(3)
        budget.apply(collected(HITS, start))
        shown = budget.apply(collected(HITS, {**start, **many})).families[HITS]
        assert shown["other", "other"] == 0.0
        shown = budget.apply(collected(HITS, {**start, **many, "/9": 1003.0})).families[HITS]
        assert shown["other", "other"] == 3.0


def test_who_crosses_the_bound_counts_from_what_was_shown_of_him_last() -> None:
    budget = budget_of(3)
    budget.apply(collected(HITS, {"/a": 10.0, "/b": 20.0, "/c": 30.0}))
    shown = budget.apply(collected(HITS, {"/new": 500.0, "/a": 11.0, "/b": 22.0, "/c": 34.0})).families[HITS]
    assert shown == {("/a", "200"): 11.0, ("/b", "200"): 22.0, ("other", "other"): 4.0}


def test_an_other_of_the_source_itself_does_not_fall_at_the_bound() -> None:
    budget = budget_of(3)
    budget.apply(collected(HITS, {"/a": 1.0, "other": 100.0}))
    shown = budget.apply(collected(HITS, {"/a": 1.0, "/b": 1.0, "/c": 1.0, "other": 101.0})).families[HITS]
    assert shown == {("/a", "200"): 1.0, ("/b", "200"): 1.0, ("other", "other"): 101.0}


def test_who_leads_again_counts_nothing_twice() -> None:
    """What it gathered before it followed is older than what the other exporter showed."""
    one, two = budget_of(2), budget_of(2)
    many = {f"/{number}": 100.0 for number in range(5)}
    one.apply(collected(HITS, many))
    shown = one.apply(collected(HITS, {**many, "/4": 110.0}))
    assert shown.families[HITS]["other", "other"] == 10.0
    two.resume(shown)
    two.apply(collected(HITS, {**many, "/4": 110.0}))
    shown = two.apply(collected(HITS, {**many, "/4": 117.0}))
    assert shown.families[HITS]["other", "other"] == 17.0, "it goes on, and does not begin anew"
    one.resume(shown)
    shown = one.apply(collected(HITS, {**many, "/4": 118.0}))
    assert shown.families[HITS]["other", "other"] == 17.0, "what it missed is not made up for"
    assert one.apply(collected(HITS, {**many, "/4": 120.0})).families[HITS]["other", "other"] == 19.0


def test_who_leads_next_goes_on_though_the_family_was_missing_meanwhile() -> None:
    """Also when it joins only then, or missed results in between."""
    one, two, new = budget_of(2), budget_of(2), budget_of(2)
    for value in (100.0, 110.0):
        many = {f"/{number}": value for number in range(5)}
        two.resume(one.apply(collected(HITS, many)))
    many = dict.fromkeys(many, 120.0)
    one.apply(collected(HITS, many))
    empty = one.apply(Collected())
    assert empty.families == {HITS: {("other", "other"): 80.0}}
    for other in (two, new):
        other.resume(result.load(result.dump(Result(empty))).data)
        assert other.apply(Collected()).families == empty.families
        shown = other.apply(collected(HITS, many)).families[HITS]
        assert shown == {("/0", "200"): 120.0, ("other", "other"): 80.0}
        shown = other.apply(collected(HITS, dict.fromkeys(many, 121.0))).families[HITS]
        assert shown == {("/0", "200"): 121.0, ("other", "other"): 84.0}
    assert one.apply(collected(HITS, many)).families[HITS] == {("/0", "200"): 120.0, ("other", "other"): 80.0}


def test_what_other_has_is_not_shown_by_its_name_again() -> None:
    budget = budget_of(2)
    for step in ({"/a": 50.0}, dict.fromkeys(["/b", "/c", "/d"], 1.0), {"/a": 50.0, "/b": 1.0}):
        budget.apply(collected(HITS, step))
    budget.apply(collected(HITS, {"/a": 60.0, "/b": 1.0}))
    assert budget.apply(collected(HITS, {"/a": 60.0})).families[HITS] == {("other", "other"): 10.0}


def test_a_bound_that_is_raised_holds_for_gauges_and_for_counters_that_other_does_not_have() -> None:
    budget = budget_of(3)
    many = {f"/{number}": 10.0 for number in range(6)}
    for step in (many, dict.fromkeys(many, 20.0)):
        assert len(budget.apply(collected(SIZE, step)).families[SIZE]) == 3
        before = budget.apply(collected(HITS, step)).families[HITS]
    assert before == {("/0", "200"): 20.0, ("/1", "200"): 20.0, ("other", "other"): 40.0}
    assert budget.gathers
    budget.most = 8
    step = dict.fromkeys([*many, "/new"], 25.0)
    assert len(budget.apply(collected(SIZE, step)).families[SIZE]) == 7
    shown = budget.apply(collected(HITS, step)).families[HITS]
    named = dict.fromkeys([("/0", "200"), ("/1", "200"), ("/new", "200")], 25.0)
    assert shown == {**named, ("other", "other"): 60.0}


def test_gauges_alone_gather_nothing() -> None:
    budget = budget_of(2)
    budget.apply(collected(SIZE, {"/a": 1.0, "/b": 1.0, "/c": 1.0}))
    assert not budget.gathers


class Bounded(RuleBasedStateMachine):
    """Counters that grow, begin anew, go away, come back and cross the bound, while two exporters lead in turn.

    What Prometheus adds up is compared with what happened: for each series what it grew by from one time it was shown
    to the next, a fall being a beginning at 0. `other` may take no event that Prometheus has had under its own name.
    """

    NAMES = st.sampled_from([*"abcdefgh", "other"])

    @initialize(most=st.integers(1, 5), present=st.sets(NAMES))
    def start(self, most: int, present: set[str]) -> None:
        self.budgets = [budget_of(most), budget_of(most)]
        self.leader, self.most = 0, most
        self.counters = dict.fromkeys(present, 100.0)
        self.seen: dict[str, float] = {}  # the last value of each that was handed over
        self.present = present
        self.shown = Collected()
        self.remembered: Samples = {}  # what each series had when it was shown last
        self.happened = self.added_up = 0.0

    @rule(name=NAMES, history=st.integers(0, 1000))
    def appears(self, name: str, history: int) -> None:
        self.counters.setdefault(name, float(history))
        self.present.add(name)

    @rule(name=NAMES.filter("other".__ne__))
    def disappears(self, name: str) -> None:
        self.present.discard(name)

    @rule()
    def the_family_disappears(self) -> None:
        self.present &= {"other"}

    @rule(names=st.sets(NAMES), growth=st.integers(0, 50))
    def grow(self, names: set[str], growth: int) -> None:
        for name in names & self.counters.keys():
            self.counters[name] += growth

    @rule(name=NAMES.filter("other".__ne__))
    def begins_anew(self, name: str) -> None:
        if name in self.counters:
            self.counters[name] = 0.0

    @rule(most=st.integers(1, 5))
    def is_bounded_otherwise(self, most: int) -> None:
        self.most = most
        for budget in self.budgets:
            budget.most = most

    @rule(publishes=st.booleans())
    def is_collected(self, publishes: bool) -> None:
        """Collect as the leader. What could not be published is not shown."""
        now = {name: self.counters[name] for name in sorted(self.present)}
        shown = self.budgets[self.leader].apply(collected(HITS, now))
        self.happened += grown(self.seen, now)
        self.seen |= now
        if publishes:
            self.is_shown(shown)
            self.budgets[1 - self.leader].resume(shown)

    @rule(new_process=st.booleans())
    def another_leads(self, new_process: bool) -> None:
        """It may begin to show by its name what the last one had in `other`; a new one reads what was shown first."""
        self.leader = 1 - self.leader
        self.remembered = dict(self.shown.families.get(HITS, {}))
        if new_process:
            self.budgets[self.leader] = budget_of(self.most)
            self.budgets[self.leader].resume(self.shown)

    def is_shown(self, shown: Collected) -> None:
        before, now = (each.families.get(HITS, {}) for each in (self.shown, shown))
        assert len(now) <= self.most
        assert now.get(("other", "other"), 0.0) >= before.get(("other", "other"), 0.0), "other fell"
        self.added_up += grown(self.remembered, now)
        self.remembered |= now
        self.shown = shown

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        assert self.added_up <= self.happened


def grown(before: Mapping[Any, float], now: Mapping[Any, float]) -> float:
    """Return what the counters that were there before grew by. One that fell began anew at 0, as to Prometheus."""
    return sum(
        value - before[key] if value >= before[key] else value for key, value in now.items() if key in before
    )


TestBounded = Bounded.TestCase
TestBounded.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
