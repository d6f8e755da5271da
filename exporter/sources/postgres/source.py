"""Asks one server: the database of the connection string, then the others, over few connections."""

import asyncio
import time
from collections.abc import Sequence

from exporter.engine.families import Collected
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import StateStore
from exporter.engine.trace import note
from exporter.platform.queries import Query
from exporter.platform.values import Verbatim
from exporter.sources._http import prepare
from exporter.sources.postgres.answers import LONGEST_BETWEEN
from exporter.sources.postgres.collector import Collector
from exporter.sources.postgres.config import CollectorOverride, Postgres
from exporter.sources.postgres.families import (
    COLLECTOR_DURATION,
    COLLECTOR_FAILING,
    COLLECTOR_SUCCESS,
    COLLECTOR_TRUNCATED,
    CONNECTIONS,
    DATABASES,
    PERMISSION_MISSING,
    STATIC,
    UP,
)
from exporter.sources.postgres.fold import Fold
from exporter.sources.postgres.gaps import gaps_of, left_out
from exporter.sources.postgres.health import HealthProbe, unreachable
from exporter.sources.postgres.link import Link
from exporter.sources.postgres.neon import OTHERS, Gate, Verdict
from exporter.sources.postgres.others import Others
from exporter.sources.postgres.profiles import Profile, guess, load
from exporter.sources.postgres.run import Run
from exporter.sources.postgres.session import Session
from exporter.sources.postgres.turns import Turns
from exporter.sources.postgres.windowed import Windowed

_KEEP_INTERVALS = 3
_OTHERS_EVERY = 60.0
"""Seconds between two visits of another database at least: beyond `connections` each takes a connection of its own."""
_SELDOM = 300.0
"""Seconds between two runs of a collector whose figures change slowly enough to hold while nobody uses a server."""
_RESERVE = 0.1
"""Share of the time-out that is kept for making samples of what arrived last."""


