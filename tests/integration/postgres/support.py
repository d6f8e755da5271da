"""A server under test, who may ask it, and what a collection says."""

import asyncio
import os
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, LiteralString, TypeVar
from unittest.mock import patch

import psycopg
import pytest
from psycopg import sql

from exporter.engine.families import Collected
from exporter.engine.source import Gap
from exporter.platform.values import Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import Collector, builtin
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

    def run(self, statement: LiteralString, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser and return its rows."""
        return self.cluster.execute(statement, database)

    def dsn(self, user: str = MONITOR, database: str = DATABASE) -> str:
        """Return a connection URI."""
        return self.cluster.dsn(database, user=user, password=user)

    def run_all(self, statements: Sequence[str], database: str = DATABASE) -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        with psycopg.connect(self.cluster.dsn(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def end_sessions_of(self, role: str) -> None:
        """End every session of `role`, and wait until they are gone."""
        sessions = f"from pg_stat_activity where usename = '{role}'"
        self.run(f"select pg_terminate_backend(pid) {sessions}")
        self.wait_for_no_session_of(role)

    def wait_for_no_session_of(self, role: str) -> None:
        """Wait until `role` has no session, as soon after a connection is closed."""
        sessions = f"select 1 from pg_stat_activity where usename = '{role}'"
        wait_until(lambda: not self.run(sessions), 30, f"sessions of {role} to end")

    @contextmanager
    def role(self, name: str, changed: str, back: str) -> Iterator[None]:
        """Alter a role, and put it back at the end."""
        self.run(f"alter role {name} {changed}")
        try:
            yield
        finally:
            self.run(f"alter role {name} {back}")

    @contextmanager
    def database(self, *statements: str) -> Iterator[str]:
        """Create a database, run `statements` there, yield its name; drop it at the end."""
        name = f"test_{secrets.token_hex(4)}"
        self.run(f"create database {name}")
        try:
            for statement in statements:
                self.run(statement, name)
            yield name
        finally:
            self.run(f"drop database {name}")

    def archive(self) -> None:
        """End a WAL segment and wait until one more is archived."""
        count = "select archived_count from pg_stat_archiver"
        [(before,)] = self.run(count)
        self.run("select txid_current()")
        self.run("select pg_switch_wal()")
        wait_until(lambda: self.run(count) > [(before,)], 60, "a segment to be archived")

    def burn_transactions(self, count: int) -> None:
        """Use up so many transaction ids."""
        with psycopg.connect(self.cluster.dsn(DATABASE), autocommit=True) as connection:
            for _ in range(count):
                connection.execute("select txid_current()")

    @contextmanager
    def settings(self, **values: str) -> Iterator[None]:
        """Change settings of the running server, and put them back at the end."""
        for name, value in values.items():
            self.run(f"alter system set {name} = '{value}'")
        self.run("select pg_reload_conf()")
        try:
            yield
        finally:
            for name in values:
                self.run(f"alter system reset {name}")
            self.run("select pg_reload_conf()")

    @contextmanager
    def session(self, *statements: str, database: str = DATABASE) -> Iterator[psycopg.Connection[Any]]:
        """Hold a superuser's session that ran `statements` in one open transaction; roll back at the end."""
        with psycopg.connect(self.cluster.dsn(database)) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            yield connection
            if not connection.broken:
                connection.rollback()

    @contextmanager
    def waiting(self, *statements: str, sessions: int = 1) -> Iterator[list[threading.Thread]]:
        """Hold `sessions` sessions that wait for a lock in the last of `statements`; cancel them at the end."""
        connections = [psycopg.connect(self.cluster.dsn(DATABASE)) for _ in range(sessions)]

        def wait(connection: psycopg.Connection[Any]) -> None:
            for statement in statements[:-1]:
                connection.execute(statement.encode())
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute(statements[-1].encode())

        threads = [threading.Thread(target=wait, args=(connection,)) for connection in connections]
        pids = sql.SQL(", ").join(sql.Literal(connection.info.backend_pid) for connection in connections)
        waits = sql.SQL(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and pid in ({})"
        )
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

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the value of the one sample that has these labels among others; None when it is absent."""
        names, samples = self._families.get(name, ((), {}))
        found = [
            value
            for key, value in samples.items()
            if labels.items() <= dict(zip(names, key, strict=True)).items()
        ]
        assert len(found) <= 1, f"{name}{labels} is not one sample: {samples}"
        return found[0] if found else None

    def number(self, name: str, /, **labels: str) -> float:
        """Return the value of the one sample that has these labels among others, and must be there."""
        value = self.value(name, **labels)
        assert value is not None, f"no {name}{labels}; failing: {self.failing()}"
        return value

    def declarations(self) -> list[str]:
        """Return `name{label,label}` of every family that has samples, sorted."""
        return sorted(
            f"{name}{{{','.join(labels)}}}" for name, (labels, samples) in self._families.items() if samples
        )

    def everything(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Return all samples by the name of their family."""
        return {name: samples for name, (_, samples) in self._families.items()}

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


T = TypeVar("T")


async def soon(asked: Asked, look: Callable[[Samples], T | None], timeout: float = 90) -> T:
    """Collect until `look` finds something true, and return that: a server tells its statistics with a delay."""
    deadline = time.monotonic() + timeout
    while not (found := look(await asked.collect())):
        assert time.monotonic() < deadline, f"not within {timeout:g} s"
        await asyncio.sleep(0.1)
    return found


@asynccontextmanager
async def asking(
    dsn: str | Path, timeout: float = 20, own: Sequence[Collector] = (), **options: Any
) -> AsyncIterator[Asked]:
    """Yield a source that runs every built-in collector at every collection, slow ones and optional ones too.

    `dsn` is a connection string or the file that holds it; `own` are further collectors; `options` are keys of its
    part of the platform file.
    """
    collectors = [replace(collector, every=0.0) for collector in builtin()]
    options.setdefault("collectors", {collector.name: {"enabled": True} for collector in collectors})
    secret = Secret("file", str(dsn)) if isinstance(dsn, Path) else Secret("env", "TEST_DSN")
    with patch.dict(os.environ, TEST_DSN=str(dsn)):
        config = Postgres.model_validate({"dsn": secret, "timeout": f"{timeout:g}s", **options})
        asked = Asked(PostgresSource("main", config, [*collectors, *own]))
        try:
            yield asked
        finally:
            await asked.source.close()
