"""Sources that do what a test says, and their scheduler without a server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from exporter.engine.families import Collected, Family
from exporter.engine.scheduler import Scheduler
from exporter.engine.source import Source

VALUE = Family("value", "gauge", "A value.", ("source",))
ALIVE = Family("alive", "gauge", "Whether it answers.", ("source",))


class Scripted(Source):
    """Does what `work` says."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], *, every: float = 0.05, timeout: float = 0.2
    ) -> None:
        super().__init__(name, every=every, timeout=timeout)
        self.work = work
        self.running = self.most = self.runs = 0
        self.closed = False

    async def collect(self) -> Collected:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.work()
        finally:
            self.running -= 1
        self.runs += 1
        out = Collected()
        out.set(VALUE, self.runs, self.name)
        out.set(ALIVE, 1, self.name)
        return out

    def down(self) -> Collected:
        out = Collected()
        out.set(ALIVE, 0, self.name)
        return out

    async def close(self) -> None:
        self.closed = True


async def fine() -> None:
    pass


@asynccontextmanager
async def running(*sources: Source) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(max_series_per_family=1000, on_change=lambda: None, on_drop=lambda *_: None)
    scheduler.start(sources)
    try:
        yield scheduler
    finally:
        await scheduler.stop(scheduler.runners)
