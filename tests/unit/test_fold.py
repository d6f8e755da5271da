"""The fold: busiest rows by themselves, the others as one counter that never falls, nothing lost between the two."""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.postgres.fold import Columns, Fold, Labels

LABELS = ("datname", "user", "queryid")
COLUMNS = ("seconds", "calls")


@dataclass
class Server:
    """Rows of counters that a test moves about, and a clock; `scrape` folds them as they stand."""

    keep: int = 2
    now: float = 1000.0
    rows: dict[Labels, list[float]] = field(default_factory=dict)
    limit: int = 1000

    def __post_init__(self) -> None:
        self.fold = Fold(LABELS, self.keep, "seconds", "user", clock=lambda: self.now)

    def gain(self, queryid: str, seconds: float, calls: float = 1, *, datname: str = "shop") -> None:
        row = self.rows.setdefault((datname, "app", queryid), [0.0, 0.0])
        row[0] += seconds
        row[1] += calls

    def scrape(self, after: float = 60) -> dict[Labels, tuple[float | None, ...]]:
        self.now += after
        keys = list(self.rows)[: self.limit]
        columns: Columns = {
            name: [self.rows[key][place] for key in keys] for place, name in enumerate(COLUMNS)
        }
        labels, values = self.fold.apply(keys, columns, whole=len(self.rows) <= self.limit)
        assert len(set(labels)) == len(labels)
        return dict(zip(labels, zip(*values.values(), strict=True), strict=True))

    def totals(self) -> dict[Labels, tuple[float | None, ...]]:
        labels, values = self.fold.totals()
        return dict(zip(labels, zip(*values.values(), strict=True), strict=True))


OTHER = ("shop", "other", "other")
REST_OF_FIRST = ("first", "other", "other")


def app(queryid: str) -> Labels:
    return ("shop", "app", queryid)


def test_what_was_there_before_the_watch_began_does_not_count() -> None:
    server = Server()
    for place in range(5):
        server.gain(f"q{place}", 1000.0 - place)
    assert server.scrape() == {app("q0"): (0, 0), app("q1"): (0, 0), OTHER: (0, 0)}
    server.gain("q0", 3)
    server.gain("q4", 2)
    assert server.scrape() == {app("q0"): (3, 1), app("q4"): (0, 0), OTHER: (2, 1)}
    assert server.totals() == {("shop",): (5, 2)}


def test_a_row_that_is_new_counts_from_nothing() -> None:
    server = Server()
    server.scrape()
    server.gain("new", 7)
    assert server.scrape() == {app("new"): (0, 0), OTHER: (7, 1)}
    server.gain("new", 2)
    assert server.scrape() == {app("new"): (2, 1), OTHER: (7, 1)}


def test_what_another_server_holds_does_not_count() -> None:
    server = Server()
    server.gain("both", 3)
    server.gain("gone", 3, datname="first")
    server.scrape()
    server.gain("both", 2)
    assert server.scrape()[app("both")] == (2, 1)
    server.fold.begin_anew()
    server.rows = {app("both"): [1000.0, 100.0], app("its"): [500.0, 50.0]}
    assert server.scrape() == {app("both"): (0, 0), app("its"): (0, 0), OTHER: (0, 0), REST_OF_FIRST: (0, 0)}
    assert server.totals() == {("shop",): (2, 1), ("first",): (0, 0)}
    server.gain("both", 4)
    server.gain("new", 5)
    assert server.scrape()[app("both")] == (4, 1)
    assert server.totals()["shop",] == (11, 3)
    assert ("first",) in server.totals()
    server.scrape(after=3600)
    assert ("first",) not in server.totals(), "what only the other one had is forgotten in its time"


def test_what_a_cut_answer_did_not_show_is_not_new() -> None:
    server = Server(keep=0, limit=2)
    for queryid in "abcd":
        server.gain(queryid, 1000, 100)
    assert server.scrape() == {OTHER: (0, 0)}
    del server.rows[app("a")]
    assert server.scrape() == {OTHER: (0, 0)}, "c was there, and was cut off"
    del server.rows[app("b")]
    server.gain("c", 5)
    assert server.scrape() == {OTHER: (5, 1)}, "nor is d, in an answer that is whole"
    del server.rows[app("c")]
    for queryid, seconds in (("d", 2), ("e", 3), ("f", 4)):
        server.gain(queryid, seconds)
    assert server.scrape() == {OTHER: (10, 3)}, "e was in no whole answer, so it is new in a cut one too"
    assert server.totals() == {("shop",): (10, 3)}


def test_a_row_that_is_forgotten_keeps_what_it_gave_and_begins_again() -> None:
    server = Server(keep=0)
    server.scrape()
    server.gain("a", 7)
    assert server.scrape()[OTHER] == (7, 1)
    del server.rows[app("a")]
    assert server.scrape()[OTHER] == (7, 1)
    server.gain("a", 3)
    assert server.scrape()[OTHER] == (10, 2)


