"""Whether a database is healthy: how long it takes to connect, to answer and, if asked to, to write.

The times are those of the exporter's own connection, so they hold the network between it and the server. The write test
keeps one row in a table of its own, which `platform-exporter sql-role --write-test` creates, and runs outside the
collection's read-only transaction.
"""

import asyncio
import shlex
import time
from typing import Annotated, Any, Self

import psycopg
from psycopg import sql
from pydantic import Field, model_validator

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, SourceError
from exporter.engine.trace import note, step
from exporter.platform.base import Interval, Part, matching
from exporter.platform.conditions import Provider
from exporter.platform.values import Duration, Verbatim, fault
from exporter.sources.postgres.connection import failure
from exporter.sources.postgres.pipeline import Segment, ask
from exporter.sources.postgres.transaction import milliseconds

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
ROLE = "exporter"
"""Whom `platform-exporter sql-role` makes unless it is told another name."""

_NOT_SET_UP = ("42501", "42P01", "3F000")
"""SQLSTATEs of a write test that cannot work yet: no privilege, no table, no schema. They say nothing of the server."""
_ENOUGH = 0.25
"""Share of a collection's time without which a write waits for the next one: a late collection is no slow server."""
_SERVER_FIRST = 0.8
"""Share of the write's time after which the server ends it itself, where it can: the connection lasts then."""
_WAY = 1.5
"""How many times as long as the simplest query the server's word of that may take."""
_LEAST = 0.1
"""Share of the write's time that the server must have of it: with less, what fails is the distance."""


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
    """Measures one server. What it measured last is kept.

    `seconds` is the time that a whole collection has, `tick` how long after one the next begins.
    """

    def __init__(self, config: HealthCheck, seconds: float, tick: float) -> None:
        self._config, self._seconds, self._tick = config, seconds, tick
        self._connect: float | None = None
        self._query: float | None = None
        self._write: float | None = None
        self._write_due = 0.0
        self._error: SourceError | None = None
        self._broken = False
        self._status: str | None = None  # nothing was measured yet

    async def measure(
        self,
        connection: psycopg.AsyncConnection[Any],
        connected: float | None,
        deadline: float,
        provider: Provider = "generic",
    ) -> None:
        """Measure on an open connection that is in no transaction, until `deadline` of the monotonic clock.

        `connected` is how long it took to open it, in seconds, if that was for this collection. A write that failed or
        did not end keeps the server unhealthy until one succeeds.

        Raises:
            SourceError: the connection was lost, or there was no answer in time; it is of no use any more.
        """
        self.missed()
        self._connect = self._connect if connected is None else connected
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                standby = await self._measure_query(connection)
        except TimeoutError as error:
            raise SourceError("timeout", "the health check was not answered in time") from error
        except psycopg.Error as error:
            raise failure(error) from error
        now, test = time.monotonic(), self._config.write_test
        if standby:
            self._write, self._error, self._broken = None, None, False
        elif test is not None and now >= self._write_due and deadline - now >= _ENOUGH * self._seconds:
            most = min(2 * self._config.unhealthy, (deadline - now) / 2)
            within = min(_SERVER_FIRST * most, most - _WAY * (self._query or 0.0))
            if within < _LEAST * most:
                self._leave_out(most)
            else:
                self._write_due = (
                    now + test.every - self._tick / 2
                )  # half a tick early, or the right one would be missed
                await self._measure_write(connection, test, most, within, provider)
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

    def _leave_out(self, most: float) -> None:
        """Note that a write would tell nothing but how far away the server is, and cost the connection."""
        self._write = None
        if not self._broken:
            self._error = SourceError(
                "timeout",
                f"left out: the {most:.1f} s for it are too short where a query takes {self._query:.1f} s",
                remedy="Raise the source's `timeout:`, or `unhealthy:` if that is the shorter one.",
            )

    async def _measure_write(
        self,
        connection: psycopg.AsyncConnection[Any],
        test: WriteTest,
        most: float,
        within: float,
        provider: Provider,
    ) -> None:
        """Time one upsert and its commit, for `most` seconds; the server ends the upsert after `within`.

        A server that refuses is unhealthy, unless the test is not set up. The commit may wait beyond any limit that the
        server knows: for a synchronous standby that is gone.

        Raises:
            SourceError: the connection was lost, or there was no answer in time.
        """
        user, self._write, self._broken = connection.info.user, None, True
        self._error = SourceError(
            "timeout", f"no row was written and committed within {most:.1f} s", remedy=_HANGS
        )
        refused: psycopg.Error | None
        with step("health: write one row"):
            try:
                answers = await ask(connection, [_upsert(test.schema_, within)], time.monotonic() + most)
                if not answers:
                    raise self._error
                refused = answers[0].error
                if refused is not None and not await ask(
                    connection, [[b"rollback"]], time.monotonic() + most
                ):
                    raise self._error
            except psycopg.Error as lost:
                self._error, self._write_due = failure(lost), 0.0  # it ends well, or not, as soon as may be
                raise self._error from lost
        if refused is None:
            self._write, self._error, self._broken = answers[0].seconds, None, False
            return
        self._error, self._broken = failure(refused, user), refused.sqlstate not in _NOT_SET_UP
        if not self._broken:
            self._error.remedy = Verbatim(f"Run what `{_sql_role(user, provider, test.schema_)}` prints.")
        elif self._error.reason == "timeout":
            self._error.remedy = (
                f"See pg_locks and pg_stat_activity: who holds a lock on {test.schema_}.{TABLE}, or what keeps the "
                "disk busy. If writes may take so long, raise `unhealthy:`."
            )
        note(f"failed: {self._error.reason}", str(self._error))


_HANGS = "See pg_stat_activity: who holds a lock, or which of synchronous_standby_names is gone."


def _upsert(schema: str, seconds: float) -> Segment:
    """Return the statements, one round trip; the server ends each after so many seconds, but no commit.

    The transaction is neither read-only nor writable by its own word: the server's default counts, which a provider
    turns to read-only when the disk is full.
    """
    limit = str(milliseconds(seconds)).encode()
    upsert = sql.SQL(
        "insert into {} (only_row, written) values (true, pg_catalog.clock_timestamp()) "
        "on conflict (only_row) do update set written = excluded.written"
    ).format(sql.Identifier(schema, TABLE))
    return (
        b"begin",
        b"set local statement_timeout = " + limit,
        b"set local lock_timeout = " + limit,
        upsert.as_bytes(None),
        b"commit",
    )


def _sql_role(user: str, provider: Provider, schema: str) -> str:
    """Return the command whose script gives `user` the write test."""
    command = ["platform-exporter", "sql-role"]
    command += ["--provider", provider] if provider != "generic" else []
    command += ["--name", user] if user != ROLE else []
    return shlex.join([*command, "--write-test", schema])


def unreachable(out: Collected, target: str) -> None:
    """Set the state of a server that did not answer."""
    _set_status(out, target, "unhealthy")


def _set_status(out: Collected, target: str, status: str) -> None:
    for word in STATES:
        out.set(STATUS, word == status, target, word)
