"""The server that exporters are compared on: many tables, many statements, a load, and what each exporter costs it."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.bench.load import cpu_seconds
from tests.support.postgres import PostgresCluster, postgres_cluster
from tests.support.process import running
from tests.support.programs import binary

DATABASE = "bench"
SCHEMAS = 10
_TICK = os.sysconf("SC_CLK_TCK")
_TYPES = ("int2", "int4", "int8", "float4", "float8", "numeric", "text", "bool")


# Looking up in the catalogue what the server has names no pg_stat_database.
_COST = """
select coalesce(sum(calls), 0)::float8, coalesce(sum(total_exec_time + total_plan_time), 0)::float8,
       coalesce(max(calls) filter (where query like '%%from pg_stat_database%%'), 0)::float8
from pg_stat_statements where userid = %s::regrole"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a role's work took of the server: statements, their seconds (planning too), CPU seconds of all processes.

    `collections` is how often it asked the statement with pg_stat_database that it asked most: once a collection.
    """

    statements: float
    seconds: float
    cpu: float
    collections: float

    def since(self, before: "Cost") -> "Cost":
        """Return what came after `before`."""
        return Cost(
            self.statements - before.statements,
            self.seconds - before.seconds,
            self.cpu - before.cpu,
            self.collections - before.collections,
        )


class BenchServer:
    """A server with `tables` tables and a role for each exporter."""

    def __init__(self, cluster: PostgresCluster, tables: int, watch: psycopg.Connection) -> None:
        self.cluster, self.tables, self._watch = cluster, tables, watch

    def role(self, name: str) -> str:
        """Create a role with pg_monitor, and return its password."""
        self.run(f"create role {name} login password '{name}' in role pg_monitor")
        return name

    def run(self, statement: LiteralString, database: str = DATABASE) -> list[tuple[object, ...]]:
        """Run a statement as the superuser."""
        return self.cluster.execute(statement, database)

    def fill(self) -> None:
        """Create the tables, each with a key, a few rows, and statistics."""
        with psycopg.connect(self.cluster.dsn(DATABASE), autocommit=True) as connection:
            for schema in range(SCHEMAS):
                connection.execute(f"create schema s{schema}".encode())
            for number in range(self.tables):
                table = f"s{number % SCHEMAS}.table_{number}"
                connection.execute(
                    f"create table {table} (id int primary key, name text);"
                    f"insert into {table} values (1, 'one'), (2, 'two'); select from {table}".encode()
                )
            connection.execute("analyze")

    def make_statements(self, count: int) -> None:
        """Run so many statements that pg_stat_statements tells apart."""
        with psycopg.connect(self.cluster.dsn(DATABASE), autocommit=True) as connection:
            for types in itertools.islice(itertools.product(_TYPES, repeat=5), count):
                connection.execute(("select " + ", ".join(f"null::{name}" for name in types)).encode())

    def start_of(self, role: str) -> Cost:
        """Return what a role has cost before what comes now."""
        return replace(self._statements(role), cpu=self._cpu())

    def cost_since(self, before: Cost, role: str) -> Cost:
        """Return what a role has cost since `start_of`. The CPU is the whole server's, but for asking this."""
        cpu = self._cpu()
        return replace(self._statements(role), cpu=cpu).since(before)

    def busy(self, role: str) -> bool:
        """Say whether a session of the role is within a statement or a transaction."""
        asked = self._watch.execute(
            "select from pg_stat_activity where usename = %s and state <> 'idle' limit 1", (role,)
        )
        return asked.fetchone() is not None

    def _statements(self, role: str) -> Cost:
        row = self._watch.execute(_COST, (role,)).fetchone()
        assert row is not None
        statements, milliseconds, collections = row
        return Cost(statements, milliseconds / 1000, 0.0, collections)

    def _cpu(self) -> float:
        """Return CPU seconds of the server's processes; those of ended ones are told in ticks."""
        pid = self.cluster.pid()
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
        return cpu_seconds(pid) + sum(map(int, ended)) / _TICK

    @contextmanager
    def load(self) -> Iterator[None]:
        """Run pgbench, 200 transactions a second."""
        with tempfile.TemporaryDirectory() as folder:
            command: list[str | Path] = [
                binary("pgbench"),
                "--rate=200",
                "--client=2",
                "--time=3600",
                self.cluster.dsn("postgres"),
            ]
            with running(command, Path(folder) / "log"):
                yield


@contextmanager
def bench_server(tables: int, statements: int = 0) -> Iterator[BenchServer]:
    """Yield a server with so many tables and statements."""
    settings = {
        "shared_buffers": "256MB",
        "autovacuum": "off",
        "max_locks_per_transaction": "1024",
        "pg_stat_statements.max": "20000",
        "pg_stat_statements.track_planning": "on",
    }
    with (
        postgres_cluster(None, **settings) as cluster,
        psycopg.connect(cluster.dsn(), autocommit=True) as watch,
        tempfile.TemporaryDirectory() as folder,
    ):
        server = BenchServer(cluster, tables, watch)
        server.run(f"create database {DATABASE}", "postgres")
        for database in ("postgres", DATABASE):
            server.run("create extension pg_stat_statements", database)
        server.fill()
        command: list[str | Path] = [binary("pgbench"), "--initialize", "--quiet", cluster.dsn("postgres")]
        with running(command, Path(folder) / "log") as process:
            process.wait(120)
        server.run("select pg_stat_statements_reset()")
        server.make_statements(statements)
        yield server
