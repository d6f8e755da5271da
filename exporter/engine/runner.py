"""Runs one source on its schedule, and holds what is known of it.

A source that hangs, raises or returns rubbish harms nothing but itself: its collection is interrupted at its deadline,
its failures are counted by reason, it is asked less often while it fails, and what it said last is taken out of the
snapshot when it is too old to be true.
"""

import asyncio
import random
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from exporter.engine.budget import Budget
from exporter.engine.cadence import Cadence
from exporter.engine.deadline import Deadline
from exporter.engine.families import Collected, Family
from exporter.engine.freshness import (
    CIRCUIT_OPEN,
    DURATION,
    FAILING,
    FAILURES,
    INTERVAL,
    LAST_SUCCESS,
    SERVED_AGE,
    UP,
    stale_after,
)
from exporter.engine.leader import SharedResult
from exporter.engine.result import Result
from exporter.engine.source import REASONS, Reason, Source, SourceError
from exporter.engine.state import StateError
from exporter.logs import Log
from exporter.platform.values import redact

_PATIENT_FAILURES = 3
"""So many failures in a row are asked again at the usual interval; then the circuit is open, and the wait between the
single collections that probe it doubles up to _longest_wait."""

_LONGEST_LOCKED_INTERVAL = 60.0
"""Sources with a longer interval are not moved to scrapes: their age is that of their interval anyway."""

_TOGETHER = 0.1
"""Scrapes within this share of the interval are served by one collection."""

_LONGEST_RETRY_AFTER = 3600.0
"""The longest that a source is believed when it says how long to wait, in seconds."""

_LOOK_AGAIN = 1.0
"""Seconds after which a follower looks again for the first result of a source."""

_LOOK_FOR = 15.0
"""Seconds after which it looks again for one that it has not, or leads meanwhile and asks itself."""

_LONGEST_LOOK = 25.0
"""Seconds in which a follower looks for it so often, and is not ready: the leader may know no such source, or an older
platform file."""

_LEAD = 0.15
"""Seconds that a collection should end before the scrape, for rendering and for scrapes that come early."""

_UNHEARD = SourceError(
    "state",
    "the state has no young result of whoever asks it",
    remedy="Wait for the source to answer. Where another exporter leads, see whether it runs, with this platform file.",
)

log = Log()


def _defect(error: Exception) -> SourceError:
    return SourceError("internal", f"{type(error).__name__}: {error}", remedy="Please report this.")


def _longest_wait(every: float) -> float:
    return 4 * every if every <= 15 else max(60.0, 2 * every)


