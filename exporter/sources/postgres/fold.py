"""The busiest rows of a long list of counters under their own labels, all others as one remainder.

`pg_stat_statements` holds thousands of rows, of which a few matter at a time, and it forgets rows when it is full. So
neither a fixed selection nor a plain sum will do: a sum over what is left falls with each row that is forgotten, which
Prometheus takes for a restart of the counter and answers with a spike. Everything here is therefore made of *deltas*
between two collections of the same row:

- What a shown row gains goes to its own series, which begins at 0 when it is chosen. What any other row gains goes to
  the remainder. So between two collections the series together gain exactly what the rows gained, whoever came or
  went in between. What a series had gained before it was given up is not moved into the remainder: it was counted.
- A row that is gone keeps what it gave; one that is back with less has begun at 0 again, as has one that was gone so
  long, or before so many others, that it is no longer remembered.
- What the rows held when the watch began is the baseline and counts nowhere. So is what a row held that was not seen
  before, if the last answer was cut off: it may have been there all the time; and what the rows of another server hold.

Rows are ranked by what they gained lately (half of it is forgotten every ten minutes). One that is not shown takes
the place of the weakest that is only when it gained more than twice as much, so that two equals do not swap places at
each collection, and a place falls free when its row gained nothing for an hour.
"""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REMAINDER = "other"

_HALF_LIFE = 600.0
_FORGET = 3600.0
_REMEMBER = 10_000
_TAKE_OVER = 2.0
# Of the baseline a trace counts towards the rank, so that the likely ones are shown, at 0, from the first moment.
_TRACE = 1e-9

Labels = tuple[str, ...]
Columns = dict[str, list[float | None]]
Rows = tuple[list[Labels], Columns]
"""Label values of each row, and its numbers by column; all lists are equally long."""


@dataclass(slots=True)
class _Row:
    """What is known of one row; `shown` is what its series gained, None while it has none. Monotonic times."""

    values: tuple[float, ...]
    seen: float
    busy: float
    rank: float = 0.0
    shown: list[float] | None = None


