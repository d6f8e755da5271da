"""Whose turn it is on a Postgres server, played through without one: who is quick, who is slow, who waits how long."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, pairwise
from math import ceil, floor

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.sources.postgres.turns import FITS, LIMIT, PATIENCE, QUICK, ROUND, Turn, Turns, put_off

FIRST_PROBE = 0.05
SECONDS = st.floats(0.5, 60)


@dataclass(slots=True, kw_only=True)
class Played(Turn):
    """A collector that takes as long as its script says, one entry a try, over and over."""

    script: Sequence[float]
    every: float = 0.0
    tries: int = 0
    failures: int = 0
    ended: list[int] = field(default_factory=list)
    """Numbers of the collections in which it ended by itself or by the limit of its own."""
    turns: list[int] = field(default_factory=list)
    missed_in: list[int] = field(default_factory=list)
    known_since: int | None = None


class Server:
    """Plays collections as the source does, with nothing that takes time but the collectors."""

    def __init__(self, seconds: float, played: Sequence[Played], tick: float | None = None) -> None:
        self.turns, self.seconds, self.played = Turns(seconds), seconds, played
        self.tick = seconds if tick is None else tick
        self.number = 0
        self.now = self.began = 1.0
        self.set_aside: list[int] = []

    def play(self, collections: int) -> None:
        for _ in range(collections):
            self.number += 1
            self.began = self.now = max(self.now, 1.0 + self.number * self.tick)
            self.collect()

    def waiting(self) -> list[Played]:
        return [turn for turn in self.played if self.began >= turn.due and turn.last < self.began]

    def left(self) -> float:
        return self.began + self.seconds - self.now

    def collect(self) -> None:
        first = self.turns.before_all([(turn, None) for turn in self.waiting()])
        if first is not None:
            self.set_aside.append(self.number)
            self.ask(first[0], self.turns.alone, probe=False, before_all=True)
        asked = self.turns.together(self.waiting(), self.left())
        planned = [most if turn.expected is None and turn.own else turn.expected or 0 for turn, most in asked]
        assert sum(planned) <= min(self.left(), ROUND * self.seconds) + 1e-9
        for turn, most in asked:
            if not self.ask(turn, most, probe=True):
                break
        while (found := self.turns.next([(turn, self.left(), None) for turn in self.waiting()])) is not None:
            self.alone(found[0])
        assert self.left() >= -1e-9, "no more time is planned than there is"
        for turn in self.waiting():
            turn.missed += 1
            turn.missed_in.append(self.number)

    def alone(self, turn: Played) -> None:
        self.ask(turn, min(self.left(), self.turns.alone), probe=False)

    def ask(self, turn: Played, most: float, *, probe: bool, before_all: bool = False) -> bool:
        """Play one statement; say whether the collection goes on."""
        takes = next(islice(cycle(turn.script), turn.tries % len(turn.script), None))
        limit = min(most, turn.timeout)
        had = min(takes, limit, max(0.0, self.left()))
        self.now += had
        if had == takes or had == turn.timeout:
            turn.tries += 1
            turn.took(had, self.now)
            turn.turns.append(self.number)
            turn.ended.append(self.number)
            turn.known_since = turn.known_since or self.number
            turn.failures = 0 if had == takes else turn.failures + 1
            wait = put_off(turn.failures, turn.every) if turn.failures else turn.every
            turn.due = self.now + wait
            return True
        if not probe:
            self.turns.cut(turn, had, before_all=before_all)
            turn.tries += 1
            turn.last, turn.missed, turn.failures = self.now, 0, turn.failures + 1
            turn.turns.append(self.number)
            turn.due = self.now + put_off(turn.failures, turn.every)
        elif had == limit:
            self.turns.cut_in_round(turn, had)
        else:
            self.turns.interrupted(turn, had)
        return had == limit


def quick_ones(seconds: float, shares: Sequence[float]) -> list[Played]:
    """Return built-in and own ones that are quick, and fill the round at most; each varies between half and whole."""
    most = [QUICK * seconds * share for share in shares]
    scale = min(1.0, ROUND * seconds / max(sum(most), 1e-9))
    return [
        Played(timeout=seconds, own=bool(place % 2), script=[long * scale * 0.999, long * scale / 2])
        for place, long in enumerate(most)
    ]


def slow_ones(seconds: float, shares: Sequence[float], timeout: float = 10.0) -> list[Played]:
    """Return own ones that take such shares of the time, until their own limit, which is `timeout` of it."""
    return [Played(timeout=timeout * seconds, own=True, script=[share * seconds]) for share in shares]


QUICK_SHARES = st.lists(st.floats(0.01, 1), max_size=30)


@given(SECONDS, QUICK_SHARES, st.lists(st.floats(0.06, 5), max_size=40))
@example(
    27.0, [1.0, 0.5] + 9 * [1.0], 10 * [1.0]
)  # what was cut off was thought to take longer than its limit
def test_what_is_quick_misses_no_turn_beside_slow_ones_with_limits_that_leave_it_its_time(
    seconds: float, quick: list[float], slow: list[float]
) -> None:
    """The default: a statement may have 2 s, a source 10."""
    fast = quick_ones(seconds, quick)
    server = Server(seconds, [*slow_ones(seconds, slow, timeout=0.4), *fast])
    server.play(60)
    assert server.set_aside == []
    for turn in fast:
        assert turn.known_since is not None
        assert [number for number in turn.missed_in if number > turn.known_since] == []


@given(SECONDS, QUICK_SHARES, st.lists(st.floats(0.06, 5), max_size=40))
def test_what_is_quick_misses_no_two_turns_in_a_row_whatever_the_slow_ones_need(
    seconds: float, quick: list[float], slow: list[float]
) -> None:
    fast = quick_ones(seconds, quick)
    server = Server(seconds, [*slow_ones(seconds, slow), *fast])
    server.play(80)
    for turn in fast:
        assert turn.known_since is not None
        missed = [number for number in turn.missed_in if number > turn.known_since]
        assert set(missed) <= set(server.set_aside)
        assert all(later - sooner >= PATIENCE for sooner, later in pairwise(missed))


@given(SECONDS, QUICK_SHARES, st.lists(st.floats(0.06, 3), min_size=2, max_size=12))
def test_what_is_slow_at_times_costs_the_quick_ones_no_turn(
    seconds: float, quick: list[float], script: list[float]
) -> None:
    """It is cut off after a while where it was expected to be quick, and waits with the slow ones from then on."""
    fast = quick_ones(seconds, quick)
    moody = [
        Played(
            timeout=0.4 * seconds, own=True, script=[0.0, *(share * seconds for share in script), 0.0, 0.0]
        ),
        Played(
            timeout=0.4 * seconds, own=False, script=[0.0, 0.0, 0.0, *(share * seconds for share in script)]
        ),
    ]
    server = Server(seconds, [*moody, *fast])
    server.play(80)
    for turn in fast:
        assert turn.known_since is not None
        assert [number for number in turn.missed_in if number > turn.known_since] == []
    for turn in moody:
        gaps = [later - sooner for sooner, later in pairwise(turn.turns)]
        assert max(gaps) <= (2 * PATIENCE if turn.own else 3)


@given(SECONDS, QUICK_SHARES, st.lists(st.floats(0.06, 5), min_size=1, max_size=12))
def test_whoever_fits_alone_has_a_turn_in_time_and_nobody_starves(
    seconds: float, quick: list[float], slow: list[float]
) -> None:
    played = slow_ones(seconds, slow)
    server = Server(seconds, [*played, *quick_ones(seconds, quick)])
    bound = PATIENCE * (len(slow) + 1)
    server.play(6 * bound)
    for turn in played:
        times = turn.ended if turn.script[0] < FITS * seconds else turn.turns
        first, *_ = times
        assert first <= 3 * bound, "it is first to be known how long it takes"
        assert all(b - a <= bound for a, b in zip(times, [*times[1:], server.number], strict=True)), times


@given(SECONDS, st.lists(st.floats(0.06, 0.4), min_size=1, max_size=30))
def test_whoever_fits_beside_the_quick_ones_waits_for_one_collection_a_slow_one(
    seconds: float, slow: list[float]
) -> None:
    played = slow_ones(seconds, slow)
    server = Server(seconds, [*played, *quick_ones(seconds, [0.5] * 5)])
    server.play(4 * len(slow) + 20)
    for turn in played:
        assert turn.ended[0] <= 2 * len(slow) + 3, "it is first to be known how long it takes"
        assert all(b - a <= len(slow) for a, b in pairwise(turn.ended))


def waits(turn: Played, until: int) -> list[int]:
    """Return after how many collections each of its turns came, and how many passed since the last."""
    return [later - sooner for sooner, later in pairwise([0, *turn.ended, until])]


OWN_SHARES = st.lists(st.floats(0.06, 5), max_size=25)


@given(SECONDS, OWN_SHARES, st.floats(0.05, 0.5), st.integers(0, 40), st.floats(0.1, 10))
def test_a_hiccup_of_the_server_costs_a_built_in_one_no_place_among_the_slow_ones(
    seconds: float, slow: list[float], long: float, quick: int, timeout: float
) -> None:
    """It is quick but once: a cold start, a server that stood still, a loaded machine."""
    script = [0.005 * seconds] * quick + [long * seconds] + [0.005 * seconds] * 200
    moody = Played(timeout=seconds, own=False, script=script)
    server = Server(seconds, [moody, *slow_ones(seconds, slow, timeout), *quick_ones(seconds, [0.2] * 10)])
    server.play(60)
    assert max(waits(moody, server.number)) <= 3


@given(SECONDS, OWN_SHARES, st.lists(st.floats(0.06, 0.2), min_size=1, max_size=6), st.floats(0.1, 10))
def test_built_in_ones_that_are_slow_wait_for_each_other_and_for_no_own_sql(
    seconds: float, slow: list[float], builtin: list[float], timeout: float
) -> None:
    """A big catalogue: each is slow, always. A third more is for those that are let in before all."""
    heavy = [Played(timeout=seconds, own=False, script=[share * seconds]) for share in builtin]
    played = [*heavy, *slow_ones(seconds, slow, timeout), *quick_ones(seconds, [0.5] * 5)]
    server = Server(seconds, played)
    server.play(30 * len(builtin))
    bound = ceil(len(builtin) * PATIENCE / (PATIENCE - 1)) + 1
    for turn in heavy:
        assert max(waits(turn, server.number)) <= bound


@given(
    SECONDS,
    st.lists(st.floats(0.06, 5), min_size=1, max_size=5),
    st.lists(st.floats(0.06, FITS - 0.01), min_size=1, max_size=5),
)
def test_neither_kind_of_slow_ones_starves_the_other(
    seconds: float, slow: list[float], builtin: list[float]
) -> None:
    """Whatever each of them takes, and though built-in ones come first."""
    heavy = [Played(timeout=seconds, own=False, script=[share * seconds]) for share in builtin]
    light = slow_ones(seconds, slow)
    server = Server(seconds, [*heavy, *light, *quick_ones(seconds, [0.5] * 5)])
    server.play(200)
    for turns, share in ((heavy, len(heavy)), (light, len(light))):
        for turn in turns:
            times = turn.ended if turn.script[0] < FITS * seconds else turn.turns
            assert times
            assert max(b - a for a, b in pairwise([*times, server.number])) <= 2 * PATIENCE * (share + 1)


@given(SECONDS, st.integers(1, 120), st.integers(1, 8))
def test_too_many_quick_ones_take_turns_as_well(seconds: float, many: int, unknown: int) -> None:
    """Together they take up to six times as long as there is."""
    played = [
        Played(timeout=seconds, own=bool(place % 2), script=[QUICK * seconds * 0.99]) for place in range(many)
    ] + slow_ones(seconds, [0.2] * unknown)
    server = Server(seconds, played)
    bound = PATIENCE * (len(played) + 1)
    server.play(2 * bound)
    for turn in played:
        assert turn.ended
        assert all(b - a <= bound for a, b in zip(turn.ended, [*turn.ended[1:], server.number], strict=True))


@given(st.floats(1, 60), st.integers(0, 60), st.floats(0.06, 20), st.floats(0.0, 1.0), st.booleans())
def test_a_quick_one_that_never_ran_is_known_soon_behind_many_that_are_slow(
    seconds: float, many: int, slow: float, share: float, after_others: bool
) -> None:
    """At the start, and when it is new: a few collections, even behind forty."""
    played = slow_ones(seconds, [slow] * many)
    takes = share * min(FIRST_PROBE, QUICK * seconds)
    newest = Played(timeout=2, own=True, script=[takes])
    before = Server(seconds, [*played, *quick_ones(seconds, [0.3] * 10)])
    if after_others:
        before.play(30)
    start = before.number
    before.played = [*before.played, newest]
    probes = floor(LIMIT * seconds / min(FIRST_PROBE, QUICK * seconds) + 1e-9)
    bound = 1 + ceil(ceil((many + 6) / probes) * PATIENCE / (PATIENCE - 1))
    before.play(bound)
    assert newest.ended, f"not within {bound} collections"
    assert newest.ended[0] - start <= bound


@given(
    SECONDS,
    st.lists(
        st.tuples(st.floats(0.01, 8), st.floats(0, 40), st.floats(0.05, 2), st.booleans()),
        min_size=1,
        max_size=15,
    ),
)
def test_intervals_time_outs_and_failures_of_any_kind_leave_everybody_a_turn(
    seconds: float, kinds: list[tuple[float, float, float, bool]]
) -> None:
    played = [
        Played(
            timeout=limit * seconds,
            own=own,
            every=every * seconds,
            script=[share * seconds, share * seconds / 3],
        )
        for share, every, limit, own in kinds
    ]
    server = Server(seconds, played, tick=1.5 * seconds)
    server.play(500)
    for turn in played:
        assert turn.turns
        assert len(turn.missed_in) < 500
        streaks = "".join("m" if n in set(turn.missed_in) else "." for n in range(1, 501)).split(".")
        assert max(map(len, streaks)) <= PATIENCE * (len(played) + 1)


def test_what_fails_is_put_off_for_longer_each_time() -> None:
    assert [put_off(failures, 900) for failures in (1, 2, 3, 4, 5, 50)] == [60, 120, 240, 480, 900, 900]
    assert put_off(1, 15) == 15