class PostgresSource(Source):
    """Asks one server."""

    def __init__(self, key: str, config: Postgres, collectors: Sequence[Collector]) -> None:
        super().__init__(
            f"postgres.{key}",
            every=config.every,
            timeout=config.timeout,
            spec=(config, tuple(collectors)),
            phase_lock=config.phase_lock,
            exclusive=config.neon is not None,  # each of two exporters would take the other for a user
        )
        self._key, self._config, self._collectors = key, config, collectors
        seconds = config.timeout * (1 - _RESERVE)
        self._health = None if config.health is None else HealthProbe(config.health, seconds, config.every)
        self._windowed = {
            item.name: Windowed(item, key, item.every, item.statement.windows)
            for item in collectors
            if isinstance(item.statement, Query) and item.statement.windows is not None
        }
        self._turns = Turns(seconds)
        self._main: Session | None = None
        self._others: Others | None = None
        self._gate = None if config.neon is None else Gate(key, config.neon, config.dsn)
        self._verdict: Verdict | None = None
        self._others_active: float | None = None

    @property
    def facts(self) -> dict[str, list[str]]:
        """Whether the server may sleep, and is then not measured; whether statements come with their texts."""
        texts = self._config.collectors.get("statements_texts")
        return {
            **({} if self._gate is None else {"sleeps": ["neon"]}),
            **({"texts": ["statements"]} if texts is not None and texts.enabled else {}),
        }

    def keep_in(self, store: StateStore) -> None:
        """Keep what windowed statements counted in `store`."""
        for windowed in self._windowed.values():
            windowed.counters.store = store

    def prepare(self) -> None:
        """Load what it takes to ask Neon over HTTP."""
        if self._gate is not None:
            prepare()

    async def collect(self) -> Collected:
        """Run the collectors that are due, unless the server is to be left asleep: then there is no `pg_up` either."""
        deadline = time.monotonic() + self.timeout * (1 - _RESERVE)
        if self._gate is None:
            return await self._ask(deadline)
        verdict = self._verdict = await self._gate.look()
        if not verdict.connect:
            self._hang_up()
            if verdict.error is not None:
                raise verdict.error
            return self._at_rest(verdict)
        self._others_active, succeeded = None, False
        try:
            out = await self._ask(deadline)
            succeeded = True
        finally:
            self._gate.scraped(time.monotonic(), others=self._others_active, succeeded=succeeded)
        out.update(verdict.metrics)
        return out

    def _at_rest(self, verdict: Verdict) -> Collected:
        """Return what still holds of a server that nobody uses: what is collected seldom, such as sizes."""
        out = Collected()
        for run in (run for runs in self._runs().values() for run in runs):
            if run.every >= _SELDOM and run.succeeded is not None:
                out.update(run.data)
        out.update(verdict.metrics)
        return out

    def down(self) -> Collected:
        """The server did not answer; or nobody could say whether it may be asked."""
        out = Collected()
        if self._verdict is not None:
            out.update(self._verdict.metrics)
            if not self._verdict.connect:
                return out
        out.set(UP, 0, self._key)
        if self._health is not None:
            unreachable(out, self._key)
        return out

    async def _ask(self, deadline: float) -> Collected:
        """Ask first what is quick, in the database of the connection string and then in the others, then what is slow.

        Only who has waited long for all the time that there is goes before the quick ones.
        """
        main, others, began = self._session(), self._others, time.monotonic()
        assert others is not None, "they came with the main session"
        try:
            await main.open(deadline)
            first = self._turns.before_all([(run, session) for session, run in self._due(began)])
            if first is not None:
                await self._alone(*first, deadline, before_all=True)
            await main.collect(deadline + self.timeout * _RESERVE / 4)
        except (SourceError, asyncio.CancelledError):
            self._hang_up()
            raise
        assert main.server is not None, "the main session has collected"
        others.choose(main.server)
        try:
            # What has arrived is told, whatever becomes of the rest.
            async with asyncio.timeout(deadline - time.monotonic() + self.timeout * _RESERVE / 2):
                if self._gate is not None:
                    self._others_active = await self._activity(main, deadline)
                if (
                    first is None
                ):  # or what was measured last holds: there is no time for it, which says nothing
                    await self._check_health(main, deadline)
                if await others.visit(began, self._until(began, deadline), deadline):
                    main.look_again()
                await self._take_turns(began, deadline)
        except TimeoutError:
            note("the time is over", "what is left comes first next time")
        for session, run in self._due(began):
            session.no_turn(run)
        return self._collected(main, others)

    def _due(self, began: float) -> list[tuple[Session, Run]]:
        """Return what is due and had no turn yet in the collection that began then.

        In other databases that is what is slow alone: the rest waits until its database is visited.
        """
        main, others, now = self._session(), self._others, time.monotonic()
        found = [(main, run) for run in main.waiting(began)]
        for session in others.reachable(now) if others is not None else ():
            found += [(session, run) for run in session.waiting(began) if self._turns.slow(run)]
        return found

    def _until(self, began: float, deadline: float) -> float:
        """Return when other databases are left alone: after half of what is left if something slow waits."""
        now = time.monotonic()
        return (now + deadline) / 2 if self._due(began) else deadline

    async def _take_turns(self, began: float, deadline: float) -> None:
        """Ask what is slow, one after the other, as long as there is time."""
        while True:
            due = [(run, session.left(deadline), session) for session, run in self._due(began)]
            if (found := self._turns.next(due)) is None:
                return
            run, _, session = found
            await self._alone(run, session, deadline)

    async def _alone(self, run: Run, session: Session, deadline: float, *, before_all: bool = False) -> None:
        """Ask something slow. What it harms is its own turn, and its database."""
        assert self._others is not None, "they came with the main session"
        try:
            await self._others.alone(session, run, deadline, before_all=before_all)
        except SourceError as error:
            note(f"{run.collector.name} alone: {error.reason}", str(error))

    async def _activity(self, main: Session, deadline: float) -> float | None:
        """Return how long ago somebody else was active, None if that could not be found out."""
        try:
            return await main.number(OTHERS, deadline)
        except SourceError as error:  # the statistics are there all the same
            note(f"activity of others: {error.reason}", str(error))
            return None

    async def _check_health(self, main: Session, deadline: float) -> None:
        """Measure the health of a server that has answered, on a new connection if something slow had cost the last."""
        if self._health is None:
            return
        connected, main.link.seconds = main.link.seconds, None
        try:
            connection = await main.open(deadline)
            main.link.seconds = None  # the exporter's own doing
        except SourceError as error:
            note(f"health: not measured, {error.reason}", str(error))
            return
        try:
            await self._health.measure(connection, connected, deadline, main.profile.provider)
        except SourceError as error:
            note(f"health: {error.reason}", str(error))
            if error.reason == "timeout":
                main.link.give_up()
            else:
                main.link.drop()
        except asyncio.CancelledError:
            self._hang_up()
            raise

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say which server it is, and which grants are missing."""
        if self._verdict is not None and not self._verdict.connect:
            return f"nothing but Neon's control plane: {self._verdict.reason}", []
        main, others = self._session(), self._others
        server = main.server
        if server is None or others is None:
            return "", []
        deadline = time.monotonic() + self.timeout * (1 - _RESERVE)
        connection = await main.open(deadline)
        info = connection.info
        gaps = await gaps_of(main, deadline)
        if (gap := left_out(main)) is not None:
            gaps.append(gap)
        if "pg_stat_statements" not in server.facts.extensions:
            gaps.append(
                Gap(
                    Verbatim(f"pg_stat_statements is not in {server.database}"),
                    Verbatim("CREATE EXTENSION pg_stat_statements;"),
                )
            )
        gaps += await others.gaps(main, deadline)
        if self._verdict is not None and self._verdict.error is not None:
            gaps.append(Gap(f"Neon's control plane: {self._verdict.error}", self._verdict.error.remedy))
        if self._health is not None and self._health.gap is not None:
            gaps.append(self._health.gap)
        tls = "TLS" if connection.pgconn.ssl_in_use else "no TLS"
        more = len(list(others.sessions))
        return (
            Verbatim(
                f"PostgreSQL {_version(server.facts.version)} at {info.host}:{info.port}/{server.database} "
                f"as {server.user}, {tls}, {server.facts.provider}"
                + (f", {more} more databases" if more else "")
            ),
            gaps,
        )

    async def close(self) -> None:
        """Close the connections."""
        self._hang_up()
        for session in self._sessions():
            await session.link.ended()

    def _session(self) -> Session:
        if self._main is None:
            provider = self._config.provider or guess(self._config.dsn)
            profile = load(provider)
            self._main = self._new(profile, None)
            self._others = Others(
                self._config.databases,
                profile.ignored_databases,
                self._config.connections,
                lambda name: self._new(profile, name),
            )
        return self._main

    def _new(self, profile: Profile, database: str | None) -> Session:
        """Make the session of a database; None is that of the connection string."""
        runs = self._chosen(profile, others=database is not None)
        link = Link(self._config.dsn, database)
        return Session(link, database, runs, profile, self._key, self.every, self._turns)

    def _chosen(self, profile: Profile, *, others: bool) -> list[Run]:
        """Return a fresh run of each collector that is switched on."""
        runs: list[Run] = []
        for collector in self._collectors:
            change = self._config.collectors.get(collector.name, CollectorOverride())
            if not profile.enables(collector, change.enabled):
                continue
            if others and collector.statement.scope != "database":
                continue
            slowest = _OTHERS_EVERY if others and not collector.own else 0.0
            fold = collector.statement.fold
            runs.append(
                Run(
                    collector=collector,
                    own=collector.own,
                    every=max(slowest, collector.every) if change.every is None else change.every,
                    timeout=change.timeout or collector.statement.timeout,
                    limit=change.limit or collector.statement.limit,
                    fold=None
                    if fold is None
                    else Fold(collector.statement.labels, fold.keep, fold.by, fold.other),
                    windowed=self._windowed.get(collector.name),
                )
            )
        return runs

    def _hang_up(self) -> None:
        for session in self._sessions():
            session.link.drop()

    def _sessions(self) -> list[Session]:
        return [*([self._main] if self._main else []), *(self._others.sessions if self._others else [])]

    def _runs(self) -> dict[str, list[Run]]:
        """Return the runs of each collector, one a database, as far as it has run."""
        runs: dict[str, list[Run]] = {}
        for session in self._sessions():
            for run in session.runs:
                if run.ran:
                    runs.setdefault(run.collector.name, []).append(run)
        return runs

    def _collected(self, main: Session, others: Others) -> Collected:
        out, now = Collected(), time.monotonic()
        assert main.server is not None, "the main session has collected"
        out.set(UP, 1, self._key)
        out.set(STATIC, 1, self._key, _version(main.server.facts.version), main.server.version)
        if self._health is not None:
            self._health.fill(out, self._key)
        out.set(
            CONNECTIONS, sum(session.link.connection is not None for session in self._sessions()), self._key
        )
        for grant in sorted({grant for session in self._sessions() for grant in session.gaps}):
            out.set(PERMISSION_MISSING, 1, self._key, grant)
        for status, count in others.counts.items():
            out.set(DATABASES, count, self._key, status)
        for name, runs in self._runs().items():
            errors = [run.error for run in runs if run.error is not None]
            out.set(COLLECTOR_SUCCESS, not errors, self._key, name)
            out.set(COLLECTOR_DURATION, sum(run.duration for run in runs), self._key, name)
            out.set(COLLECTOR_TRUNCATED, any(run.truncated for run in runs), self._key, name)
            for error in errors:
                out.set(COLLECTOR_FAILING, 1, self._key, name, error.reason)
            for run in runs:
                keep = max(
                    _KEEP_INTERVALS * max(run.every, run.between, self.every),
                    LONGEST_BETWEEN if run.missed and not run.failures else 0.0,  # its turn has yet to come
                )
                if run.succeeded is not None and now - run.succeeded <= keep + self.timeout:
                    out.update(run.data)
                    run.data.dropped = {}  # told once
        out.final = True
        return out


def _version(number: int) -> str:
    """Write libpq's version number as people do: 150018 is 15.18."""
    return f"{number // 10000}.{number % 10000}"
