"""Turns an API that answers with sums over a window of time into counters that only ever grow, restarts included.

Windows are half-open, `[start, end)`, contiguous, and end `lag` seconds before now, when late data have arrived. Cursor
and counters are one value in the state store, written by compare-and-set before they are shown. So each window is added
exactly once: one that failed, or whose sums were not written when the process was killed, is asked again; one that
another exporter has added meanwhile is not added again, its counters are taken instead.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from exporter.engine.budget import OTHER
from exporter.engine.families import Collected, Family, Samples
from exporter.engine.source import SourceError
from exporter.engine.state import Conflict, MemoryStore, StateError, StateStore
from exporter.logs import Log

MOST_SERIES = 10_000
"""Series of one family that are kept; what comes beyond is added to one whose label values are all `other`."""

_MOST_IN_A_WINDOW = 2.0**64
"""As far as APIs and databases count in 64 bits. A counter of more than 2^53 is exact to 16 digits only: much larger
sums would hide what comes after them."""

log = Log()


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time in whole Unix seconds."""

    start: int
    end: int

    @property
    def start_text(self) -> str:
        """The start as RFC 3339, in UTC."""
        return rfc3339(self.start)

    @property
    def end_text(self) -> str:
        """The end as RFC 3339, in UTC; not part of the window."""
        return rfc3339(self.end)


