"""A family within its bound is untouched; beyond it nothing is counted twice, and no counter decreases."""

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.budget import Budget
from exporter.engine.families import Collected, Family

HITS = Family("hits_total", "counter", "Hits.", ("path", "code"))
SIZE = Family("size_bytes", "gauge", "Size.", ("path", "code"))
ROWS = Family("rows_total", "counter", "Rows.", ("target", "table"))


def collected(family: Family, values: dict[str, float]) -> Collected:
    out = Collected()
    for path, value in values.items():
        out.set(family, value, path, "other" if path == "other" else "200")
    return out


def running(most: int, on_drop: Callable[[Family, int], None] = lambda *_: None) -> Budget:
    """Return the budget of an exporter that has seen the families within their bound."""
    budget, empty = Budget(most, on_drop), Collected()
    for family in (HITS, SIZE, ROWS):
        empty.families[family] = {}
    budget.apply(empty)
    return budget


def test_within_the_bound_nothing_happens() -> None:
    dropped: list[int] = []
    subject = collected(HITS, {"/a": 1, "/b": 2})
    samples = subject.families[HITS]
    assert Budget(2, lambda _, count: dropped.append(count)).apply(subject).families[HITS] is samples
    assert dropped == []


def test_counters_beyond_go_into_other_and_gauges_are_left_out() -> None:
    dropped: list[tuple[str, int]] = []
    budget = running(3, lambda family, count: dropped.append((family.name, count)))
    many = {f"/{number}": 10.0 for number in range(10)}
    hits = budget.apply(collected(HITS, many)).families[HITS]
    assert hits == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("other", "other"): 80.0}
    sizes = budget.apply(collected(SIZE, many)).families[SIZE]
    assert sizes == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("/2", "200"): 10.0}
    assert dropped == [("hits_total", 8), ("size_bytes", 7)]


def test_targets_have_an_other_of_their_own() -> None:
    family = ROWS
    out = Collected()
    for number in range(10):
        out.set(family, 1, "main", str(number))
    shown = running(3).apply(out).families[family]
    assert shown == {("main", "0"): 1.0, ("main", "1"): 1.0, ("main", "other"): 8.0}


def test_a_series_that_was_away_is_not_added_again() -> None:
    budget = running(2)
    counters = {"/a": 1.0, "/b": 1.0, "/c": 1000.0}
    budget.apply(collected(HITS, counters))
    budget.apply(collected(HITS, {"/a": 1.0, "/b": 1.0}))
    shown = budget.apply(collected(HITS, {**counters, "/c": 1001.0})).families[HITS]
    assert shown[("other", "other")] == 1002.0


def test_histograms_are_left_out_as_a_whole() -> None:
    took = Family("took_seconds", "histogram", "Time.", ("path",))
    out = Collected()
    for path in ("/a", "/b"):
        out.observe(took, {0.5: 1, 1.0: 2, math.inf: 3}, 2.0, path)
    shown = running(8).apply(out).families[took]
    assert len(shown) == 5
    assert {key[1] for key in shown} == {"/a"}


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*"abcdefghi", "other"]), st.integers(0, 5), max_size=10), max_size=12
    )
)
def test_other_never_decreases_and_the_sum_stays_right(growth: list[dict[str, int]]) -> None:
    budget = running(4)
    counters: dict[str, float] = {}
    before: dict[tuple[str, ...], float] = {}
    for step in growth:
        for name, grown in step.items():
            counters[name] = counters.get(name, 0.0) + grown
        shown = budget.apply(collected(HITS, counters)).families.get(HITS, {})
        assert len(shown) <= 4
        assert sum(shown.values()) == sum(counters.values())
        assert all(shown[key] >= value for key, value in before.items() if key in shown)
        assert before.keys() <= shown.keys() or len(counters) > 4
        before = shown


def test_however_many_are_beyond_nothing_is_counted_again() -> None:
    budget = running(10)
    many = {f"/{number}": 100.0 for number in range(1000)}
    for grown in (0, 0, 1, 1, 2):
        shown = budget.apply(collected(HITS, {**many, "/999": 100.0 + grown})).families[HITS]
        assert sum(shown.values()) == 100_000 + grown


@given(st.lists(st.dictionaries(st.integers(0, 60), st.integers(0, 5), max_size=40), max_size=12))
def test_series_that_come_and_go_are_never_counted_twice(steps: list[dict[int, int]]) -> None:
    """More are away than are remembered, so some growth may be missed; none may be there twice, and nothing falls."""
    budget = running(2)
    counters: dict[str, float] = {}
    before = 0.0
    for step in steps:
        for number, grown in step.items():
            counters[f"/{number}"] = counters.get(f"/{number}", 0.0) + grown
        present = {f"/{number}": counters[f"/{number}"] for number in step}
        other = budget.apply(collected(HITS, present)).families.get(HITS, {}).get(("other", "other"), before)
        assert before <= other <= sum(counters.values())
        before = other


def test_what_was_shown_by_its_name_is_not_counted_again_in_other() -> None:
    budget = running(2)
    budget.apply(collected(HITS, {"/a": 50.0, "/b": 1.0, "/c": 1.0}))
    budget.apply(collected(HITS, {"/new": 7.0, "/b": 1.0, "/c": 1.0}))
    shown = budget.apply(collected(HITS, {"/new": 7.0, "/a": 51.0, "/b": 1.0, "/c": 1.0})).families[HITS]
    assert shown == {("/new", "200"): 7.0, ("other", "other"): 3.0}


def test_a_family_that_is_empty_for_once_keeps_its_other() -> None:
    family = ROWS
    budget, out, empty = running(2), Collected(), Collected()
    for number in range(5):
        out.set(family, 1, "main", str(number))
    empty.families[family] = {}
    budget.apply(out.copy())
    assert budget.apply(empty).families[family] == {("main", "other"): 4.0}
    assert budget.apply(out.copy()).families[family] == {("main", "0"): 1.0, ("main", "other"): 4.0}


def test_a_new_process_begins_at_0_whatever_happened_before() -> None:
    """Otherwise Prometheus would take the sum, or what it differs by from the one before, for something new."""
    many = {f"/{number}": 100.0 for number in range(10)}
    budget = Budget(3, lambda *_: None)
    assert budget.apply(collected(HITS, many)).families[HITS]["other", "other"] == 0.0
    assert budget.apply(collected(HITS, {**many, "/9": 103.0})).families[HITS]["other", "other"] == 3.0
    shown = budget.apply(collected(HITS, {**many, "/9": 103.0, "/new": 7.0})).families[HITS]
    assert shown["other", "other"] == 10.0
