"""Reads answers: what each makes of its collector's run, samples or why there are none, and when it is asked again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg

from exporter.engine.families import Collected
from exporter.engine.source import SourceError
from exporter.engine.trace import note
from exporter.sources.postgres.connection import ServerTrouble, cancelled_by_somebody
from exporter.sources.postgres.pipeline import Answer
from exporter.sources.postgres.refusal import refusal
from exporter.sources.postgres.rows import Table, samples
from exporter.sources.postgres.run import Run
from exporter.sources.postgres.transaction import Moment
from exporter.sources.postgres.turns import FITS, Turns, put_off

_RETRY_REFUSED = 60.0
_STATE_SECONDS = 1.0
"""The state is asked for at most so long: no counter of one's own keeps the figures of a server waiting."""
LONGEST_BETWEEN = 300.0
"""Seconds between two turns beyond which figures are too old to be shown on."""


class OutOfTime(SourceError):
    """A collection ended before a collector had all the time that it may have: that is no failure of the collector."""

    def __init__(self, message: str) -> None:
        super().__init__("timeout", message)


@dataclass(frozen=True, slots=True)
class Asked:
    """One transaction: when it was begun, by the monotonic clock and by the server's; in which database.

    `alone` asks one collector by itself; `whole` gives it all the time that there is but for the round after it.
    """

    now: float
    moment: Moment
    database: str
    alone: bool
    whole: bool


class Answers:
    """Brings the runs of one database up to date.

    Args:
        target: the source's name, the first label of all samples.
        tick: seconds between collections.
        turns: told how long each took.
        outdated: called when an answer says that the server may have something else by now.
    """

    def __init__(self, target: str, tick: float, turns: Turns, outdated: Callable[[], None]) -> None:
        self._target, self._tick, self._turns, self._outdated = target, tick, turns, outdated

    async def opened(self, run: Run, now: float, server_time: float) -> bool:
        """Say whether there is something to ask for: a windowed statement waits until its next window is complete."""
        if run.windowed is None:
            return True
        try:
            async with asyncio.timeout(_STATE_SECONDS):
                if await run.windowed.open(server_time):
                    return True
        except (SourceError, TimeoutError) as error:
            run.last = now
            self.fail(run, _of_state(error), now)
            return False
        run.last, run.data = now, run.windowed.counters.collected()
        self._succeed(run, now)
        return False

    async def take(self, run: Run, answer: Answer, most: float, asked: Asked) -> None:
        """Take the answer of a collector that had `most` seconds."""
        run.duration = answer.seconds
        cancelled = isinstance(answer.error, psycopg.errors.QueryCanceled)
        if cancelled and most < run.timeout and not cancelled_by_somebody(answer.error):
            if asked.alone:
                self.cut_off(run, answer.seconds, asked)
            else:  # it waits for a longer turn
                self._turns.cut_in_round(run, answer.seconds)
                self.miss(run, OutOfTime("it takes longer than those may that are asked together"))
            return
        run.took(answer.seconds, asked.now)
        if answer.error is not None:
            self.fail(run, refusal(answer.error, run.collector), asked.now)
            return
        assert answer.result is not None, "an answer without an error has a result"
        try:
            data, run.truncated = self._samples(run, answer, asked)
            if run.windowed is not None:
                async with asyncio.timeout(_STATE_SECONDS):
                    filled = max(answer.seconds / min(run.timeout, most), answer.result.ntuples / run.limit)
                    data = await run.windowed.count(
                        data, whole=not run.truncated, as_of=asked.moment.time, filled=filled
                    )
            run.data = data
        except (SourceError, TimeoutError) as error:
            self.fail(run, _of_state(error), asked.now)
            return
        except Exception as error:  # noqa: BLE001  # a defect of one collector harms nothing but itself
            self.fail(run, SourceError("internal", f"{type(error).__name__}: {error}"), asked.now)
            return
        note(f"{answer.result.ntuples} rows, {len(run.data)} samples")
        self._succeed(run, asked.now)

    def cut_off(self, run: Run, had: float, asked: Asked) -> None:
        """Note that one that was asked alone ran `had` seconds and was not ready."""
        run.duration, run.missed = had, 0
        self._turns.cut(run, had, before_all=asked.whole)
        over = "the collection's time was over while it ran"
        fits = had < FITS * self._turns.seconds and not asked.whole
        remedy = "Make it faster, or raise the source's `timeout:`."
        self.fail(run, OutOfTime(over) if fits else SourceError("timeout", over, remedy=remedy), asked.now)

    def fail(self, run: Run, error: SourceError, now: float) -> None:
        """Note a failure, and put the collector off."""
        run.failures += 1
        wait = put_off(run.failures, run.every)  # a moment's lock or slowness costs what is rare no hour
        if run.windowed is not None:
            run.windowed.shorten()
        elif error.reason in ("permission", "rejected") and not isinstance(error, ServerTrouble):
            if run.error is None:
                self._outdated()  # something was dropped, revoked or updated: see what the server has now
            else:
                wait = max(wait, _RETRY_REFUSED)
        self.miss(run, error)
        run.due = now + wait - self._tick / 2

    def miss(self, run: Run, error: SourceError) -> None:
        """Note why there are no samples this time; the collector stays due."""
        note(f"{run.collector.name} failed: {error.reason}", str(error))
        run.error, run.ran = error, True

    def _succeed(self, run: Run, now: float) -> None:
        if run.succeeded is not None and not run.failures:  # a pause of failures is no distance between turns
            run.between = min(now - run.succeeded, LONGEST_BETWEEN)
        run.error, run.succeeded, run.ran, run.failures = None, now, True, 0
        run.due = now + run.every - self._tick / 2  # half a tick early, or the right one would be missed

    def _samples(self, run: Run, answer: Answer, asked: Asked) -> tuple[Collected, bool]:
        assert answer.result is not None, "the caller looked"
        table = Table.of(answer.result, run.limit, run.collector, run.previous)
        before: tuple[str, ...] = (self._target,)
        if run.collector.statement.scope == "database":
            before = (self._target, asked.database)
        if run.fold is not None:
            moment = replace(asked.moment, reset=table.since)
            if run.folded is not None and not moment.same_server(run.folded):
                run.fold.begin_anew()
            table = table.folded(run.fold, run.collector, run.previous)
            run.folded = moment
        return samples(run.collector, before, table, run.previous), table.truncated


def _of_state(error: SourceError | TimeoutError) -> SourceError:
    return (
        error if isinstance(error, SourceError) else SourceError("state", "the state did not answer in time")
    )
