"""A family within its bound is untouched; beyond it nothing is counted twice, and no counter decreases."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.budget import Budget
from exporter.engine.families import Collected, Family

HITS = Family("hits_total", "counter", "Hits.", ("path", "code"))
SIZE = Family("size_bytes", "gauge", "Size.", ("path", "code"))


def collected(family: Family, values: dict[str, float]) -> Collected:
    out = Collected()
    for path, value in values.items():
        out.set(family, value, path, "other" if path == "other" else "200")
    return out


def test_within_the_bound_nothing_happens() -> None:
    dropped: list[int] = []
    subject = collected(HITS, {"/a": 1, "/b": 2})
    samples = subject.families[HITS]
    assert Budget(2, lambda _, count: dropped.append(count)).apply(subject).families[HITS] is samples
    assert dropped == []


def test_counters_beyond_go_into_other_and_gauges_are_left_out() -> None:
    dropped: list[tuple[str, int]] = []
    budget = Budget(3, lambda family, count: dropped.append((family.name, count)))
    many = {f"/{number}": 10.0 for number in range(10)}
    hits = budget.apply(collected(HITS, many)).families[HITS]
    assert hits == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("other", "other"): 80.0}
    sizes = budget.apply(collected(SIZE, many)).families[SIZE]
    assert sizes == {("/0", "200"): 10.0, ("/1", "200"): 10.0, ("/2", "200"): 10.0}
    assert dropped == [("hits_total", 8), ("size_bytes", 7)]


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*"abcdefghi", "other"]), st.integers(0, 5), max_size=10), max_size=12
    )
)
def test_other_never_decreases_and_the_sum_stays_right(growth: list[dict[str, int]]) -> None:
    budget = Budget(4, lambda *_: None)
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
