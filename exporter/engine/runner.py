"""Runs one source on its schedule.

A source that hangs, raises or returns rubbish harms nothing but itself: its collection is interrupted at its deadline,
and it is asked less often while it fails.
"""

import asyncio
import random
import time
from collections.abc import Hashable
from dataclasses import KW_ONLY, dataclass, field

from exporter.engine.cadence import Cadence
from exporter.engine.deadline import Deadline
from exporter.engine.known import UNHEARD, Known
from exporter.engine.leader import SharedResult
from exporter.engine.result import Result
from exporter.engine.source import SourceError
from exporter.engine.state import StateError
from exporter.logs import Log

_LONGEST_LOCKED_INTERVAL = 60.0
"""Sources with a longer interval are not moved to scrapes: their age is that of their interval anyway."""

_TOGETHER = 0.1
"""Scrapes within this share of the interval are served by one collection."""

_LOOK_AGAIN = 1.0
"""Seconds after which a follower looks again for the first result of a source."""

_LOOK_FOR = 15.0
"""Seconds after which it looks again for one that it has not, or leads meanwhile and asks itself."""

_LONGEST_LOOK = 25.0
"""Seconds in which a follower looks for it so often, and is not ready: the leader may know no such source, or an older
platform file."""

_LEAD = 0.15
"""Seconds that a collection should end before the scrape, for rendering and for scrapes that come early."""

log = Log()


def _defect(error: Exception) -> SourceError:
    return SourceError("internal", f"{type(error).__name__}: {error}", remedy="Please report this.")


