"""A server under test, who may ask it, and what a collection says."""

import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, LiteralString, cast
from unittest.mock import patch

import psycopg
import pytest
from psycopg import sql

from exporter.engine.families import Collected
from exporter.engine.source import Gap
from exporter.platform.values import Duration, Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import builtin
from tests.support.postgres import PostgresCluster
from tests.support.process import wait_until

DATABASE = "shop"
MONITOR = "monitor"
"""The role that README tells to make: pg_monitor."""
BARE = "bare"
"""A role that may do nothing but log in."""


class Server:
    """A cluster of a major `version` whose database DATABASE is filled."""

    def __init__(self, cluster: PostgresCluster, version: int) -> None:
        self.cluster, self.version = cluster, version

    def prepare(self, seed: str) -> None:
        """Create the roles, and DATABASE with extensions and the tables of `seed`."""
        for role in (MONITOR, BARE):
            self.run(f"create role {role} login password '{role}'", "postgres")
        self.run(f"grant pg_monitor to {MONITOR}", "postgres")
        self.run(f"create database {DATABASE}", "postgres")
        self.run("create extension pg_stat_statements; create extension pg_buffercache")
        for statement in seed.split(";\n"):  # no single transaction: a subscription cannot be made in one
            self.run(statement)

    def run(self, statement: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser and return its rows."""
        return self.cluster.execute(cast(LiteralString, statement), database)

    def dsn(self, user: str = MONITOR, database: str = DATABASE) -> str:
        """Return a connection URI."""
        return self.cluster.dsn(database, user=user, password=user)

    @contextmanager
    def session(self, *statements: str, database: str = DATABASE) -> Iterator[psycopg.Connection[Any]]:
        """Hold a superuser's session that ran `statements` in one open transaction; roll back at the end."""
        with psycopg.connect(self.cluster.dsn(database)) as connection:
            for statement in statements:
                connection.execute(cast(LiteralString, statement))
            yield connection
            if not connection.broken:
                connection.rollback()

    @contextmanager
    def waiting(self, *statements: str, sessions: int = 1) -> Iterator[list[threading.Thread]]:
        """Hold `sessions` sessions that wait for a lock in the last of `statements`; cancel them at the end."""
        connections = [psycopg.connect(self.cluster.dsn(DATABASE)) for _ in range(sessions)]

        def wait(connection: psycopg.Connection[Any]) -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                for statement in statements:
                    connection.execute(cast(LiteralString, statement))

        threads = [threading.Thread(target=wait, args=(connection,)) for connection in connections]
        pids = sql.SQL(", ").join(sql.Literal(connection.info.backend_pid) for connection in connections)
        waits = sql.SQL("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and pid in ({})")
        try:
            for thread in threads:
                thread.start()
            wait_until(
                lambda: self.cluster.execute(waits.format(pids)) == [(sessions,)], 30, "sessions that wait"
            )
            yield threads
        finally:
            for connection, thread in zip(connections, threads, strict=True):
                connection.cancel_safe(timeout=30)
                thread.join(30)
                connection.close()


class Samples:
    """What one collection said, by name and labels. The label `target` is left out: it is the same everywhere."""

    def __init__(self, collected: Collected) -> None:
        self._families = {
            family.name: (family.labels[1:], {key[1:]: value for key, value in samples.items()})
            for family, samples in collected
        }

    def all(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a family by label values, in the order of its declaration."""
        return self._families.get(name, ((), {}))[1]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the one sample that has these labels among others; None when it is absent."""
        names, samples = self._families.get(name, ((), {}))
        found = [
            value
            for key, value in samples.items()
            if labels.items() <= dict(zip(names, key, strict=True)).items()
        ]
        assert len(found) <= 1, f"{name}{labels} is not one sample: {samples}"
        return found[0] if found else None

    def declarations(self) -> list[str]:
        """Return `name{label,label}` of every family that has samples, sorted."""
        return sorted(
            f"{name}{{{','.join(labels)}}}" for name, (labels, samples) in self._families.items() if samples
        )

    def failing(self) -> dict[tuple[str, ...], float]:
        """Return (collector, reason) of those that failed."""
        return self.all("pg_scrape_collector_failing")


class Asked:
    """A source and what it says when it is asked."""

    def __init__(self, source: PostgresSource) -> None:
        self.source = source

    async def collect(self) -> Samples:
        """Collect once. Raises SourceError."""
        return Samples(await self.source.collect())

    async def gaps(self) -> list[Gap]:
        """Return what `check` would name as missing."""
        _, gaps = await self.source.inspect()
        return gaps


@asynccontextmanager
async def asking(dsn: str, timeout: float = 20, every: float = 15, **options: Any) -> AsyncIterator[Asked]:
    """Yield a source with all built-in collectors for `dsn`; `options` are keys of its part of the platform file."""
    with patch.dict(os.environ, TEST_DSN=dsn):
        config = Postgres.model_validate(
            {"dsn": Secret("env", "TEST_DSN"), "timeout": f"{timeout:g}s", "every": f"{every:g}s", **options}
        )
        asked = Asked(PostgresSource("main", config, builtin()))
        try:
            yield asked
        finally:
            await asked.source.close()
