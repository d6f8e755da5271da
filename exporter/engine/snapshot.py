"""The snapshot: an immutable rendering of everything known, made off the request path and swapped by one reference."""

import asyncio
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Family
from exporter.engine.merge import Dropped, Merger
from exporter.engine.packing import unpacked
from exporter.engine.pauses import Pauses
from exporter.logs import Log

SERIES = Family(
    "platform_exporter_snapshot_series", "gauge", "Series in the snapshot that was served before this one."
)
MADE = Family(
    "platform_exporter_snapshot_timestamp_seconds",
    "gauge",
    "When this snapshot was made, Unix time.",
)
RENDER = Family(
    "platform_exporter_snapshot_render_seconds",
    "gauge",
    "Time it took to render and compress the snapshot before this one.",
)
DROPPED = Family(
    "platform_exporter_series_dropped_total",
    "counter",
    "Samples not exported because a bound was reached or another source had the same series.",
    ("family",),
)
FAMILIES = (SERIES, MADE, RENDER, DROPPED)

log = Log()

_SPACING = 0.05
"""Least seconds between two renderings: a burst of finished sources costs one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation. The bodies with gzip are complete answers; nothing is computed when they are served.

    Plain ones are unpacked when they are wanted: they would be the larger part of all memory, and Prometheus does not
    ask for them. Those that were `asked` for are `plain`, by whether they are OpenMetrics; the next snapshot has them
    from the start.
    """

    generation: int
    series: int
    """How many series it has."""
    text_gzip: bytes
    openmetrics_gzip: bytes
    made: float
    render_seconds: float
    plain: dict[bool, bytes] = field(default_factory=dict)
    asked: set[bool] = field(default_factory=set)

    def body(self, *, openmetrics: bool) -> bytes:
        """Return the plain body in OpenMetrics 1.0 or text 0.0.4."""
        self.asked.add(openmetrics)
        if openmetrics not in self.plain:
            self.plain[openmetrics] = unpacked(self.openmetrics_gzip if openmetrics else self.text_gzip)
        return self.plain[openmetrics]

    @property
    def text(self) -> bytes:
        """The body in text 0.0.4."""
        return self.body(openmetrics=False)

    @property
    def openmetrics(self) -> bytes:
        """The body in OpenMetrics 1.0."""
        return self.body(openmetrics=True)


_NOTHING = Renderer().render([])
EMPTY = Snapshot(0, 0, _NOTHING.gzip(openmetrics=False), _NOTHING.gzip(openmetrics=True), 0.0, 0.0)


class SnapshotPublisher:
    """Renders what `gather` returns whenever `changed` was called, and keeps the result as `current`.

    Rendering runs in a thread of its own, so that a large one does not hold up the event loop. The bound on all series
    does not touch the families in `unbounded`. `on_publish` is called when what was gathered last is in place.
    """

    def __init__(
        self,
        gather: Callable[[], list[Collected]],
        *,
        max_series: int,
        unbounded: Collection[Family] = (),
        on_publish: Callable[[], None] = lambda: None,
        in_thread: Callable[[], list[Collected]] = list,
    ) -> None:
        self.current = EMPTY
        self._on_publish = on_publish
        self._gather, self._gather_in_thread = gather, in_thread
        pause = Pauses()
        self._merger = Merger(max_series, unbounded, pause)
        # Not the loop's own threads: whatever hangs in those must not hold the snapshot up.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._renderer = Renderer(pause)
        self._dropped: dict[str, float] = {}
        self._dirty = asyncio.Event()

    def bound(self, max_series: int) -> None:
        """Change the bound on all series."""
        self._merger.most = max_series

    def changed(self) -> None:
        """Ask for a new snapshot. Cheap; calls that come close together are served by one rendering."""
        self._dirty.set()

    def drop(self, family: Family, count: int) -> None:
        """Count samples of `family` that are not exported; the first ones are told in the log."""
        if family.name not in self._dropped:
            log.warning(
                "series.dropped",
                family=family.name,
                series=count,
                remedy="Raise limits in the platform file, and restart: counters that `other` has stay in it.",
            )
        self._dropped[family.name] = self._dropped.get(family.name, 0.0) + count

    @property
    def dropped(self) -> dict[str, int]:
        """Samples that were not exported so far, by name of their family."""
        return {name: int(count) for name, count in self._dropped.items()}

    async def run(self) -> None:
        """Render until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self.publish()
            except Exception:  # the last snapshot goes on being served; its age is a metric
                log.exception("snapshot.defect")
            await asyncio.sleep(_SPACING)

    async def publish(self) -> None:
        """Make a snapshot now and put it in place."""
        make = partial(self._make, self._gather(), dict(self._dropped))
        self.current, dropped = await asyncio.get_running_loop().run_in_executor(self._thread, make)
        self._on_publish()
        for family, count in dropped:
            self.drop(family, count)

    def _make(self, collections: list[Collected], dropped: dict[str, float]) -> tuple[Snapshot, Dropped]:
        """Merge and render, in the thread; return what was left out as well."""
        collections = [*self._gather_in_thread(), *collections]
        families, left_out = self._merger.merge(collections)
        try:
            return self._render(families, _counted(dropped, left_out)), left_out
        except Exception:  # a source said what cannot be written: everything else is shown
            log.exception("snapshot.left_out")
        self._merger.sort_out(collections)
        families, more = self._merger.merge(collections)
        left_out += more
        return self._render(families, _counted(dropped, left_out)), left_out

    def _render(self, families: dict[Family, list[Part]], dropped: dict[str, float]) -> Snapshot:
        started = time.perf_counter()
        last, made = self.current, time.time()
        own = Collected()
        own.set(SERIES, last.series)
        own.set(MADE, made)
        own.set(RENDER, last.render_seconds)
        for name, count in dropped.items():
            own.set(DROPPED, count, name)
        own_parts = [(family, [Part(samples)]) for family, samples in own]
        out = self._renderer.render([*families.items(), *own_parts])
        text, openmetrics = out.gzip(openmetrics=False), out.gzip(openmetrics=True)
        plain = {asked: unpacked(openmetrics if asked else text) for asked in tuple(last.asked)}
        took = time.perf_counter() - started
        return Snapshot(last.generation + 1, out.series, text, openmetrics, made, took, plain)


def _counted(dropped: dict[str, float], more: Dropped) -> dict[str, float]:
    """Add `more` to samples by name of their family."""
    counted = dict(dropped)
    for family, count in more:
        counted[family.name] = counted.get(family.name, 0.0) + count
    return counted