@dataclass(slots=True)
class Runner:
    """One source, its schedule and what is known of it. Times are Unix seconds."""

    source: Source
    max_series_per_family: int
    on_change: Callable[[], None]
    on_drop: Callable[[Family, int], None]
    cadence: Cadence = field(default_factory=Cadence)
    data: Collected = field(default_factory=Collected)
    down: Collected = field(default_factory=Collected)
    runs: int = 0
    gathered: bool = False
    shown: bool = False
    last_success: float | None = None
    last_duration: float = 0.0
    served_age: float | None = None
    error: SourceError | None = None
    failures_in_a_row: int = 0
    failures: dict[Reason, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    due: float | None = None
    task: asyncio.Task[None] | None = None
    shared: SharedResult | None = None
    budget: Budget = field(init=False)
    _served: dict[Hashable, float] = field(default_factory=dict)
    _succeeded: float | None = None
    # By the clock that nobody sets: when the source may be asked again, and when it was asked for what is shown.
    _held_until: float = float("-inf")
    _asked: float = float("-inf")
    _began: float = field(default_factory=time.monotonic)
    # What the log was told last of the source, if that is that it fails: why (None: before a reload changed it), and
    # how often it has in a row since.
    _told: tuple[Reason | None, int] | None = None
    _otherwise: bool = False  # whether what is known was found out by a source of another spec
    _expiry: asyncio.TimerHandle | None = None
    _deadline: Deadline = field(default_factory=Deadline)

    def __post_init__(self) -> None:
        self.budget = Budget(self.max_series_per_family, self.on_drop)

    @property
    def fresh(self) -> bool:
        """Whether the data are young enough to be shown."""
        return self.age is not None and self.age <= stale_after(self.source.every, self.source.timeout)

    @property
    def age(self) -> float | None:
        """Seconds since the last success, by a clock that nobody sets; None before the first."""
        return None if self._succeeded is None else time.monotonic() - self._succeeded

    @property
    def circuit_open(self) -> bool:
        """Whether the source failed so often that it is only probed now and then, until a collection succeeds."""
        return self.failures_in_a_row > _PATIENT_FAILURES and self.failing is not _UNHEARD

    @property
    def failing(self) -> SourceError | None:
        """Why nothing new is shown: its last failure, or that the state has no result of whoever asks it; else None."""
        if self.shared is None or self._heard:
            return self.error
        begins = self.last_success is None and (not self.runs or self._expects)
        return None if begins else _UNHEARD

    @property
    def _heard(self) -> bool:
        """Whether what is known is young: the data; or a failure, which grows older while the source is asked less."""
        if self.error is None:
            return self.fresh
        if self.error.reason == "state":  # of our own, whoever asks the source
            return True
        due = max(self._asked + self._pause, self._held_until)
        every = self.source.every
        return time.monotonic() <= due - every + stale_after(every, self.source.timeout)

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

    def scraped(self) -> None:
        """Note how old the data are that a scraper is given now."""
        self.served_age = self.age

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

    def snapshot(self) -> list[Collected]:
        """Return what is to be shown of this source now: its data while they are fresh, and its state always."""
        name, state = self.source.name, Collected()
        failing = self.failing
        state.set(INTERVAL, self.source.every, name)
        state.families[FAILURES] = {(name, reason): float(count) for reason, count in self.failures.items()}
        if self.last_success is not None or failing is not None:
            state.set(UP, failing is None, name)
            state.set(DURATION, self.last_duration, name)
            state.set(CIRCUIT_OPEN, self.circuit_open, name)
        state.set(LAST_SUCCESS, self.last_success, name)
        state.set(SERVED_AGE, self.served_age, name)
        shown = Collected()
        if self.fresh:
            shown.update(self.data)
        if failing is not None:
            state.set(FAILING, 1, name, failing.reason)
        if failing is not None and failing is self.error:  # one of which the state says nothing may be well
            shown.update(self.down)
        return [state, shown]

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

    def _result(self) -> Result:
        held = self._held_until - time.monotonic()
        return Result(
            self.data,
            self.last_success,
            self.age or 0.0,
            self.last_duration,
            self.failures,
            self.error,
            self.failures_in_a_row,
            held if held > 0 else self._pause if self.error is not None else 0.0,
            time.monotonic() - self._asked,
            self.down,
            self.source.fingerprint,
        )

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

    def _show(self, result: Result, *, data_alone: bool = False) -> None:
        now = time.monotonic()
        self._succeeded = None if result.succeeded is None else now - result.age
        self.data, self.last_success, self.last_duration = result.data, result.succeeded, result.duration
        for reason, count in result.failures.items():
            self.failures[reason] = max(self.failures[reason], count)
        self._withdraw_in_time()
        if data_alone:
            return
        self.error, self.failures_in_a_row, self.down = result.error, result.failures_in_a_row, result.down
        self._held_until = now + min(result.wait, _LONGEST_RETRY_AFTER) if result.wait > 0 else float("-inf")
        self._asked = now - result.asked

    def _ended(self) -> None:
        self.runs += 1
        failing = self.failing
        if failing is not None:
            if self._told is None or failing.reason != self._told[0]:
                error = redact(str(failing))
                log.warning("source.failed", source=self.source.name, reason=failing.reason, error=error)
            self._told = failing.reason, self.failures_in_a_row
        elif self._told is not None and self.last_success is not None:
            log.info("source.recovered", source=self.source.name, failures=self._told[1])
            self._told = None
        self.on_change()

    def _failed(self, error: SourceError) -> None:
        self.failures[error.reason] += 1
        self.failures_in_a_row += 1
        self.error = error
        if error.retry_after:
            wait = max(self._pause, min(error.retry_after, _LONGEST_RETRY_AFTER))
            self._held_until = time.monotonic() + wait
        try:
            self.down = self.source.down()
        except Exception:  # a defect of its own, which must not hide the others
            self.down = Collected()
            log.exception("source.defect", source=self.source.name)
        if error.reason != "state":  # which says nothing of the source
            self._asked = time.monotonic()

    def _wait(self, since: float) -> float:
        """Return the seconds from the start of one collection, `since` by the clock that nobody sets, to the next.

        Not from now: what the last one was held back by may just be over, and another interval would be added.
        """
        every = self.source.every
        if self.shared is not None and self.shared.following:
            return min(
                every, _LOOK_AGAIN if self._expects else _LOOK_FOR if self.failing is _UNHEARD else every
            )
        held = self._held_until - since
        return held if held > 0 else self._pause

    @property
    def _pause(self) -> float:
        """The seconds between two collections as things are, longer while the source fails."""
        every = self.source.every
        doublings = max(0, self.failures_in_a_row - _PATIENT_FAILURES)
        return min(every * 2.0 ** min(doublings, 10), _longest_wait(every))

    def _before_scrape(self, started: float, due: float) -> float:
        """Return when to start so as to end just before a scrape that is predicted near `due`; else `due` itself.

        Each scraper gets fresh data of its own, so with two of them a source is asked twice as often, with the three
        that are predicted at most up to three times. For one scraper collections are four fifths of the interval apart,
        with one that it had no scrape of half of it; scrapes close together are served by one collection.
        """
        every = self.source.every
        predicted = self.cadence.upcoming(started, due + every)
        known = {upcoming.scraper for upcoming in predicted}
        self._served = {scraper: when for scraper, when in self._served.items() if scraper in known}
        for upcoming in predicted:
            start = upcoming.time - 1.2 * self.last_duration - max(_LEAD, 3 * upcoming.deviation)
            if start < started + _TOGETHER * every:
                self._served[upcoming.scraper] = started
            elif start >= self._served.get(upcoming.scraper, -every) + 0.8 * every:
                return start if start <= due + every / 2 else due
        return due

    def _withdraw_in_time(self) -> None:
        """Have the data withdrawn when they become too old, whatever the source or the state is doing then."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.age is not None and self.data.families:
            left = stale_after(self.source.every, self.source.timeout) - self.age
            if left > 0:
                self._expiry = asyncio.get_running_loop().call_later(left + 0.01, self.on_change)
