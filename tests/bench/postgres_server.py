"""The server that exporters are compared on: many tables, many statements, a load, and what each exporter costs it."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.support.postgres import PostgresCluster, postgres_cluster
from tests.support.process import running
from tests.support.programs import binary

DATABASE = "bench"
SCHEMAS = 10
_TICK = os.sysconf("SC_CLK_TCK")
_TYPES = ("int2", "int4", "int8", "float4", "float8", "numeric", "text", "bool")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a role's work took of the server: statements, their seconds (planning too), CPU seconds of all processes.

    `collections` counts transactions that began as this exporter's do.
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

    def __init__(self, cluster: PostgresCluster, tables: int) -> None:
        self.cluster, self.tables = cluster, tables

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

    def cost(self, role: str) -> Cost:
        """Return what a role has cost so far. The CPU is that of the whole server, so nobody else may work."""
        [(statements, milliseconds, collections)] = self.run(
            "select coalesce(sum(calls), 0)::float8, coalesce(sum(total_exec_time + total_plan_time), 0)::float8, "
            "coalesce(sum(calls) filter (where query like 'begin %read only%'), 0)::float8 "
            f"from pg_stat_statements where userid = '{role}'::regrole",
            "postgres",
        )
        assert isinstance(statements, float)
        assert isinstance(milliseconds, float)
        assert isinstance(collections, float)
        return Cost(statements, milliseconds / 1000, self._cpu(), collections)

    def _cpu(self) -> float:
        """Return CPU seconds of the server's processes, ended ones included."""
        pid = self.cluster.pid()
        total = _ticks(pid, slice(11, 15))  # with those of its children that ended
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(FileNotFoundError):  # it ended just now
                total += _ticks(int(child), slice(11, 13))
        return total / _TICK

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


def _ticks(pid: int, fields: slice) -> int:
    """Add up fields of /proc/PID/stat, counted from the one after the process' name."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[fields]))


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
    with postgres_cluster(None, **settings) as cluster, tempfile.TemporaryDirectory() as folder:
        server = BenchServer(cluster, tables)
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
