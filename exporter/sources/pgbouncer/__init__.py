"""pgbouncer: what its admin console tells of clients, servers and pools.

The console speaks the simple protocol only, one command at a time and outside transactions. Columns are found by name,
because versions add and rename them.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.trace import note, step
from exporter.platform.base import Interval, Part, Text
from exporter.platform.values import Duration, Secret
from exporter.sources.kind import SourceKind
from exporter.sources.pgbouncer.figures import CONFIG, DATABASES, LISTS, POOLS, TOTALS, Figure, Row
from exporter.sources.postgres.connection import connect, failure

if TYPE_CHECKING:
    from exporter.platform.model import Platform

UP = Family("pgbouncer_up", "gauge", "Whether the admin console answered the last collection.", ("target",))
VERSION = Family("pgbouncer_version_info", "gauge", "1; version of pgbouncer.", ("target", "version"))
CLIENTS = Family(
    "pgbouncer_client_connections",
    "gauge",
    "Client connections by what they do; beyond the most frequent, application_name is `other`.",
    ("target", "database", "user", "application_name", "state"),
)
_MOST_APPLICATIONS = 50


class Pgbouncer(Part):
    """The admin console of a pgbouncer."""

    dsn: Secret
    """Connection string of a user in stats_users or admin_users, by reference; the database is always `pgbouncer`."""
    title: Text | None = None
    every: Interval = Duration(15)
    timeout: Interval = Duration(5)
    phase_lock: bool = True
    """Finish just before the next scrape once the scrapers' rhythm is known."""
    clients: bool = False
    """Count client connections by application as well; pgbouncer lists each of them for it."""


class PgbouncerSource(Source):
    """Asks one admin console, over a connection that is kept."""

    def __init__(self, key: str, config: Pgbouncer) -> None:
        super().__init__(
            f"pgbouncer.{key}",
            every=config.every,
            timeout=config.timeout,
            spec=config,
            phase_lock=config.phase_lock,
        )
        self._key, self._config = key, config
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._version = ""

    async def collect(self) -> Collected:
        """Ask for everything, one command after the other."""
        kept = self._connection is not None
        try:
            try:
                return await self._ask_all()
            except psycopg.OperationalError:
                if not kept:
                    raise
                self._hang_up()  # it died since the last collection: once more, on a new one
            return await self._ask_all()
        except psycopg.Error as error:
            self._hang_up()
            raise failure(error) from error
        except BaseException:
            self._hang_up()
            raise

    def down(self) -> Collected:
        """The console did not answer."""
        out = Collected()
        out.set(UP, 0, self._key)
        return out

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say which pgbouncer it is."""
        if self._connection is None:
            return "", []
        info = self._connection.info
        return f"{self._version} at {info.host}:{info.port} as {info.user}", []

    async def close(self) -> None:
        """Close the connection."""
        self._hang_up()

    async def _ask_all(self) -> Collected:
        out = Collected()
        version = await self._ask("SHOW VERSION")
        self._version = str(next(iter(version[0].values()))) if version else ""
        out.set(UP, 1, self._key)
        out.set(VERSION, 1, self._key, self._version)
        self._fill(out, LISTS, [_pivot(await self._ask("SHOW LISTS"), "list", "items")])
        self._fill(out, CONFIG, [_pivot(await self._ask("SHOW CONFIG"), "key", "value")])
        databases = [_renamed(row) for row in await self._ask("SHOW DATABASES")]
        self._fill(out, DATABASES, databases)
        self._fill(out, POOLS, await self._ask("SHOW POOLS"))
        self._fill(out, TOTALS, await self._ask("SHOW STATS_TOTALS"))
        if self._config.clients:
            for labels, count in _grouped(await self._ask("SHOW CLIENTS")).items():
                out.set(CLIENTS, count, self._key, *labels)
        return out

    async def _ask(self, command: LiteralString) -> list[Row]:
        if self._connection is None or self._connection.closed:
            with step(f"connect with {self._config.dsn} to pgbouncer"):
                self._connection = await connect(self._config.dsn, self.timeout, "pgbouncer")
        with step(command):
            cursor = await self._connection.execute(command)
            rows = await cursor.fetchall()
        names = [column.name for column in cursor.description or ()]
        note(f"{len(rows)} rows of {', '.join(names)}")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _fill(self, out: Collected, figures: Iterable[Figure], rows: Iterable[Row]) -> None:
        for row in rows:
            for figure in figures:
                labels = [
                    "" if row.get(name) is None else str(row[name]) for name in figure.family.labels[1:]
                ]
                try:
                    out.set(figure.family, figure.value(row), self._key, *labels)
                except (TypeError, ValueError) as error:
                    raise SourceError(
                        "parse", f"{figure.column} is {row[figure.column]!r}, no number"
                    ) from error

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()  # at once: a server that hangs would keep a polite close waiting


def _pivot(rows: Iterable[Row], name: str, value: str) -> Row:
    return {str(row[name]): row[value] for row in rows}


def _renamed(row: Row) -> Row:
    """Call the reserve pool's size as versions before 1.24 do."""
    return {**row, "reserve_pool": row.get("reserve_pool", row.get("reserve_pool_size"))}


def _grouped(rows: Iterable[Row]) -> Counter[tuple[str, ...]]:
    """Count clients by database, user, application and state; applications beyond the most frequent are `other`."""
    clients = [
        tuple(str(row.get(name) or "") for name in ("database", "user", "application_name", "state"))
        for row in rows
    ]
    kept = {name for name, _ in Counter(client[2] for client in clients).most_common(_MOST_APPLICATIONS)}
    return Counter(
        (database, user, application if application in kept else "other", state)
        for database, user, application, state in clients
    )


def _build(platform: "Platform") -> list[Source]:
    return [
        PgbouncerSource(key, config)
        for key, config in platform.section("pgbouncer").items()
        if isinstance(config, Pgbouncer)
    ]


KIND = SourceKind(
    name="pgbouncer",
    config=Pgbouncer,
    build=_build,
    families=(
        UP,
        VERSION,
        CLIENTS,
        *(figure.family for figure in (*LISTS, *CONFIG, *DATABASES, *POOLS, *TOTALS)),
    ),
)
