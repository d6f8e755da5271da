"""Runs each source in a task of its own, so that none delays another."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable

from exporter.engine.cadence import Cadence
from exporter.engine.deadline import Deadline
from exporter.engine.families import Collected, Family
from exporter.engine.leader import Leadership, SharedResult
from exporter.engine.runner import Runner
from exporter.engine.source import Source
from exporter.logs import Log
from exporter.platform.values import redact

_CLOSING = 2.0
"""Seconds that a source is given to give back what it holds."""

_RESTART = "Restart the exporter: until then the counters that `other` has stay in it."

log = Log()


async def close(source: Source) -> None:
    """Have a source give back what it holds; one that hangs or raises then is left as it is."""
    try:
        await Deadline().within(_CLOSING, source.close)
    except Exception as error:  # noqa: BLE001  # whatever a source does wrong must end here
        log.warning("source.not_closed", source=source.name, error=redact(f"{type(error).__name__}: {error}"))


class Scheduler:
    """The runners of all sources."""

    def __init__(
        self,
        *,
        max_series_per_family: int,
        on_change: Callable[[], None],
        on_drop: Callable[[Family, int], None],
        leadership: Leadership | None = None,
    ) -> None:
        self.runners: dict[str, Runner] = {}
        self.cadence = Cadence()
        self._max_series_per_family = max_series_per_family
        self._on_change = on_change
        self._on_drop = on_drop
        self._leadership = leadership
        self._ready = False

    def bound(self, max_series_per_family: int) -> None:
        """Change the bound on the series of a family, for the sources that run too."""
        gathering = [name for name, runner in self.runners.items() if runner.budget.gathers]
        if gathering and max_series_per_family > self._max_series_per_family:
            log.warning("limits.other_stays", sources=gathering, remedy=_RESTART)
        self._max_series_per_family = max_series_per_family
        for runner in self.runners.values():
            runner.budget.most = max_series_per_family

    def start(self, sources: Iterable[Source], before: Iterable[Runner] = ()) -> None:
        """Start a runner for each source, which goes on from the one `before` that had its name."""
        known = {runner.source.name: runner for runner in before}
        for source in sources:
            runner = Runner(source, self._max_series_per_family, self._on_change, self._on_drop, self.cadence)
            if self._leadership is not None:
                source.keep_in(self._leadership.store)
                if source.exclusive and self._leadership.store.shared:
                    runner.shared = SharedResult(source.name, self._leadership)
            if source.name in known:
                runner.succeed(known[source.name])
            runner.task = asyncio.create_task(runner.run(), name=source.name)
            self.runners[source.name] = runner
        self._on_change()

    async def stop(self, names: Iterable[str]) -> list[Runner]:
        """Stop these sources, all at once, and return their runners, for those that `start` puts in their place.

        What they said is shown until then: a scrape in between must not find the series gone.
        """
        leaving = [self.runners[name] for name in names]
        tasks = [runner.task for runner in leaving if runner.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = [close(runner.source) for runner in leaving]
        closing += [runner.shared.close() for runner in leaving if runner.shared is not None]
        await asyncio.gather(*closing, return_exceptions=True)
        for runner in leaving:
            self.runners.pop(runner.source.name, None)
        return leaving

    def scraped(self, scraper: Hashable, *, whole: bool = True) -> None:
        """Note that `scraper` was served, `whole` or some names only. One name a connection: see Cadence."""
        self.cadence.seen(scraper, time.monotonic())
        if whole:
            for runner in self.runners.values():
                runner.scraped()

    @property
    def waiting(self) -> list[str]:
        """Return the sources of which no scraper was told since the start, for they were not asked, or not rendered.

        None once all were there: a reload that adds one does not take back that scrapes are answered.
        """
        return (
            [] if self._ready else sorted(name for name, runner in self.runners.items() if not runner.shown)
        )

    def gather(self) -> list[Collected]:
        """Return everything that is to be shown now."""
        for runner in self.runners.values():
            runner.gathered = runner.runs > 0
        return [part for runner in self.runners.values() for part in runner.snapshot()]

    def published(self) -> None:
        """Note that what was gathered last is what scrapers are given."""
        for runner in self.runners.values():
            runner.shown = runner.gathered
        self._ready |= all(runner.shown for runner in self.runners.values())
