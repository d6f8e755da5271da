"""The state in Postgres: for several exporters of one platform.

Leadership is a lease in a row, by the server's clock. A session's advisory lock would be lost behind a pooler that
shares sessions (as managed Postgres has them), and would be kept by a leader that is frozen or cut off until TCP gives
up; a lease runs out in either case.
"""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from pydantic_core import PydanticCustomError

from exporter.engine.source import SourceError
from exporter.engine.state import Conflict, Entry, StateError, StateStore
from exporter.platform.values import Secret
from exporter.sources.postgres.connection import connect, failure

SCHEMA: LiteralString = """
CREATE SCHEMA IF NOT EXISTS platform_exporter;
CREATE TABLE IF NOT EXISTS platform_exporter.state (
    platform text        NOT NULL,
    key      text        NOT NULL,
    version  bigint      NOT NULL,
    value    bytea       NOT NULL,
    written  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform, key)
);
CREATE TABLE IF NOT EXISTS platform_exporter.leader (
    platform text        PRIMARY KEY,
    holder   text        NOT NULL,
    expires  timestamptz NOT NULL
);
"""
"""What an administrator creates when the exporter's role may not; `platform` holds platform and environment."""

GRANTS = """
GRANT USAGE ON SCHEMA platform_exporter TO {role};
GRANT SELECT, INSERT, UPDATE ON platform_exporter.state, platform_exporter.leader TO {role};
"""

_LEAD: LiteralString = """
INSERT INTO platform_exporter.leader AS leader (platform, holder, expires)
VALUES (%(platform)s, %(holder)s, clock_timestamp() + make_interval(secs => %(lease)s))
ON CONFLICT (platform) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
WHERE leader.holder = excluded.holder OR leader.expires <= clock_timestamp()
RETURNING extract(epoch FROM clock_timestamp())::float8
"""
_RESIGN: LiteralString = """
UPDATE platform_exporter.leader SET expires = '-infinity' WHERE platform = %(platform)s AND holder = %(holder)s
"""
_READ: LiteralString = """
SELECT value, version, extract(epoch FROM clock_timestamp() - written)::float8
FROM platform_exporter.state WHERE platform = %(platform)s AND key = %(key)s
"""
# set_config: what was written must be on disk also where synchronous_commit is off; it ends with the statement.
# least: a server that was frozen finds the statement late, and what it writes then is as old as the statement.
_INSERT: LiteralString = """
INSERT INTO platform_exporter.state (platform, key, version, value, written)
SELECT %(platform)s, %(key)s, 1, %(value)s, least(clock_timestamp(), to_timestamp(%(sent)s::float8))
FROM (SELECT set_config('synchronous_commit', 'on', true)) AS durably
ON CONFLICT DO NOTHING RETURNING version
"""
_UPDATE: LiteralString = """
UPDATE platform_exporter.state
SET value = %(value)s, version = version + 1, written = least(clock_timestamp(), to_timestamp(%(sent)s::float8))
FROM (SELECT set_config('synchronous_commit', 'on', true)) AS durably
WHERE platform = %(platform)s AND key = %(key)s AND version = %(version)s RETURNING version
"""
# Two exporters that start together must not both create; the number is arbitrary.
_CREATE: LiteralString = "BEGIN; SELECT pg_advisory_xact_lock(7308325218); " + SCHEMA + "COMMIT;"

_LIMIT = 5.0
"""Seconds that one use of the store may take, connecting included."""

_HANG_UP_LIMIT = 0.5

Row = tuple[Any, ...] | None


