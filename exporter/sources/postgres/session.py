"""One database: what it has, and the course of asking its collectors; `answers` reads what they say.

What is quick is asked in one transaction, each statement behind a savepoint, everything sent at once; what is slow in a
transaction of its own. Each has a statement_timeout that ends it in time, so that the connection lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import psycopg

from exporter.engine.families import Collected
from exporter.engine.source import SourceError
from exporter.engine.trace import note, step
from exporter.sources.postgres.answers import Answers, Asked, OutOfTime
from exporter.sources.postgres.blame import Blame
from exporter.sources.postgres.connection import failure
from exporter.sources.postgres.facts import Server, discover, rows
from exporter.sources.postgres.link import Link
from exporter.sources.postgres.pipeline import Answer, Lost, Segment, ask
from exporter.sources.postgres.profiles import Profile
from exporter.sources.postgres.quoting import array
from exporter.sources.postgres.run import Run
from exporter.sources.postgres.transaction import (
    AGAIN,
    BEGIN,
    END,
    OWN_PATH,
    STATEMENT_TIMEOUT_MS,
    Moment,
    begin,
    milliseconds,
)
from exporter.sources.postgres.turns import Turns

T = TypeVar("T")

_FACTS_LAST = 60.0
_FACTS_RETRY = 10.0
_LATE = 0.03
"""Share of the source's time by which a server may end a statement late."""
_MORE_TIME = (
    "Raise the source's `timeout:` if the server is far away or busy, or the pool of its pooler full."
)