def test_a_reset_of_the_statistics_loses_nothing_and_invents_nothing() -> None:
    server = Server(keep=1)
    server.gain("a", 500, 50)
    server.gain("b", 100, 10)
    server.scrape()
    server.rows = {app("a"): [4.0, 2.0]}
    assert server.scrape() == {app("a"): (4, 2), OTHER: (0, 0)}


def test_one_counter_that_falls_means_that_the_row_began_again() -> None:
    server = Server(keep=0)
    server.gain("a", 5, 100)
    server.scrape()
    server.rows[app("a")] = [9.0, 1.0]
    assert server.scrape()[OTHER] == (9, 1)


def test_two_equals_do_not_swap_places() -> None:
    server = Server(keep=1)
    server.gain("a", 10)
    server.gain("b", 1)
    server.scrape()
    for turn in range(20):
        server.gain("a", 10 if turn % 2 else 15)
        server.gain("b", 15 if turn % 2 else 10)
        assert app("a") in server.scrape()


def test_a_much_busier_row_takes_the_place_of_the_weakest_at_once() -> None:
    server = Server(keep=2)
    for queryid, seconds in (("a", 10), ("b", 5), ("c", 1)):
        server.gain(queryid, seconds)
    server.scrape()
    server.gain("a", 10)
    server.gain("b", 5)
    server.gain("c", 50)
    assert set(server.scrape()) == {app("a"), app("c"), OTHER}


def test_a_place_falls_free_after_an_idle_hour_and_its_past_is_not_counted_twice() -> None:
    server = Server(keep=1)
    server.gain("a", 1)
    server.scrape()
    server.gain("a", 1000)
    assert server.scrape() == {app("a"): (1000, 1), OTHER: (0, 0)}
    assert app("a") in server.scrape(after=3599)
    assert server.scrape(after=1) == {OTHER: (0, 0)}
    assert server.totals() == {("shop",): (1000, 1)}


def test_after_a_long_silence_rows_that_are_still_there_are_not_new() -> None:
    server = Server(keep=0)
    server.gain("a", 1000)
    server.scrape()
    server.gain("a", 1)
    assert server.scrape(after=86_400)[OTHER] == (1, 1)


def test_a_dropped_database_leaves_after_an_hour() -> None:
    server = Server(keep=1)
    server.gain("a", 1)
    server.gain("b", 1, datname="gone")
    server.scrape()
    del server.rows["gone", "app", "b"]
    assert ("gone", "other", "other") in server.scrape(after=3599)
    assert set(server.scrape(after=60)) <= {app("a"), OTHER}
    assert list(server.totals()) == [("shop",)]


def test_a_column_that_never_holds_a_number_stays_without_one() -> None:
    fold = Fold(LABELS, 1, "seconds", "queryid")
    labels = [app("a"), app("b")]
    assert fold.apply(labels, {"seconds": [1.0, 2.0], "plans": [None, None]}) == (
        [app("b"), ("shop", "app", "other")],
        {"seconds": [0.0, 0.0], "plans": [None, None]},
    )
    _, values = fold.apply(labels, {"seconds": [1.0, 2.0], "plans": [None, 3.0]})
    assert values["plans"] == [3.0, 0.0]


def test_rows_with_the_same_labels_are_one_row() -> None:
    fold = Fold(LABELS, 0, "seconds", "user")
    labels = [app("a"), app("b"), app("a")]
    fold.apply(labels, {"seconds": [1.0, 2.0, 3.0], "plans": [None, None, 1.0]})
    assert fold.apply(labels, {"seconds": [2.0, 2.0, 4.0], "plans": [None, None, 5.0]}) == (
        [OTHER],
        {"seconds": [2.0], "plans": [4.0]},
    )


@dataclass(frozen=True)
class Step:
    """What happens between two scrapes: rows that gain, rows that are forgotten, how long it takes."""

    gains: dict[tuple[str, str], int]
    evicted: frozenset[tuple[str, str]]
    seconds: float


ROWS = st.tuples(st.sampled_from(["shop", "crm"]), st.sampled_from([f"q{n}" for n in range(8)]))
STEPS = st.builds(
    Step,
    gains=st.dictionaries(ROWS, st.integers(0, 1000)),
    evicted=st.frozensets(ROWS, max_size=5),
    seconds=st.sampled_from([1.0, 15.0, 60.0, 900.0, 3000.0]),
)


