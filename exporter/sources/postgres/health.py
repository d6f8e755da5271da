"""Whether a database is healthy: how long it takes to connect, to answer and, if asked to, to write.

The times are those of the exporter's own connection, so they hold the network between it and the server. The write test
keeps one row in a table of its own, which `platform-exporter sql-role --write-test` creates, and runs outside the
collection's read-only transaction.
"""

import asyncio
import time
from typing import Annotated, Any, Self

import psycopg
from psycopg import sql
from pydantic import Field, model_validator

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, SourceError
from exporter.engine.trace import note, step
from exporter.platform.base import Interval, Part, matching
from exporter.platform.values import Duration, fault
from exporter.sources.postgres.connection import failure

CONNECT = Family(
    "pg_health_connect_seconds",
    "gauge",
    "How long it took to open the connection that is in use.",
    ("target",),
)
QUERY = Family(
    "pg_health_query_seconds", "gauge", "How long the simplest query took, network included.", ("target",)
)
WRITE = Family(
    "pg_health_write_seconds",
    "gauge",
    "How long it took to write one row and commit, network included; absent on a standby.",
    ("target",),
)
STATUS = Family(
    "pg_health_status",
    "gauge",
    "1 for the state by the thresholds of `health:`, 0 for the others.",
    ("target", "status"),
)
FAMILIES = (CONNECT, QUERY, WRITE, STATUS)

STATES = ("healthy", "degraded", "unhealthy")
TABLE = "write_test"
SCHEMA = "platform_exporter"

_NOT_SET_UP = ("42501", "42P01", "3F000")
"""SQLSTATEs of a write test that cannot work yet: no privilege, no table, no schema. They say nothing of the server."""


SchemaName = Annotated[
    str,
    matching(
        r"[a-z_][a-z0-9_]{0,62}",
        "schema",
        "no schema",
        "Use small letters, digits and underscores, 63 at most.",
    ),
]


class WriteTest(Part):
    """Writing one row now and then."""

    schema_: SchemaName = Field(default=SCHEMA, alias="schema")
    """The schema of the table `write_test`; `platform-exporter sql-role --write-test` makes both."""
    every: Interval = Duration(60)
    """How often."""


class HealthCheck(Part):
    """When a database counts as healthy: the time of query and write together, with connecting when that was needed."""

    degraded: Interval = Duration(0.2)
    """From here on it is degraded."""
    unhealthy: Interval = Duration(1)
    """From here on it is unhealthy."""
    write_test: WriteTest | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.degraded >= self.unhealthy:
            raise fault(
                "thresholds",
                f"`degraded` ({self.degraded}) is not below `unhealthy` ({self.unhealthy})",
                "A slow database is degraded first, then unhealthy.",
            )
        return self


class HealthProbe:
    """Measures one server. What it measured last is kept."""

    def __init__(self, config: HealthCheck) -> None:
        self._config = config
        self._connect: float | None = None
        self._query: float | None = None
        self._write: float | None = None
        self._write_due = 0.0
        self._error: SourceError | None = None
        self._broken = False
        self._status: str | None = None  # nothing was measured yet

    async def measure(
        self, connection: psycopg.AsyncConnection[Any], connected: float | None, deadline: float
    ) -> None:
        """Measure on an open connection that is in no transaction, until `deadline` of the monotonic clock.

        `connected` is how long it took to open it, in seconds, if that was for this collection.

        Raises:
            SourceError: the connection was lost, or there was no answer in time; it is of no use any more.
        """
        self.missed()
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                standby = await self._measure_query(connection)
                if standby:
                    self._write, self._error, self._broken = None, None, False
                elif self._config.write_test is not None and time.monotonic() >= self._write_due:
                    self._write_due = time.monotonic() + self._config.write_test.every
                    await self._measure_write(connection, self._config.write_test)
        except TimeoutError as error:
            raise SourceError("timeout", "the health check was not answered in time") from error
        except psycopg.Error as error:
            raise failure(error) from error
        self._connect = self._connect if connected is None else connected
        took = (connected or 0.0) + (self._query or 0.0) + (self._write or 0.0)
        if not self._broken and took < self._config.unhealthy:
            self._status = "degraded" if took >= self._config.degraded else "healthy"

    def missed(self) -> None:
        """Note that the server was too slow for its statistics, so that nothing could be measured."""
        self._status, self._query = "unhealthy", None

    def fill(self, out: Collected, target: str) -> None:
        """Set what was measured."""
        out.set(CONNECT, self._connect, target)
        out.set(QUERY, self._query, target)
        out.set(WRITE, self._write, target)
        if self._status is not None:
            _set_status(out, target, self._status)

    @property
    def gap(self) -> Gap | None:
        """What keeps the write test from working, if something does."""
        return None if self._error is None else Gap(f"write test: {self._error}", self._error.remedy)

    async def _measure_query(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Time the simplest query; return what it asks: whether the server is a standby."""
        started = time.perf_counter()
        with step("health: the simplest query"):
            cursor = await connection.execute("select pg_catalog.pg_is_in_recovery()")
            row = await cursor.fetchone()
        self._query = time.perf_counter() - started
        return bool(row and row[0])

    async def _measure_write(self, connection: psycopg.AsyncConnection[Any], test: WriteTest) -> None:
        """Time one upsert and its commit. A server that refuses is unhealthy, unless the test is not set up."""
        statement = _UPSERT.format(
            limit=sql.Literal(int(2000 * self._config.unhealthy)), table=sql.Identifier(test.schema_, TABLE)
        )
        started = time.perf_counter()
        try:
            with step("health: write one row"):
                await connection.execute(statement)
        except psycopg.Error as error:
            if connection.broken:
                raise
            await connection.execute("rollback")
            self._error = failure(error, connection.info.user)
            if error.sqlstate in _NOT_SET_UP:
                self._error.remedy = (
                    f"Run what `platform-exporter sql-role --write-test {test.schema_}` prints."
                )
            note(f"failed: {self._error.reason}", str(self._error))
            self._write, self._broken = None, error.sqlstate not in _NOT_SET_UP
        else:
            self._write, self._error, self._broken = time.perf_counter() - started, None, False


_UPSERT = sql.SQL(
    "begin; set local statement_timeout = {limit}; set local lock_timeout = {limit}; "
    "insert into {table} (only_row, written) values (true, pg_catalog.clock_timestamp()) "
    "on conflict (only_row) do update set written = excluded.written; commit"
)
"""One round trip. The transaction is neither read-only nor writable by its own word: the server's default counts,
which a provider turns to read-only when the disk is full."""


def unreachable(out: Collected, target: str) -> None:
    """Set the state of a server that did not answer."""
    _set_status(out, target, "unhealthy")


def _set_status(out: Collected, target: str, status: str) -> None:
    for word in STATES:
        out.set(STATUS, word == status, target, word)
