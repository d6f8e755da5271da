"""Own SQL that is asked for one stretch of time after the other, so that each row is counted once.

A `count(*)` of a whole table falls when a row is deleted or corrected, and a counter that falls looks like one that
began anew. Here the statement answers for a window, `{from}` to `{to}`; what it answers is added to counters that the
state store keeps.
"""

from exporter.engine.families import Collected
from exporter.engine.source import SourceError
from exporter.engine.windows import Window, WindowedCounters
from exporter.platform.queries import Windows
from exporter.sources.postgres.collector import Collector
from exporter.sources.postgres.quoting import literal

_LONGEST = 3600
"""Seconds that one window may span; what was missed is caught up in pieces."""
_FILL = 0.8
"""Share of the time-out, or of `limit`, that a window may need."""


class Windowed:
    """The windows of one statement on one server, and the counters that they feed."""

    def __init__(self, collector: Collector, target: str, every: float, windows: Windows) -> None:
        families = [column.family for column in collector.columns]
        self.counters = WindowedCounters(
            f"postgres.{target}/{collector.name}",
            families,
            lag=round(windows.lag),
            step=max(1, round(every)),
            longest=_LONGEST,
            keeps=round(windows.keeps),
        )
        self._name = collector.name
        self._window: Window | None = None
        self._longest = _LONGEST
        for family in families:
            if family.labels == ("target",):
                self.counters.known(family, target)

    async def open(self, now: float) -> bool:
        """Choose the next window at `now`, by the server's clock; say whether there is one. Raises StateError."""
        self._window = await self.counters.next(now, self._longest)
        return self._window is not None

    def shorten(self) -> None:
        """Ask for half as much next time: what failed may have been too long for its time-out or its `limit`."""
        if self._window is not None:
            self._longest = max(1, (self._window.end - self._window.start) // 2)

    def fit(self, sql: bytes) -> bytes:
        """Write the window into the statement, as two points in time."""
        assert self._window is not None, "a window was opened"
        for name, moment in (("from", self._window.start_text), ("to", self._window.end_text)):
            sql = sql.replace(b"{%s}" % name.encode(), f"timestamptz {literal(moment)}".encode())
        return sql

    async def count(self, sums: Collected, *, whole: bool, as_of: float, filled: float) -> Collected:
        """Add what the window held, and return the counters.

        `filled` is the share that the statement took of its time or of its `limit`: the next window is as long as goes
        well into it.

        A window that was not over `as_of` the server's own clock is not counted, and asked for again.

        Raises:
            SourceError: rejected, when rows are missing; parse, when a sum is none that a counter can grow by. The
                window is asked for again.
            StateError: it is not known whether it was counted; the next `open` finds out.
        """
        assert self._window is not None, "a window was opened"
        if not whole:
            raise SourceError(
                "rejected",
                f"{self._name}: more rows in a window than `limit` allows; they would not be counted whole",
                remedy="Group by fewer labels, or raise `limit`.",
            )
        try:
            await self.counters.add(self._window, sums.families, as_of=as_of)
        except SourceError as error:
            if error.reason != "parse":
                raise
            remedy = "Count what happens, or make it a gauge of a query without `windows`."
            raise SourceError("parse", f"{self._name}: {error}", remedy=remedy) from error
        length = self._window.end - self._window.start
        self._longest = max(1, min(_LONGEST, round(length * min(2.0, _FILL / max(filled, 1e-6)))))
        return self.counters.collected()