class PostgresStore(StateStore):
    """The rows of `platform` in the schema platform_exporter, which is made when it is missing.

    One connection, opened when it is needed and given up at the first error.
    """

    shared = True

    def __init__(self, dsn: Secret, platform: str, *, lease: float) -> None:
        self.lease = lease
        self._dsn = dsn
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._names = {"platform": platform, "holder": self._holder, "lease": lease}
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._ahead: float | None = None  # the server's clock of ours that nobody sets; None: not known
        self._turn = asyncio.Lock()
        self._outage: StateError | None = None  # the last failure, until something succeeds

    async def open(self) -> None:
        """See that the secret is there. The server may come later. Raises StateError."""
        try:
            self._dsn.reveal()
        except PydanticCustomError as error:
            context = error.context or {}
            raise StateError(f"state.postgres.dsn: {context['message']}", str(context["remedy"])) from error

    async def read(self, key: str) -> Entry | None:
        """Return the value of `key`."""
        row = await self._ask(_READ, key=key)
        return Entry(bytes(row[0]), row[1], max(0.0, row[2])) if row else None

    async def write(self, key: str, value: bytes, version: int) -> int:
        """Put `value` in place of the one with `version`."""
        sent = None if self._ahead is None else time.monotonic() + self._ahead
        statement = _UPDATE if version else _INSERT
        row = await self._ask(statement, key=key, value=value, version=version, sent=sent)
        if row is None:
            raise Conflict(key)
        return int(row[0])

    async def lead(self) -> bool:
        """Take the lease when it is free or ours."""
        row = await self._ask(_LEAD)
        if row is not None:
            self._ahead = row[0] - time.monotonic()
        return row is not None

    async def close(self) -> None:
        """Hand the lease back, so that another exporter need not wait for its end, and close the connection."""
        try:
            if self._connection is not None:
                async with asyncio.timeout(1):
                    await self._connection.execute(_RESIGN, self._names)
        except (psycopg.Error, TimeoutError):
            pass  # it runs out by itself
        finally:
            self._drop()

    async def _ask(self, statement: LiteralString, **values: Any) -> Row:
        """Run one statement in a transaction of its own; return its first row. Raises StateError.

        One that waited for its turn while the server did not answer fails as that did: each would wait as long again.
        """
        before = self._outage
        async with self._turn:
            if self._outage is not None and self._outage is not before:
                raise StateError(str(self._outage), self._outage.remedy)
            try:
                row = await self._within_limit(self._on_live_connection(statement, {**self._names, **values}))
            except (psycopg.Error, SourceError, TimeoutError) as error:
                self.up, user = False, self._user()
                self._drop()
                failed = _failure(error, user)
                if isinstance(error, TimeoutError | SourceError | psycopg.OperationalError):
                    self._outage = failed
                raise failed from error
            self._outage = None
        self.up = True
        return row

    async def _within_limit(self, work: Coroutine[Any, Any, Row]) -> Row:
        """Await `work`; when it is too slow or unwanted, leave no answer on the connection for the next statement."""
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=_LIMIT)
        except asyncio.CancelledError:
            await self._hang_up(task)
            raise
        if not done:
            await self._hang_up(task)
            raise TimeoutError
        return task.result()

    async def _hang_up(self, task: asyncio.Task[Row]) -> None:
        """End the statement under way by ending its connection: a server that hangs would let a cancellation wait."""
        connection, self._connection = self._connection, None
        if connection is None or connection.closed:  # it is being made
            task.cancel()
        else:
            with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line, suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        try:
            await asyncio.wait({task}, timeout=_HANG_UP_LIMIT)
            if task.done() and not task.cancelled():
                task.exception()  # seen
        finally:  # also when who waits is cancelled again
            if connection is not None:
                connection.pgconn.finish()

    async def _on_live_connection(self, statement: LiteralString, values: dict[str, Any]) -> Row:
        """Run the statement; once more when an idle connection turns out to be dead, or when the schema is missing."""
        try:
            return await self._execute(statement, values)
        except psycopg.OperationalError:
            if self._connection is None or not self._connection.broken:
                raise
            self._drop()
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            assert self._connection is not None
            await self._connection.execute(_CREATE)
        return await self._execute(statement, values)

    async def _execute(self, statement: LiteralString, values: dict[str, Any]) -> Row:
        if self._connection is None:
            self._connection = await connect(self._dsn, _LIMIT)
        cursor = await self._connection.execute(statement, values)
        return await cursor.fetchone() if cursor.description else None

    def _user(self) -> str:
        return self._connection.info.user if self._connection and not self._connection.closed else "exporter"

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()


def _failure(error: psycopg.Error | SourceError | TimeoutError, user: str) -> StateError:
    where = "the state's Postgres"
    if isinstance(error, TimeoutError):
        return StateError(f"{where} did not answer within {_LIMIT:g} s")
    if isinstance(error, errors.InsufficientPrivilege):
        grants = GRANTS.format(role=f'"{user}"')
        return StateError(f"{where}: {error}", f"Run in that database as its owner: {SCHEMA}{grants}")
    told = failure(error) if isinstance(error, psycopg.Error) else error
    return StateError(f"{where}: {told}", told.remedy)
