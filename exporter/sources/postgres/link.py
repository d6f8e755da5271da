"""The connection to one database: kept between collections, given up when the server does not answer."""

import asyncio
import time
from typing import Any

import psycopg

from exporter.engine.source import SourceError
from exporter.engine.trace import note, step
from exporter.platform.values import Secret
from exporter.sources.postgres.connection import connect

_CANCEL_SECONDS = 2.0


class Link:
    """At most one connection, of the `dsn`'s database or another one.

    Attributes:
        proven: whether this connection has answered. One that did and is lost may have died while nobody used it.
        seconds: how long it took to connect, until somebody takes note of it.
    """

    def __init__(self, dsn: Secret, database: str | None) -> None:
        self._dsn, self._database = dsn, database
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.proven = False
        self.seconds: float | None = None

    @property
    def connection(self) -> psycopg.AsyncConnection[Any] | None:
        """The connection, if there is one that is not closed."""
        return None if self._connection is None or self._connection.closed else self._connection

    async def open(self, deadline: float) -> psycopg.AsyncConnection[Any]:
        """Return the connection, a new one if there is none, before `deadline` (monotonic clock).

        Raises:
            SourceError: there is no way to the server, or pgbouncer's console is there instead.
        """
        if (kept := self.connection) is not None:
            return kept
        now = time.monotonic()
        await self.ended(deadline - now)  # before there is another connection
        with step(f"connect with {self._dsn}" + (f" to {self._database}" if self._database else "")):
            self._connection = new = await connect(self._dsn, deadline - time.monotonic(), self._database)
        self.seconds, self.proven = time.monotonic() - now, False
        if "bouncer" in (new.info.parameter_status("server_version") or ""):
            self.drop()
            remedy = "Name it under sources.pgbouncer, and a database here."
            raise SourceError("pooler", "this is pgbouncer's admin console", remedy=remedy)
        return new

    def give_up(self) -> None:
        """End on the server what was not answered, then hang up. What arrived does not wait for that: far away it takes
        longer than the time-out leaves."""
        connection, self._connection = self._connection, None
        if connection is not None:
            ending = asyncio.create_task(_end(connection))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def ended(self, seconds: float = _CANCEL_SECONDS) -> None:
        """Wait until what was given up has ended, so many seconds at most."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=max(0.0, seconds))

    def drop(self) -> None:
        """Close the connection at once: a server that hangs would keep a polite close waiting."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()


async def _end(connection: psycopg.AsyncConnection[Any]) -> None:
    try:
        await connection.cancel_safe(timeout=_CANCEL_SECONDS)
    except psycopg.Error as error:
        note("the server could not be told to stop", str(error))
    finally:
        connection.pgconn.finish()