def rfc3339(seconds: int) -> str:
    """Write Unix seconds as `2026-11-20T10:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def grown(family: Family, before: float, by: object) -> float:
    """Return what a counter of `family` has after it grew `by` a count.

    Raises SourceError: parse, for what is no number, below 0 or above 2^64.
    """
    if isinstance(by, int | float) and not isinstance(by, bool) and 0 <= by <= _MOST_IN_A_WINDOW:
        return before + by
    raise SourceError(
        "parse",
        f"{family.name} is a counter, and {by!r:.80} is no count to be added to it: "
        "one is a number from 0 to 2^64; scale what is larger",
    )


class WindowedCounters:
    """Counters fed by windows. All times are Unix seconds.

    Args:
        key: what the state is kept under. Other data (another account) need another key.
        families: the counters; what the state holds of others is forgotten.
        lag: how long the API takes to have all data of a moment.
        step: length of the first window, and what window ends are aligned to.
        longest: the most that one request may span; a longer gap is caught up in pieces.
        keeps: how far back the API answers; what is older is lost and skipped.
        most: series of one family.
    """

    def __init__(
        self,
        key: str,
        families: Iterable[Family],
        *,
        lag: int,
        step: int,
        longest: int = 3600,
        keeps: int = 86400,
        most: int = MOST_SERIES,
    ) -> None:
        self.store: StateStore = MemoryStore()
        self._key = key
        self._families = {family.name: family for family in families}
        self._lag, self._step, self._longest, self._keeps, self._most = lag, step, longest, keeps, most
        self._known: dict[Family, Samples] = {}
        self._version: int | None = None  # None: what the store holds is to be read
        self.begun: int | None = None
        """Where the first window began."""
        self.cursor: int | None = None
        """Where the next window begins."""
        self.values: dict[Family, Samples] = {}
        self._gathered: dict[Family, int] = {}

    async def next(self, now: float, longest: int | None = None, *, sure: bool = True) -> Window | None:
        """Return the window to ask for at `now`, or None when no new one is complete. Raises StateError.

        It spans no more than `longest` seconds, where that is given and shorter than usual. Unless `now` is `sure` to
        be by the API's clock, nothing is skipped as older than what it keeps: ours may be ahead.
        """
        await self._restore()
        end = (int(now) - self._lag) // self._step * self._step
        start = end - self._step if self.cursor is None else self.cursor
        if sure:
            start = max(start, end - self._keeps)
        if end <= start:  # nothing new yet, or the clock was set back: wait until it has caught up
            return None
        return Window(start, min(end, start + min(self._longest, longest or self._longest)))

    async def add(
        self,
        window: Window,
        sums: Mapping[Family, Mapping[tuple[str, ...], float]],
        *,
        as_of: float | None = None,
    ) -> bool:
        """Add the sums of `window`, move on to its end, and make that durable; say whether they were added.

        They are not when the window was not complete `as_of` the moment when the API answered, by the API's own
        clock: ours is ahead. Nor when another exporter has added the window. Counters then are as the store has them.

        Raises:
            ValueError: the window begins before the cursor.
            SourceError: parse, when a sum is none that a counter can grow by; nothing was added.
            StateError: whether it was written is not known; the next call of `next` finds out.
        """
        if self.cursor is not None and window.start < self.cursor:
            raise ValueError(f"{window} begins before the cursor {self.cursor}")
        if as_of is not None and window.end > as_of - self._lag:
            return False
        values = {family: dict(samples) for family, samples in self.values.items()}
        gathered = {
            family: self._grow(family, values.setdefault(family, {}), samples)
            for family, samples in sums.items()
        }
        begun = window.start if self.begun is None else self.begun
        version, self._version = self._version, None  # should anything go wrong from here, read again
        try:
            with _in_time():
                written = _dump(begun, window.end, values)
                self._version = await self.store.write(self._key, written, version or 0)
        except Conflict:
            log.info("window.counted_elsewhere", key=self._key, window=window.start_text)
            await self._restore()
            return False
        self.begun, self.cursor, self.values = begun, window.end, values
        for family, count in gathered.items():
            self._gathered[family] = self._gathered.get(family, 0) + count
        return True

    def known(self, family: Family, *labels: str) -> None:
        """Start a series at 0, so that `increase()` sees its first event."""
        self._known.setdefault(family, {})[labels] = 0.0

    def collected(self) -> Collected:
        """Return all counters as they stand: each counts from the start of the first window on.

        What was gathered in `other` since the last call is told as `dropped`.
        """
        result = Collected()
        for family in {**self._known, **self.values}:
            samples = {**self._known.get(family, {}), **self.values.get(family, {})}
            result.families[family] = samples
            if self.begun is not None and family.has_created:
                result.created[family] = dict.fromkeys(samples, float(self.begun))
        result.dropped = {family: count for family, count in self._gathered.items() if count}
        self._gathered = {}
        return result

    def _grow(self, family: Family, values: Samples, samples: Mapping[tuple[str, ...], float]) -> int:
        """Add `samples` to `values`; return how many series were gathered in `other`."""
        other = (OTHER,) * len(family.labels)
        gathered = 0
        for labels, value in samples.items():
            key = labels
            if labels not in values and len(values) >= self._most - 1 and other not in (labels, ()):
                key, gathered = other, gathered + 1
                if other not in values:
                    log.warning("counters.too_many_series", family=family.name, most=self._most)
            values[key] = grown(family, values.get(key, 0.0), value)
        return gathered

    async def _restore(self) -> None:
        """Take over what the store holds, unless that is known to be ours."""
        if self._version is not None:
            return
        with _in_time():
            entry = await self.store.read(self._key)
        if entry is None:
            self.begun, self.cursor, self.values = None, None, {}
        else:
            try:
                self.begun, self.cursor, self.values = _load(entry.value, self._families)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise StateError(
                    f"the state of {self._key} cannot be read: {error!r}",
                    "Update the exporter if a newer one wrote it; else remove it, and its counters begin anew.",
                ) from error
        self._version = entry.version if entry else 0


@contextmanager
def _in_time() -> Iterator[None]:
    """Say that it was the state, should a collection be interrupted because its time is over."""
    try:
        yield
    except asyncio.CancelledError as interrupted:
        message = "the state did not answer before the time of the collection was over"
        raise StateError(message, "Check that it answers.") from interrupted


def _dump(begun: int, cursor: int, values: Mapping[Family, Samples]) -> bytes:
    counters = {family.name: list(samples.items()) for family, samples in values.items()}
    return orjson.dumps({"format": 1, "begun": begun, "cursor": cursor, "counters": counters})


def _load(text: bytes, families: Mapping[str, Family]) -> tuple[int, int, dict[Family, Samples]]:
    document = orjson.loads(text)
    if document["format"] != 1:
        raise ValueError(f"format {document['format']}")
    values: dict[Family, Samples] = {}
    for name, samples in document["counters"].items():
        if (family := families.get(name)) is not None:
            values[family] = {
                tuple(labels): float(value) for labels, value in samples if len(labels) == len(family.labels)
            }
    return int(document["begun"]), int(document["cursor"]), values
