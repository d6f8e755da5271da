"""Whose turn it is: which collectors are asked together, which alone, in which order and for how long at most.

Pure: no server, and no clock but what is given, so that what it promises is tested over thousands of collections
(`tests/unit/test_postgres_turns.py`). Of a server's time in one collection:

- The first half belongs to what is quick, the quickest first, all in one round. Own SQL that never ran is probed there,
  for moments that grow from try to try, so that a quick one is known soon, however many slow ones stand before it.
- What is left belongs to the others, one after the other, built-in ones before own SQL, and of each kind whoever waited
  longest first: each collection gives a turn to one that fits, or to one that never fits and has what is left. Among N
  such, each waits for N - 1 others at most.
- Who fits only without those is let in before them, in one of `PATIENCE` collections at most; where both kinds wait for
  that, they alternate.

So, as long as it is due, a collector that fits into `FITS` of the time has a turn within PATIENCE * (N + 1)
collections, or twice as many where both kinds need all the time. For a built-in one N counts the built-in ones that are
slow, however much own SQL there is. While nobody knows how long own SQL takes its first turns are cut off, and the
first that it ends may come after twice as many.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

QUICK = 0.05
"""Share of the time up to which a collector counts as quick."""
ROUND = 0.5
"""Share that the quick ones may fill together."""
LIMIT = 0.25
"""Share after which one that was quick is cut off, and that the probes of one round may fill together."""
ALONE = 0.9
"""Share that one alone may have; the rest is for what is quick."""
FITS = 0.85
"""Share up to which a collector is sure to fit when it is alone; one that takes longer has what is left."""
PATIENCE = 4
"""Collections without a turn after which somebody may go before the quick ones, and between two such times."""
_PROBE = 0.05
_STEP = 4
"""The first probe lasts so many seconds, each further one so many times as long, the longest as long as is quick."""
_FORGET = 0.5
"""Share of what one was thought to take that counts still when it took less: what is slow at times stays so a while."""
_MORE = 1.25
"""One that was cut off is thought to take so many times as long as it had."""
_ROUNDING = 1e-9
_FIRST_WAIT = 60.0


@dataclass(slots=True, kw_only=True)
class Turn:
    """What decides when a collector has its turn. Times are of the monotonic clock, in seconds."""

    timeout: float
    """The limit of its own."""
    own: bool
    """Built-in ones are taken for quick until they are known."""
    due: float = 0.0
    last: float = 0.0
    """When it had its last turn; a probe is none."""
    expected: float | None = None
    """How long it is thought to take; None while nobody knows."""
    probes: int = 0
    missed: int = 0
    """In how many collections in a row it was due and had no turn."""
    latest: float | None = None
    """How long it took when it last ended by itself."""

    def took(self, seconds: float, now: float) -> None:
        """It had a turn at `now`, and ended by itself.

        A built-in one is slow when it is so twice in a row: once says more of the server than of the statement.
        """
        if self.own:
            self.expected = max(seconds, _FORGET * (self.expected or 0.0))
        else:
            self.expected = seconds if self.latest is None else min(seconds, self.latest)
        self.latest = seconds
        self.last, self.missed, self.probes = now, 0, 0


T = TypeVar("T", bound=Turn)
S = TypeVar("S")


class Turns:
    """The order of the collectors of one server. `seconds` is the time that a whole collection has."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._quick = QUICK * seconds
        self._collections = 0
        # What was left in the last collections: by the quick ones for built-in ones, and by both for own SQL.
        self._beside = {own: deque([seconds], PATIENCE) for own in (False, True)}
        self._own_was_first = True

    @property
    def limit(self) -> float:
        """Seconds after which one that is asked in the round is cut off."""
        return LIMIT * self.seconds

    @property
    def alone(self) -> float:
        """Seconds that one alone may have."""
        return ALONE * self.seconds

    def slow(self, turn: Turn) -> bool:
        """Say whether it is known to belong in no round."""
        return self._in_round(turn) is None

    def together(self, due: Iterable[T], left: float) -> list[tuple[T, float]]:
        """Return those that are asked in one round when `left` seconds are, in order, and after how many each is cut
        off."""
        room, planned = min(left, ROUND * self.seconds), list[tuple[T, float]]()
        probed: list[tuple[T, float]] = []
        for turn in sorted(due, key=lambda turn: (turn.own, turn.expected or 0.0)):
            most = self._in_round(turn)
            if most is None:
                continue
            if turn.expected is None and turn.own:
                probed.append((turn, most))
            elif (turn.expected or 0.0) <= room:
                room -= turn.expected or 0.0
                planned.append((turn, most))
        room = min(room, self.limit)
        for turn, most in sorted(probed, key=lambda item: item[0].probes):
            if most <= room + _ROUNDING:
                room -= most
                planned.append((turn, most))
        return planned

    def next(self, waiting: Iterable[tuple[T, float, S]]) -> tuple[T, float, S] | None:
        """Return who is asked next, alone; each comes with the seconds that it could have, and who is to ask it."""
        in_line = sorted(waiting, key=lambda item: item[0].last)
        for own in (False, True):
            of_kind = [item for item in in_line if item[0].own is own]
            if of_kind and self._beside[own][-1] == 0.0:
                self._beside[own][-1] = max(left for _, left, _ in of_kind)
            for item in of_kind:
                turn, left, _ = item
                expected = turn.expected or 0.0
                fits = left >= max(self._quick, expected)
                if fits or (left >= self._quick and expected > FITS * self.seconds):
                    return item
        return None

    def before_all(self, waiting: Sequence[tuple[T, S]]) -> tuple[T, S] | None:
        """Return who is asked before the round, as it does not fit beside it. Called as a collection begins."""
        self._collections += 1
        patient = [item for item in waiting if item[0].missed >= PATIENCE and self._fits_alone_only(item[0])]
        for left in self._beside.values():
            left.append(0.0)
        if not patient or self._collections < PATIENCE:
            return None
        self._collections = 0
        first = min(patient, key=lambda item: (item[0].own is self._own_was_first, item[0].last))
        self._own_was_first = first[0].own
        return first

    def cut(self, turn: Turn, seconds: float, *, before_all: bool = False) -> None:
        """It was alone, and was cut off after so many seconds; `before_all` had all the time there is."""
        more, fits = _MORE * seconds, FITS * self.seconds
        if before_all:
            more = max(more, _MORE * fits)
        elif seconds < fits:
            more = min(more, fits)  # it may well fit, if it has all the time there is
        turn.expected = max(turn.expected or 0.0, min(more, turn.timeout))  # by then its own limit ends it

    def cut_in_round(self, turn: Turn, seconds: float) -> None:
        """It was asked with others, and was cut off there after so many seconds."""
        if turn.own and turn.expected is None:
            turn.probes += 1
        else:
            self.cut(turn, seconds)

    def interrupted(self, turn: Turn, seconds: float) -> None:
        """The collection was over so many seconds after it began, whoever took the time."""
        if seconds > self._quick:
            most = seconds if turn.own else min(seconds, self.limit)  # a built-in one has its next turn soon
            turn.expected = max(turn.expected or 0.0, most)

    def _fits_alone_only(self, turn: Turn) -> bool:
        """Say whether it would have a turn with all the time there is, and has none beside the others."""
        least = min(self._beside[turn.own])
        return least < self._quick or least < (turn.expected or 0.0) <= FITS * self.seconds

    def _in_round(self, turn: Turn) -> float | None:
        """Return how long it may take in the round; None if it is asked alone."""
        if turn.expected is not None:
            return self.limit if turn.expected <= self._quick else None
        if not turn.own:
            return self.limit
        before = _PROBE * _STEP ** (turn.probes - 1) if turn.probes else 0.0
        return min(_STEP * before or _PROBE, self._quick) if before < self._quick else None


def put_off(failures: int, most: float) -> float:
    """Return for how many seconds what failed so often in a row is left alone: a minute, then twice as long each
    time."""
    return min(most, _FIRST_WAIT * float(2 ** min(failures - 1, 10)))
