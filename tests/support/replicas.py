"""Several exporters with one state, in one process: their stores, what they ask, and who of them shows what."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from exporter.engine.families import Collected, Family
from exporter.engine.leader import Leadership, SharedResult
from exporter.engine.runner import Runner
from exporter.engine.scheduler import Scheduler
from exporter.engine.source import Reason, Source, SourceError
from exporter.engine.state import Entry, MemoryStore, StateError

GAUGE = Family("asked_by", "gauge", "Who asked.", ("source", "who"))
COUNTER = Family("asked_total", "counter", "How often it was asked.", ("source",))
LEASE = 0.3
HANG = 3.0
GONE: Reason = "connect"


class Place:
    """What the stores of several exporters have in common."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.holder: object = None
        self.until = 0.0


class SharedStore(MemoryStore):
    """The store of one exporter, which may be cut off, or hang for a while before it fails."""

    shared, lease = True, LEASE

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.cut_off = self.hangs = False

    async def _check(self) -> None:
        if self.hangs:
            await asyncio.sleep(HANG)
        self.cut_off |= self.hangs
        self.up = not self.cut_off
        if self.cut_off:
            raise StateError("cut off")

    async def read(self, key: str) -> Entry | None:
        await self._check()
        return await self.place.memory.read(key)

    async def write(self, key: str, value: bytes, version: int) -> int:
        await self._check()
        return await self.place.memory.write(key, value, version)

    async def lead(self) -> bool:
        await self._check()
        if self.place.holder is not self and time.monotonic() < self.place.until:
            return False
        self.place.holder, self.place.until = self, time.monotonic() + LEASE
        return True


class Asked(Source):
    """Counts for all exporters how often it is asked, as an API would."""

    def __init__(self, name: str, who: str, asked: list[str], *, counts: bool = False) -> None:
        super().__init__(name, every=0.05, timeout=0.2, exclusive=True)
        self.who, self.asked, self.counts, self.broken = who, asked, counts, False
        self.retry_after: float | None = None
        self.failed = 0
        self.said = Collected()

    def down(self) -> Collected:
        return self.said

    async def collect(self) -> Collected:
        if self.broken:
            self.failed += 1
            raise SourceError("connect", "nobody there", remedy="Start it.", retry_after=self.retry_after)
        self.asked.append(self.who)
        out = Collected()
        out.set(GAUGE, 1, self.name, self.who)
        if self.counts:
            out.set(COUNTER, len(self.asked), self.name)
        return out


class Exporter:
    """One of several exporters, with a probe and an API that counts."""

    def __init__(self, who: str, place: Place, asked: dict[str, list[str]]) -> None:
        self.store = SharedStore(place)
        self.leadership = Leadership(self.store, lambda: None)
        self.probe, self.api = (Asked(name, who, asked[name], counts=name == "api") for name in asked)
        self.scheduler = Scheduler(
            max_series_per_family=100,
            on_change=lambda: None,
            on_drop=lambda *_: None,
            leadership=self.leadership,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Exporter"]:
        await self.leadership.renew()
        renewing = asyncio.create_task(self.leadership.run())
        self.scheduler.start([self.probe, self.api])
        try:
            yield self
        finally:
            renewing.cancel()
            await self.scheduler.stop(list(self.scheduler.runners))

    def runner(self, name: str) -> Runner:
        return self.scheduler.runners[name]

    def shown(self, name: str, family: Family) -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for part in self.runner(name).snapshot():
            found.update(part.families.get(family, {}))
        return found

    def who(self, name: str = "probe") -> set[str]:
        return {labels[1] for labels in self.shown(name, GAUGE)}


async def eventually(true: Callable[[], object]) -> None:
    """Wait until it is so; a busy machine takes longer."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # conditions of other tasks, no event of ours
            await asyncio.sleep(0.005)


def shared(who: str, store: SharedStore, spec: str = "") -> tuple[Asked, Runner, Leadership]:
    """Return a probe, its runner and the leadership of one exporter, of which nothing runs yet."""
    probe, leadership = Asked("probe", who, []), Leadership(store, lambda: None)
    probe.spec = spec
    runner = Runner(probe, 100, lambda: None, lambda *_: None)
    runner.shared = SharedResult("probe", leadership)
    return probe, runner, leadership


async def written(store: MemoryStore, before: Entry | None = None) -> None:
    """Wait until a result has been written, by a task of its own, that is not the one before."""
    now = before
    async with asyncio.timeout(10):
        while now is None or (before is not None and now.version == before.version):
            now = await store.read("result/probe")
            await asyncio.sleep(0.005)