class Session:
    """Collects from `database` over `link`; None is the one that the DSN names.

    Attributes:
        link: the connection.
        profile: of the provider.
        runs: every collector that exists here; empty before the first collection.
        gaps: roles that the user has not, and the collectors that are left out for it.
    """

    def __init__(
        self,
        link: Link,
        database: str | None,
        runs: Sequence[Run],
        profile: Profile,
        target: str,
        tick: float,
        turns: Turns,
    ) -> None:
        self.link, self._database, self._all, self.profile = link, database, runs, profile
        self._turns = turns
        self._answers = Answers(target, tick, turns, self.look_again)
        self._statements: dict[str, bytes] = {}
        self._asked = 0.0
        self._blame = Blame()
        self._round_trip = self._opening = 0.0
        self._ahead = 0.0  # unknown yet: what is counted is checked against the server's own time anyway
        self.server: Server | None = None
        self.runs: list[Run] = []
        self.gaps: dict[str, list[str]] = {}

    def due(self, now: float) -> list[Run]:
        """Return the collectors that are due; all that might be while it is not known which exist here."""
        return [run for run in (self.runs if self.server else self._all) if now >= run.due]

    def waiting(self, since: float) -> list[Run]:
        """Return the collectors that were due then and had no turn; none while it is not known which exist."""
        return [run for run in self.due(since) if run.last < since] if self.server else []

    def has_quick(self, now: float) -> bool:
        """Say whether something may be asked in a round."""
        return any(self.server is None or not self._turns.slow(run) for run in self.due(now))

    def left(self, deadline: float) -> float:
        """Return how many seconds a statement may take, so that its answer is here before `deadline`."""
        opening = 0.0 if self.link.connection else self._opening
        return deadline - time.monotonic() - opening - self._round_trip - _LATE * self._turns.seconds

    def look_again(self) -> None:
        """Ask at the next collection what the server has."""
        self._asked = 0.0

    async def collect(self, deadline: float) -> None:
        """Ask in one round what is due and quick, until `deadline` (monotonic clock).

        Raises:
            SourceError: the server cannot be reached, or was lost on the way.
        """
        self._blame.found = False
        try:
            await self._told(self._again_if_lost(deadline, self._round))
        except SourceError:
            if not self._blame.found or time.monotonic() >= deadline:
                raise
            await self._told(self._again_if_lost(deadline, self._round))  # the others, without it

    async def alone(self, run: Run, deadline: float, *, before_all: bool = False) -> None:
        """Ask one collector by itself: until `deadline` (monotonic clock), or its own limit, or what one may have.

        `before_all` leaves time for the round that follows, and for its way.

        Raises:
            SourceError: the server cannot be reached, or was lost on the way.
        """

        async def ask_it(connection: psycopg.AsyncConnection[Any], deadline: float) -> None:
            if run not in self.runs or not await self._opened(run, time.monotonic()):
                return
            rest = self._turns.seconds - self._turns.alone + 2 * self._round_trip if before_all else 0.0
            if (most := min(self.left(deadline - rest), self._turns.alone)) > 0:
                await self._ask(connection, [(run, most)], deadline - rest / 2, alone=True, whole=before_all)

        run.last = time.monotonic()
        await self._told(self._again_if_lost(deadline, ask_it))

    def no_turn(self, run: Run) -> None:
        """Note that a collection ended without its turn."""
        run.missed += 1
        self._answers.miss(run, OutOfTime("the collection's time was over before it was its turn"))

    async def open(self, deadline: float) -> psycopg.AsyncConnection[Any]:
        """Return the connection, a new one if there is none. Raises SourceError."""

        async def itself(connection: psycopg.AsyncConnection[Any], _: float) -> psycopg.AsyncConnection[Any]:
            return connection

        return await self._told(self._again_if_lost(deadline, itself))

    async def _told(self, doing: Awaitable[T]) -> T:
        """Await it; what fails costs the connection, and is told as a SourceError."""
        try:
            return await doing
        except psycopg.Error as error:
            self.link.drop()
            raise failure(error) from error
        except BaseException:
            self.link.drop()
            raise

    async def _again_if_lost(
        self, deadline: float, ask_it: Callable[[psycopg.AsyncConnection[Any], float], Awaitable[T]]
    ) -> T:
        kept = self.link.connection is not None and self.link.proven
        try:
            return await ask_it(await self._open(deadline), deadline)
        except psycopg.OperationalError:
            if not kept or self.link.connection:
                raise
            self.link.drop()  # it died since the last collection: once more, on a new one
        return await ask_it(await self._open(deadline), deadline)

    async def _round(self, connection: psycopg.AsyncConnection[Any], deadline: float) -> None:
        now = time.monotonic()
        due = [run for run in self.due(now) if run.last < now]
        opened = await asyncio.gather(*(self._opened(run, now) for run in due))
        due = [run for run, is_open in zip(due, opened, strict=True) if is_open]
        await self._ask(connection, self._turns.together(due, deadline - now), deadline)

    async def _ask(
        self,
        connection: psycopg.AsyncConnection[Any],
        asked: Sequence[tuple[Run, float]],
        deadline: float,
        *,
        alone: bool = False,
        whole: bool = False,
    ) -> None:
        """Ask in one transaction, each for so many seconds at most."""
        sent, now = time.time(), time.monotonic()
        try:
            answers = await ask(connection, self._segments(asked), deadline)
        except Lost as lost:
            guilty = self._blame.lost([run for run, _ in asked], len(lost.answers) - 1)
            if guilty is not None:
                self._answers.fail(guilty, failure(lost), now)
                guilty.due = now + self._blame.rest(guilty)
            raise
        if not answers:
            self.link.give_up()
            raise SourceError("timeout", f"no answer within {deadline - now:.1f} s", remedy=_MORE_TIME)
        if answers[0].error is not None:
            raise answers[0].error
        self.link.proven = True
        moment = self._read_clock(answers[0], sent)
        self._round_trip = answers[0].seconds
        taken = zip(asked, answers[1:], strict=False)
        assert self.server is not None, "an open session knows its server"
        of = Asked(now, moment, self.server.database, alone, whole)
        await asyncio.gather(*(self._take(run, answer, most, of) for (run, most), answer in taken))
        if len(answers) == len(asked) + 2:
            self._blame.ended([run for run, _ in asked])
            return
        for run, _ in asked[len(answers) - 1 :][:1]:  # those after it had no turn
            had = time.monotonic() - now - sum(answer.seconds for answer in answers)
            if alone:
                self._answers.cut_off(run, had, of)
            else:
                self._turns.interrupted(run, had)
        self.link.give_up()

    async def _take(self, run: Run, answer: Answer, most: float, asked: Asked) -> None:
        what = f"collector {run.collector.name}" + (f" in {self._database}" if self._database else "")
        note(what, self.statement(run).decode(), answer.seconds)
        await self._answers.take(run, answer, most, asked)

    def _read_clock(self, began: Answer, sent: float) -> Moment:
        """Return the server's time, and learn how far ahead of it ours is: windows are cut by the server's."""
        assert began.result is not None, "BEGIN ends with asking for the time"
        moment = Moment.of(began.result)
        self._ahead = sent + began.seconds - moment.time
        return moment

    async def _opened(self, run: Run, now: float) -> bool:
        return await self._answers.opened(run, now, time.time() - self._ahead)

    async def _open(self, deadline: float) -> psycopg.AsyncConnection[Any]:
        """Return the connection, with the server's facts fresh enough."""
        now, kept = time.monotonic(), self.link.connection
        connection = await self.link.open(deadline)
        if kept is not None and self.server is not None and now - self._asked < _FACTS_LAST:
            return connection
        with step("ask the catalogue what the server has"):
            conditions = [condition for run in self._all for condition in run.collector.conditions()]
            try:
                server = await discover(connection, conditions, self.profile.provider, deadline)
            except TimeoutError as error:
                self.link.give_up()
                raise SourceError(
                    "timeout", "the catalogue was not answered in time", remedy=_MORE_TIME
                ) from error
            except psycopg.Error as error:
                if self.server is None or not self.link.connection:
                    raise
                note("the catalogue refuses; what was known of the server holds on", str(error))
                self._asked = now - _FACTS_LAST + _FACTS_RETRY
                return connection
        self._opening = time.monotonic() - now
        self._adopt(server)
        return connection

    def _adopt(self, server: Server) -> None:
        """Fit the collectors to what the server has."""
        self._asked = time.monotonic()
        if self.server is not None and self.server.facts == server.facts:
            self.server = server
            return
        self.server, facts = server, server.facts
        with_monitor = replace(facts, functions=facts.functions | server.withheld)
        exist = [run for run in self._all if run.collector.applies(with_monitor)]
        self.runs = [
            run for run in self._all if run.collector.applies(facts) and run.collector.allowed(facts)
        ]
        self.gaps = {}
        for run in exist:
            if run not in self.runs:
                role = run.collector.statement.needs or "pg_monitor"
                self.gaps.setdefault(role, []).append(run.collector.name)
        words = {"platform_roles": array(self.profile.platform_roles)}
        self._statements = {
            run.collector.name: run.collector.sql(facts, words, run.limit) for run in self.runs
        }
        for run in self._all:
            if run not in self.runs:
                run.data, run.error, run.succeeded, run.ran = Collected(), None, None, False

    async def number(self, sql: str, deadline: float) -> float | None:
        """Ask for one number over the open connection; None if it is NULL or there is no connection.

        Raises:
            SourceError: the server refuses, or does not answer before `deadline` (monotonic clock).
        """
        if self.link.connection is None:
            return None
        found = await self.rows(sql, deadline)
        return float(found[0][0]) if found and found[0][0] else None

    async def rows(self, sql: str, deadline: float) -> list[Sequence[str]]:
        """Ask one question beside the collection; NULL is an empty text.

        Raises:
            SourceError: the server refuses, or does not answer before `deadline` (monotonic clock).
        """
        connection = await self.open(deadline)
        try:
            answers = await ask(connection, [BEGIN, [sql.encode()], END], deadline)
        except psycopg.Error as error:
            self.link.drop()
            raise failure(error) from error
        if len(answers) < 3:
            self.link.give_up()
            raise SourceError(
                "timeout", "a question beside the collection was not answered in time", remedy=_MORE_TIME
            )
        for answer in answers:
            if answer.error is not None:
                raise failure(answer.error)
        return rows(answers[1].result)

    def _segments(self, asked: Sequence[tuple[Run, float]]) -> list[Segment]:
        common = min(STATEMENT_TIMEOUT_MS, milliseconds(self._turns.limit))
        start = begin(common)
        segments: list[Segment] = [start]
        locked = False
        for run, most in asked:
            segment = [*END, *start] if locked else [AGAIN]
            locked = run.collector.locks
            limit = milliseconds(min(run.timeout, most))
            if limit != common:
                segment.append(f"set local statement_timeout = {limit}".encode())
            if run.collector.own:
                segment.append(OWN_PATH)
            segments.append([*segment, self.statement(run)])
        segments.append(END)
        return segments

    def statement(self, run: Run) -> bytes:
        """Return the statement that was fitted to the server, with the rows that it or another one gave last."""
        text = self._statements[run.collector.name]
        if run.windowed is not None:
            return run.windowed.fit(text)
        if run.collector.mark is not None:
            known = ",".join(map(str, run.previous.cells.marks))
            return text.replace(b"{known}", f"'{{{known}}}'::int8[]".encode())
        if run.collector.follows is None:
            return text
        folds = (other.fold for other in self.runs if other.collector.name == run.collector.follows)
        shown = {labels[-1] for fold in folds if fold is not None for labels in fold.shown()}
        return text.replace(b"{shown}", array(sorted(shown)).encode())