@dataclass(slots=True)
class Runner(Known):
    """One source, its schedule and what is known of it. Times are Unix seconds."""

    cadence: Cadence = field(default_factory=Cadence)
    _: KW_ONLY
    runs: int = 0
    gathered: bool = False
    shown: bool = False
    due: float | None = None
    task: asyncio.Task[None] | None = None
    shared: SharedResult | None = None
    _served: dict[Hashable, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _otherwise: bool = False  # whether what is known was found out by a source of another spec
    _deadline: Deadline = field(default_factory=Deadline)

    @property
    def failing(self) -> SourceError | None:
        """Why nothing new is shown: its last failure, or that the state has no result of whoever asks it; else None."""
        if self.shared is None or self.heard:
            return self.error
        begins = self.last_success is None and (not self.runs or self._expects)
        return None if begins else UNHEARD

    async def run(self) -> None:
        """Collect on schedule until cancelled."""
        try:
            while True:
                try:
                    await self._run()
                except Exception as error:  # a defect of ours: a metric, and the source is asked again
                    log.exception("source.defect", source=self.source.name)
                    self._failed(_defect(error))
                    self._ended()
                await asyncio.sleep(self._wait(time.monotonic()))
        finally:
            if self._expiry is not None:
                self._expiry.cancel()

    async def _run(self) -> None:
        await asyncio.sleep(random.uniform(0, min(0.5, self.source.every / 10)))  # noqa: S311  # spreads load, keeps no secret
        while True:
            started = time.monotonic()
            await self.collect()
            due = started + self._wait(started)
            if (
                self.error is None
                and self._held_until <= started  # else a scrape would find nothing new, or wait for it
                and self.source.phase_lock
                and self.source.every <= _LONGEST_LOCKED_INTERVAL
            ):
                due = self._before_scrape(started, due)
            while await self._turned(due):
                # What was found out meanwhile is taken over, or dropped; the source is asked no sooner for that.
                since = time.monotonic() if await self._follow() else self._asked
                due = since + self._wait(since)

    async def _turned(self, due: float) -> bool:
        """Wait until the next collection is due, or this exporter's role among others changes; say whether it has."""
        left = max(0.0, due - time.monotonic())
        self.due = time.time() + left
        if self.shared is not None:
            return await self.shared.turned(left)
        await asyncio.sleep(left)
        return False

    def succeed(self, before: "Runner") -> None:
        """Go on from what was known before a reload, if the same is asked: also when it may be asked again."""
        if before._told is not None:
            self._told = None, before._told[1]
        if self.source.asks != before.source.asks:
            return
        self._deadline = before._deadline  # its last collection may still cling to life
        if not before._otherwise:
            self._show(before._result())
            self.budget, self._held_until = before.budget, before._held_until

    async def collect(self) -> None:
        """Collect once, within the source's time-out, and note how it went; or take what the leader collected."""
        if await self._follow():
            return
        if time.monotonic() < self._held_until:
            self._ended()
            return
        self._held_until = float("-inf")
        started = time.perf_counter()
        try:
            data = self.budget.apply(
                (await self._deadline.within(self.source.timeout, self.source.collect)).copy()
            )
            for family, count in data.dropped.items():
                self.on_drop(family, count)
            took, wait = time.perf_counter() - started, data.wait if data.wait > self.source.every else 0.0
            mine = result = Result(
                data, time.time(), 0.0, took, self.failures, wait=wait, spec=self.source.fingerprint
            )
            if self.shared is not None:
                if mine.counts:
                    result = await self.shared.publish(mine)
                else:
                    self.shared.offer(mine)
        except SourceError as error:
            self._failed(error)
        except Exception as error:  # whatever a source does wrong must end here
            if self.error is None or self.error.reason != "internal":
                log.exception("source.defect", source=self.source.name)
            self._failed(_defect(error))
        else:
            if result is mine:
                self._show(mine)
            else:
                self._adopt(result, following=self.shared is not None and self.shared.following)
        self.last_duration = time.perf_counter() - started
        self._ended()
        if self.shared is not None and self.error is not None and self.error.reason != "state":
            self.shared.offer(self._result())

    async def _follow(self) -> bool:
        """Take over what the leader knows, at the start also as leader; say whether that is all to be done."""
        if self.shared is None:
            return False
        following = self.shared.following
        try:
            theirs = await self.shared.heard()
            if theirs is not None:
                self._adopt(theirs, following=following)
        except StateError:  # what is known stays until it is too old
            self.failures["state"] += 1
        if following and not self._expects:
            self._ended()
        if not following and self._otherwise:
            self._show(Result(asked=float("inf")))
            self._otherwise, self.runs = False, 0
            self.on_change()
        return following

    @property
    def _expects(self) -> bool:
        """Whether a first result is to come soon: a follower may be here before the leader has asked the source."""
        heard = self.last_success is not None or self.error is not None
        return not heard and time.monotonic() - self._began < _LONGEST_LOOK

    def _adopt(self, theirs: Result, *, following: bool) -> None:
        """Show what another exporter found out, where that holds, and go on from there.

        It does not hold for the one that leads if a source of another spec found it out: its own begins anew. Nor where
        we asked later; but counters are shown as they are written, so their data are taken over even then.
        """
        otherwise = theirs.spec not in ("", self.source.fingerprint)
        newer = time.monotonic() - theirs.asked >= self._asked
        if (following or not otherwise) and (newer or theirs.counts):
            self.budget.resume(theirs.data)
            self._show(theirs, data_alone=not newer)
            self._otherwise = otherwise
            self.on_change()

    def _ended(self) -> None:
        self.runs += 1
        self._tell()
        self.on_change()

    def _wait(self, since: float) -> float:
        """Return the seconds from the start of one collection, `since` by the clock that nobody sets, to the next.

        Not from now: what the last one was held back by may just be over, and another interval would be added.
        """
        every = self.source.every
        if self.shared is not None and self.shared.following:
            return min(
                every, _LOOK_AGAIN if self._expects else _LOOK_FOR if self.failing is UNHEARD else every
            )
        held = self._held_until - since
        return held if held > 0 else self.pause

    def _before_scrape(self, started: float, due: float) -> float:
        """Return when to start so as to end just before a scrape that is predicted near `due`; else `due` itself.

        Each scraper gets fresh data of its own, so with two of them a source is asked twice as often, with the three
        that are predicted at most up to three times. For one scraper collections are four fifths of the interval apart,
        with one that it had no scrape of half of it; scrapes close together are served by one collection.
        """
        every = self.source.every
        predicted = self.cadence.upcoming(started, due + every, every)
        known = {upcoming.scraper for upcoming in predicted}
        self._served = {scraper: when for scraper, when in self._served.items() if scraper in known}
        for upcoming in predicted:
            start = upcoming.time - 1.2 * self.last_duration - max(_LEAD, 3 * upcoming.deviation)
            if start < started + _TOGETHER * every:
                self._served[upcoming.scraper] = started
            elif start >= self._served.get(upcoming.scraper, -every) + 0.8 * every:
                return start if start <= due + every / 2 else due
        return due
