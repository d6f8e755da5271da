"""Postgres: statistics of the server and of its databases, and the team's own SQL.

One connection a server, one read-only transaction a collection. Each collector stands behind a savepoint with its own
statement_timeout, so that one that fails or is too slow takes nothing from the others. Limits are set with SET LOCAL:
through a pooler a session's SET would leak to other clients.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.trace import note, step
from exporter.platform.base import Interval, Part, Text
from exporter.platform.values import Duration, Secret
from exporter.sources.kind import SourceKind
from exporter.sources.postgres.collector import Collector, builtin, own
from exporter.sources.postgres.connection import connect, failure

if TYPE_CHECKING:
    from exporter.platform.model import Platform

UP = Family("pg_up", "gauge", "Whether the server answered the last collection.", ("target",))
STATIC = Family("pg_static", "gauge", "1; version of the server.", ("target", "short_version", "version"))
COLLECTOR_SUCCESS = Family(
    "pg_scrape_collector_success",
    "gauge",
    "Whether the collector's last run succeeded.",
    ("target", "collector"),
)
COLLECTOR_DURATION = Family(
    "pg_scrape_collector_duration_seconds",
    "gauge",
    "How long the collector's last run took.",
    ("target", "collector"),
)

_LOCK_TIMEOUT_MS = 200
_KEEP_INTERVALS = 3


class Postgres(Part):
    """A Postgres server."""

    dsn: Secret
    """Connection string, by reference. TLS is verified on remote hosts unless it says sslmode itself."""
    title: Text | None = None
    every: Interval = Duration(15)
    timeout: Interval = Duration(10)
    phase_lock: bool = True
    """Finish just before the next scrape once the scrapers' rhythm is known."""


@dataclass(slots=True)
class CollectorRun:
    """What is known of one collector. Times are of the monotonic clock."""

    collector: Collector
    due: float = 0.0
    data: Collected = field(default_factory=Collected)
    succeeded: float | None = None
    duration: float = 0.0
    error: SourceError | None = None


class PostgresSource(Source):
    """Asks one server."""

    def __init__(self, key: str, config: Postgres, collectors: list[Collector]) -> None:
        super().__init__(
            f"postgres.{key}",
            every=config.every,
            timeout=config.timeout,
            spec=(config, collectors),
            phase_lock=config.phase_lock,
        )
        self._key, self._config = key, config
        self._runs = [CollectorRun(collector) for collector in collectors]
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def collect(self) -> Collected:
        """Run the collectors that are due in one transaction."""
        deadline = time.monotonic() + self.timeout
        try:
            connection = await self._begin()
            await self._transaction(connection, deadline)
        except psycopg.Error as error:
            self._drop()
            raise failure(error) from error
        except (SourceError, asyncio.CancelledError):
            self._drop()
            raise
        return self._collected(connection)

    def down(self) -> Collected:
        """The server did not answer."""
        out = Collected()
        out.set(UP, 0, self._key)
        return out

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say which server it is, and which grants are missing."""
        connection = await self._connect()
        cursor = await connection.execute(
            "select current_user, current_database(), pg_has_role('pg_monitor', 'MEMBER'), "
            "exists (select from pg_extension where extname = 'pg_stat_statements')"
        )
        row = await cursor.fetchone()
        assert row is not None, "a select without from returns one row"
        user, database, monitor, statements = row
        info = connection.info
        gaps = [
            Gap(f"{run.collector.name}: {run.error}", run.error.remedy)
            for run in self._runs
            if run.error is not None
        ]
        if not monitor:
            gaps.append(Gap("sessions of other users are hidden", f'GRANT pg_monitor TO "{user}";'))
        if not statements:
            gaps.append(
                Gap(f"pg_stat_statements is not in {database}", "CREATE EXTENSION pg_stat_statements;")
            )
        tls = "TLS" if connection.pgconn.ssl_in_use else "no TLS"
        return (
            f"PostgreSQL {_version(info.server_version)} at {info.host}:{info.port}/{database} as {user}, {tls}",
            gaps,
        )

    async def close(self) -> None:
        """Close the connection."""
        self._drop()

    async def _connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            with step(f"connect with {self._config.dsn}"):
                self._connection = await connect(self._config.dsn, self.timeout)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()  # at once: a server that hangs would keep a polite close waiting

    async def _begin(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        """Open the transaction; on a connection that died since the last collection, once more on a new one."""
        statement = f"begin read only; set local lock_timeout = {_LOCK_TIMEOUT_MS}"
        if self._connection is not None:
            try:
                await self._connection.execute(statement)
            except psycopg.OperationalError:
                self._drop()
            else:
                return self._connection
        connection = await self._connect()
        await connection.execute(statement)
        return connection

    async def _transaction(
        self, connection: psycopg.AsyncConnection[tuple[Any, ...]], deadline: float
    ) -> None:
        for run in self._runs:
            if time.monotonic() >= run.due:
                await self._run(connection, run, deadline)
        await connection.execute("commit")

    async def _run(
        self, connection: psycopg.AsyncConnection[tuple[Any, ...]], run: CollectorRun, deadline: float
    ) -> None:
        started = time.monotonic()
        limit = max(1, int(1000 * min(run.collector.timeout, deadline - started)))
        try:
            await connection.execute(f"savepoint collector; set local statement_timeout = {limit}")
            with step(f"collector {run.collector.name}, at most {limit} ms", run.collector.sql):
                cursor = await connection.execute(run.collector.sql.encode())
                rows = await cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
            note(f"{len(rows)} rows of {', '.join(names)}")
            run.data = run.collector.samples(self._key, names, rows)
            await connection.execute("release collector")
        except SourceError as error:
            run.error = error
            note(f"failed: {error.reason}", str(error))
            await connection.execute("rollback to collector")
        except psycopg.Error as error:
            if connection.broken:
                raise
            run.error = failure(error, connection.info.user)
            note(f"failed: {run.error.reason}", str(run.error))
            await connection.execute("rollback to collector")
        else:
            run.error, run.succeeded = None, started
        run.duration = time.monotonic() - started
        run.due = (
            started + run.collector.every - self.every / 2
        )  # half an interval early, or the tick would be missed

    def _collected(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> Collected:
        out, now = Collected(), time.monotonic()
        out.set(UP, 1, self._key)
        info = connection.info
        out.set(
            STATIC, 1, self._key, _version(info.server_version), info.parameter_status("server_version") or ""
        )
        for run in self._runs:
            out.set(COLLECTOR_SUCCESS, run.error is None, self._key, run.collector.name)
            out.set(COLLECTOR_DURATION, run.duration, self._key, run.collector.name)
            keep = _KEEP_INTERVALS * max(run.collector.every, self.every) + self.timeout
            if run.succeeded is not None and now - run.succeeded <= keep:
                out.update(run.data)
        return out


def _version(number: int) -> str:
    """Write libpq's version number as people do: 150018 is 15.18."""
    return f"{number // 10000}.{number % 10000}"


def _build(platform: "Platform") -> list[Source]:
    built: list[Source] = []
    for key, config in platform.section("postgres").items():
        assert isinstance(config, Postgres)
        queries = [own(name, query) for name, query in platform.queries.items() if query.database == key]
        built.append(PostgresSource(key, config, [*builtin(), *queries]))
    return built


KIND = SourceKind(
    name="postgres",
    config=Postgres,
    build=_build,
    families=(
        UP,
        STATIC,
        COLLECTOR_SUCCESS,
        COLLECTOR_DURATION,
        *(column.family for collector in builtin() for column in collector.columns),
    ),
)