class Fold:
    """Shows at most `keep` rows, ranked by the column `by`.

    Rows that are gone are remembered for an hour, but no more rows in all than twice those of the largest collection,
    or 10,000 if that is more.

    Args:
        labels: names of the labels, in the order of every row's values.
        keep: most rows that are shown at once; 0 shows remainders alone.
        by: column whose recent gain ranks the rows.
        other: label that reads `other` in the remainder, as do the labels after it; there is one remainder for each
            combination of the labels before it.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        labels: Sequence[str],
        keep: int,
        by: str,
        other: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep, self._by, self._clock = keep, by, clock
        self._groups = list(labels).index(other)
        self._fill = (REMAINDER,) * (len(labels) - self._groups)
        self._rows: dict[Labels, _Row] = {}
        self._rest: dict[Labels, list[float]] = {}
        self._all: dict[Labels, list[float]] = {}
        self._left: dict[Labels, float] = {}
        self._most = _REMEMBER
        self._known: dict[str, bool] = {}
        self._last: float | None = None
        self._whole = False

    def apply(self, labels: list[Labels], values: Columns, *, whole: bool = True) -> Rows:
        """Take the rows of one collection, `whole` unless some were cut off; return the shown ones and the remainders.

        Rows with the same labels are one row. The columns are the same each time; one that never held a number stays
        None. Every series begins at 0 and only grows.
        """
        now = self._clock()
        if len(set(labels)) < len(labels):
            labels, values = _added(labels, values)
        self._most = max(self._most, 2 * len(labels))
        self._decay(now)
        gains = self._gains(labels, values, now)
        self._last, self._whole = now, whole
        self._forget(now)
        chosen = self._choose(now)
        for key, gained in gains:
            self._add(key, gained)
        for row in chosen:
            row.shown = [0.0] * len(values)
        shown = [(key, row.shown) for key, row in self._rows.items() if row.shown is not None]
        return self._written(
            [*shown, *((group + self._fill, gained) for group, gained in self._rest.items())]
        )

    def begin_anew(self) -> None:
        """Take the next rows for a baseline: they are another server's. What was counted stays counted."""
        self._left.update((key[: self._groups], row.seen) for key, row in self._rows.items())
        self._rows.clear()
        self._whole = False

    def shown(self) -> list[Labels]:
        """Return the rows that have a series of their own."""
        return [key for key, row in self._rows.items() if row.shown is not None]

    def totals(self) -> Rows:
        """Return what all rows gained, by the labels before `other`. Each only grows."""
        return self._written(list(self._all.items()))

    def _decay(self, now: float) -> None:
        if self._last is not None:
            factor = 0.5 ** ((now - self._last) / _HALF_LIFE)
            for row in self._rows.values():
                row.rank *= factor

    def _gains(self, labels: list[Labels], values: Columns, now: float) -> list[tuple[Labels, list[float]]]:
        """Return what each row gained since the last collection; rank them by it."""
        for name, column in values.items():
            self._known[name] = self._known.get(name, False) or any(value is not None for value in column)
        numbers = [
            [value or 0.0 for value in column] if None in column else column for column in values.values()
        ]
        by, baseline = list(values).index(self._by), not self._whole
        zeros = (0.0,) * len(values)
        gains: list[tuple[Labels, list[float]]] = []
        for key, current in zip(labels, zip(*numbers, strict=True), strict=True):
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = _Row(current if baseline else zeros, now, now)
                row.rank = current[by] * _TRACE if baseline else 0.0
                for sums in (self._rest, self._all):
                    sums.setdefault(key[: self._groups], list(zeros))
            row.seen = now
            if current == row.values:
                continue
            before, row.values = row.values, current
            if any(new < old for new, old in zip(current, before, strict=True)):
                before = zeros
            gained = [new - old for new, old in zip(current, before, strict=True)]
            gains.append((key, gained))
            if gained[by] > 0:
                row.rank += gained[by]
                row.busy = now
        return gains

    def _add(self, key: Labels, gained: list[float]) -> None:
        """Add what a row gained to its series, to the remainder if it has none, and to the total."""
        group, shown = key[: self._groups], self._rows[key].shown
        for sums in (self._all[group], self._rest[group] if shown is None else shown):
            for place, gain in enumerate(gained):
                sums[place] += gain

    def _forget(self, now: float) -> None:
        """Drop rows that have been gone for an hour, those gone longest of too many, and remainders an hour after them.

        How many are too many goes by the largest collection: in one of few rows others may merely not have been seen.
        """
        gone = [key for key, row in self._rows.items() if now - row.seen >= _FORGET]
        if (spare := len(self._rows) - len(gone) - self._most) > 0:
            others = [
                key for key, row in self._rows.items() if 0 < now - row.seen < _FORGET and row.shown is None
            ]
            gone += sorted(others, key=lambda key: self._rows[key].seen)[:spare]
        for key in gone:
            group = key[: self._groups]
            self._left[group] = max(self._left.get(group, 0.0), self._rows.pop(key).seen)
        if self._left:
            groups = {key[: self._groups] for key in self._rows}
            self._left = {group: seen for group, seen in self._left.items() if group not in groups}
            for group in [group for group, seen in self._left.items() if now - seen >= _FORGET]:
                del self._left[group], self._rest[group], self._all[group]

    def _choose(self, now: float) -> list[_Row]:
        """Free the places of idle rows and of those that much busier ones take over; return the rows to be shown.

        Their series begin after this collection's gains are added: the gain that brought a row up is still part of
        the remainder, where a rate sees it. So is the last gain of one that is given up.
        """
        chosen: dict[Labels, _Row] = {}
        shown: list[tuple[float, Labels]] = []
        for key, row in self._rows.items():
            if row.shown is not None:
                if now - row.busy >= _FORGET:
                    row.shown = None
                else:
                    shown.append((row.rank, key))
        heapq.heapify(shown)
        # The weakest only grows as others take its place.
        least = _TAKE_OVER * shown[0][0] if shown and len(shown) >= self._keep else 0.0
        waiting = [
            (row.rank, key)
            for key, row in self._rows.items()
            if row.rank > least and row.shown is None and now - row.busy < _FORGET
        ]
        for rank, key in heapq.nlargest(self._keep, waiting):
            if len(shown) >= self._keep:
                weakest, loser = shown[0]
                if rank <= _TAKE_OVER * weakest:
                    break
                heapq.heappop(shown)
                self._rows[loser].shown = None
                chosen.pop(loser, None)
            heapq.heappush(shown, (rank, key))
            chosen[key] = self._rows[key]
        return list(chosen.values())

    def _written(self, rows: list[tuple[Labels, list[float]]]) -> Rows:
        columns: Columns = {
            name: [gained[place] if known else None for _, gained in rows]
            for place, (name, known) in enumerate(self._known.items())
        }
        return [key for key, _ in rows], columns


def _added(labels: list[Labels], values: Columns) -> Rows:
    """Make one row of those with the same labels."""
    sums: dict[Labels, list[float | None]] = {}
    for key, row in zip(labels, zip(*values.values(), strict=True), strict=True):
        before = sums.get(key)
        sums[key] = list(row) if before is None else [_sum(a, b) for a, b in zip(before, row, strict=True)]
    columns = zip(*sums.values(), strict=True)
    return list(sums), {name: list(column) for name, column in zip(values, columns, strict=True)}


def _sum(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b
