"""Turns an API that answers with sums over a window of time into counters that only ever grow.

Windows are half-open, `[start, end)`, contiguous, and end `lag` seconds before now, when late data have arrived. Each
is added exactly once: the cursor moves only after its sums were added, so a window that failed is asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.engine.families import Collected, Family


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


class WindowedCounters:
    """Counters fed by windows. All times are Unix seconds.

    Args:
        lag: how long the API takes to have all data of a moment.
        step: length of the first window, and what window ends are aligned to.
        longest: the most that one request may span; a longer gap is caught up in pieces.
        keeps: how far back the API answers; what is older is lost and skipped.
    """

    def __init__(self, *, lag: int, step: int, longest: int = 3600, keeps: int = 86400) -> None:
        self._lag, self._step, self._longest, self._keeps = lag, step, longest, keeps
        self.cursor: int | None = None
        self.values: dict[Family, dict[tuple[str, ...], float]] = {}

    def next(self, now: float) -> Window | None:
        """Return the window to ask for at `now`, or None when no new one is complete."""
        end = (int(now) - self._lag) // self._step * self._step
        start = end - self._step if self.cursor is None else self.cursor
        start = max(start, end - self._keeps)
        if end <= start:  # nothing new yet, or the clock was set back: wait until it has caught up
            return None
        return Window(start, min(end, start + self._longest))

    def add(self, window: Window, sums: Mapping[Family, Mapping[tuple[str, ...], float]]) -> None:
        """Add the sums of `window` and move on to its end. Raises ValueError for a window that was added before."""
        if self.cursor is not None and window.start < self.cursor:
            raise ValueError(f"{window} begins before the cursor {self.cursor}")
        for family, samples in sums.items():
            values = self.values.setdefault(family, {})
            for labels, value in samples.items():
                values[labels] = values.get(labels, 0.0) + value
        self.cursor = window.end

    def known(self, family: Family, *labels: str) -> None:
        """Start a series at 0, so that `increase()` sees its first event."""
        self.values.setdefault(family, {}).setdefault(labels, 0.0)

    def collected(self) -> Collected:
        """Return all counters as they stand."""
        result = Collected()
        for family, samples in self.values.items():
            result.families[family] = dict(samples)
        return result