@given(steps=st.lists(STEPS, min_size=1, max_size=25), keep=st.integers(0, 5))
def test_the_series_gain_what_the_rows_gain_and_never_fall(steps: list[Step], keep: int) -> None:
    server = Server(keep=keep)
    raw: dict[Labels, list[float]] = {}
    before: dict[Labels, tuple[float | None, ...]] = {}
    totals_before: dict[Labels, tuple[float | None, ...]] = {}
    given_up = False
    seen: dict[Labels, float] = {}
    for number, step in enumerate(steps):
        for datname, queryid in step.evicted:
            server.rows.pop((datname, "app", queryid), None)
        for (datname, queryid), seconds in step.gains.items():
            server.gain(queryid, seconds, datname=datname)
        now = server.scrape(after=step.seconds)

        # What the rows gained, told without the fold
        expected: dict[str, float] = defaultdict(float)
        for key, row in server.rows.items():
            old = raw.get(key, [0.0, 0.0]) if number else row
            fell = any(new < was for new, was in zip(row, old, strict=True))
            expected[key[0]] += row[0] - (0.0 if fell else old[0])
            raw[key], seen[key] = list(row), server.now
        for key in [key for key, at in seen.items() if server.now - at >= 3600]:
            del raw[key], seen[key]

        gained: dict[str, float] = defaultdict(float)
        for key, (value, _) in now.items():
            assert value is not None
            was = before.get(key, (0.0, 0.0))[0] or 0.0
            assert value >= was
            gained[key[0]] += value - was
        assert all(gained[datname] == expected[datname] for datname in expected)

        totals = server.totals()
        for key, (value, _) in totals.items():
            assert value is not None
            was = totals_before.get(key, (0.0, 0.0))[0] or 0.0
            assert value - was == expected[key[0]]
        given_up = given_up or not before.keys() <= now.keys()
        if not given_up:
            for (datname,), sums in totals.items():
                assert sums[0] == sum(row[0] or 0.0 for key, row in now.items() if key[0] == datname)
        assert sum(key[2] != "other" for key in now) <= keep
        before, totals_before = now, totals


@pytest.mark.parametrize("keep", [0, 20])
def test_rows_beyond_the_kept_ones_cost_no_series(keep: int) -> None:
    server = Server(keep=keep)
    for step in range(3):
        for place in range(1500):
            server.gain(f"q{place}", place + step)
        assert len(server.scrape()) == keep + 1


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rows than usual are too many to be remembered."""
    monkeypatch.setattr("exporter.sources.postgres.fold._REMEMBER", 6)


@pytest.mark.usefixtures("few")
def test_rows_that_come_and_go_within_the_hour_are_not_all_remembered() -> None:
    server = Server(keep=2)
    gained = before = 0.0
    for step in range(50):
        server.rows = {}
        for place in range(4):
            server.gain(f"q{step}-{place}", step + place)
            gained += step + place if step else 0.0
        assert len(server.fold._rows) <= 4 + 4 + 2
        now = server.scrape()
        assert len(server.fold._rows) <= 4 + 4 + 2
        assert server.totals()[("shop",)][0] == gained
        if step < 30:  # none was given up
            assert sum(seconds or 0.0 for seconds, _ in now.values()) == gained
        assert (now[OTHER][0] or 0.0) >= before
        before = now[OTHER][0] or 0.0


@pytest.mark.usefixtures("few")
def test_of_too_many_rows_those_gone_longest_are_forgotten_first_but_none_that_is_shown() -> None:
    server = Server(keep=1)
    server.scrape()
    for queryid, seconds in (("shown", 100), ("long", 1), ("short", 1)):
        server.gain(queryid, seconds)
    server.scrape()
    for queryid in ("shown", "long"):
        del server.rows[app(queryid)]
    server.scrape()
    for queryids in ("ab", "cd"):
        server.rows = {}
        for queryid in queryids:
            server.gain(queryid, 1)
        server.scrape()
    server.rows = {}
    server.gain("shown", 150)
    server.gain("long", 3)
    server.gain("short", 3)
    before = server.totals()["shop",][0]
    server.scrape()
    assert before is not None
    assert server.totals()["shop",][0] == before + 50 + 3 + 2


@pytest.mark.usefixtures("few")
def test_one_collection_of_few_rows_makes_the_others_no_new_ones() -> None:
    server = Server(keep=0)
    for place in range(100):
        server.gain(f"q{place}", 1000)
    server.scrape()
    rows, server.rows = server.rows, {app("q0"): [1000.0, 1.0]}
    server.scrape()
    server.rows = rows
    assert server.scrape() == {OTHER: (0, 0)}


@pytest.mark.usefixtures("few")
def test_a_remainder_stays_for_an_hour_when_its_rows_are_forgotten_before() -> None:
    server = Server(keep=0)
    other = ("quiet", "other", "other")
    server.gain("a", 1, datname="quiet")
    server.scrape()
    server.gain("a", 5, datname="quiet")
    assert server.scrape()[other] == (5, 1)
    for step in range(10):
        server.rows = {}
        for place in range(4):
            server.gain(f"q{step}-{place}", 1)
        assert server.scrape()[other] == (5, 1)
    assert not any(key[0] == "quiet" for key in server.fold._rows)
    server.gain("b", 2, datname="quiet")
    assert server.scrape()[other] == (7, 2)
    assert server.totals()["quiet",] == (7, 2)
    server.rows = {}
    for step in range(59):
        server.gain(f"p{step}", 1)
        assert other in server.scrape()
    assert other not in server.scrape()
    assert list(server.totals()) == [("shop",)]
