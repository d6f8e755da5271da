"""The engine: sources of a platform on schedule, their snapshot, and reloading."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from exporter.catalog import OWN
from exporter.duties import duties
from exporter.engine.families import Collected
from exporter.engine.lasting import lasting
from exporter.engine.leader import Leadership
from exporter.engine.process import OwnMetrics
from exporter.engine.scheduler import Scheduler, close
from exporter.engine.snapshot import Snapshot, SnapshotPublisher
from exporter.engine.source import Source
from exporter.engine.state.place import store
from exporter.logs import Log
from exporter.planned import planned
from exporter.platform.load import fingerprint, load, locate
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError
from exporter.sources import KINDS

log = Log()

_HEARTBEAT = 5.0
"""Seconds after which a snapshot is made anew when nothing changed, so that its process metrics stay true."""


def build_sources(platform: Platform) -> list[Source]:
    """Return the sources that the platform file asks for. Nothing is contacted."""
    return [*(source for kind in KINDS.values() for source in kind.build(platform)), *duties(platform)]


def prepare(source: Source) -> None:
    """Let a source load what it needs. Slow for the first that speaks HTTP: not for the event loop."""
    try:
        source.prepare()
    except Exception:  # such as certificates that cannot be read: its collections fail, the others are asked
        log.exception("source.defect", source=source.name)


def loaded(platform: Platform) -> list[Source]:
    """Build the sources with all they need. Slow: not for the event loop."""
    sources = build_sources(platform)
    for source in sources:
        prepare(source)
    return sources


class Engine:
    """Runs the platform file at `path`. Use `start`, then serve `snapshot`; `stop` at the end."""

    def __init__(self, path: Path, platform: Platform) -> None:
        self.path = path
        self.platform = platform
        self.own = OwnMetrics(fingerprint(path), time.time())
        self.publisher = SnapshotPublisher(
            self._gather,
            max_series=platform.limits.series,
            unbounded=OWN,
            on_publish=self._published,
            in_thread=lambda: [self.own.collected()],  # it reads files of /proc
        )
        self.leadership = Leadership(store(platform), self.publisher.changed)
        self.scheduler = Scheduler(
            max_series_per_family=platform.limits.series_per_family,
            on_change=self.publisher.changed,
            on_drop=self.publisher.drop,
            leadership=self.leadership,
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """What /metrics answers with."""
        return self.publisher.current

    async def start(self) -> None:
        """Start all sources; return when a first snapshot is there to be served.

        Raises:
            StateError: the state cannot be kept where it should be.
        """
        await self.leadership.store.open()
        await self.leadership.renew()
        self.scheduler.start(await asyncio.to_thread(loaded, self.platform))
        await self.publisher.publish()
        work = (self.publisher.run, self.leadership.run, self._beat)
        self._tasks = [asyncio.create_task(lasting(each)) for each in work]

    async def stop(self) -> None:
        """Stop all sources and give back what they hold."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.scheduler.stop(self.scheduler.runners)
        await self.leadership.store.close()

    async def reload(self) -> None:
        """Read the platform file again and apply what changed; sources that did not change keep series and state.

        Raises:
            PlatformError: the file is not usable; everything goes on as before.
        """
        try:
            platform, platform_hash = await asyncio.to_thread(self._read)
            self._keeps_state(platform)
        except PlatformError as error:
            self.own.reload_successful = False
            self.publisher.changed()
            log.warning("reload.failed", problems=[str(problem) for problem in error.problems])
            raise
        wanted = {source.name: source for source in await asyncio.to_thread(loaded, platform)}
        running = {name: runner.source for name, runner in self.scheduler.runners.items()}
        same = {
            name for name, source in wanted.items() if name in running and source.spec == running[name].spec
        }
        self.platform = platform
        self.publisher.bound(platform.limits.series)
        self.scheduler.bound(platform.limits.series_per_family)
        self.own.platform_hash, self.own.loaded_at = platform_hash, time.time()
        self.own.reload_successful = True
        await asyncio.gather(*(close(wanted[name]) for name in same))
        before = await self.scheduler.stop(running.keys() - same)
        self.scheduler.start((source for name, source in wanted.items() if name not in same), before)
        log.info("reload.done", kept=sorted(same), stopped=sorted(running.keys() - wanted.keys()))

    def _read(self) -> tuple[Platform, str]:
        return load(self.path), fingerprint(self.path)

    def _gather(self) -> list[Collected]:
        own = [self.leadership.collected(), planned(self.platform, datetime.now(UTC))]
        return [*own, *self.scheduler.gather()]

    def _published(self) -> None:
        self.scheduler.published()

    def _keeps_state(self, platform: Platform) -> None:
        """Raise PlatformError when the state would have to move, which needs a restart."""
        for key in ("platform", "environment", "state"):
            if getattr(platform, key) != getattr(self.platform, key):
                message = "decides where the state is kept, and cannot change while the exporter runs"
                raise PlatformError(
                    [locate(self.path, (key,), message, "Restart the exporter, or undo the change.")]
                )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            self.publisher.changed()
