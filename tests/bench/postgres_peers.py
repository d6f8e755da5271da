"""The exporters that are compared, as processes: ours, postgres_exporter, query-exporter."""

import asyncio
import gzip
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import yaml

from exporter.platform.conditions import Facts
from exporter.platform.values import Duration
from exporter.sources.postgres.collector import Collector, builtin
from exporter.sources.postgres.facts import discover
from tests.bench.load import Scraper
from tests.bench.servers import Server
from tests.support import fetch
from tests.support.forky import forky_binary
from tests.support.process import free_port, running, wait_until

QUERY_EXPORTER = ("query-exporter==5.0.2", "psycopg2-binary==2.9.13")
"""The newest for Python 3.11, and the driver that its documentation names."""
# Its own script names the folder that it was installed in, which is another one by now.
_START = "from query_exporter.main import script; script()"
_COMMAND = Path(sys.executable).parent / "platform-exporter"


class PeerMissing(RuntimeError):
    """A peer cannot be had here; the message says why."""


@contextmanager
def ours(
    dsn: str,
    every: float,
    collectors: Collection[str] | None = None,
    *,
    tiers: bool = False,
    timeout: float = 25,
) -> Iterator[Server]:
    """Run our exporter with `collectors`, all if they are left out, every one of them at each collection.

    With `tiers` slow ones are left to their tiers, shortened as `every` shortens the usual interval of 15 s.
    """
    changes: dict[str, dict[str, object]] = {}
    for collector in builtin():
        wanted = collectors is None or collector.name in collectors
        slower = max(1.0, collector.every / 15) if tiers else 1.0
        changes[collector.name] = {
            "every": str(Duration(every * slower)),
            "limit": 50_000,
            "timeout": str(Duration(0.8 * timeout)),
        }
        if collectors is not None:
            changes[collector.name]["enabled"] = wanted
    platform = {
        "platform": "bench",
        "limits": {"series": 1_000_000, "series_per_family": 100_000},
        "sources": {
            "postgres": {
                "main": {
                    "dsn": "${env:BENCH_DSN}",
                    "every": str(Duration(every)),
                    "timeout": f"{timeout:g}s",
                    "databases": {"most": 0},
                    "collectors": changes,
                }
            }
        },
    }
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "platform.yml").write_text(yaml.safe_dump(platform))
        command: list[str | Path] = [
            _COMMAND,
            "run",
            "-p",
            folder / "platform.yml",
            "--listen",
            f"127.0.0.1:{port}",
        ]
        command += ["--state-dir", folder / "state"]
        with running(command, folder / "log", env={"BENCH_DSN": dsn}) as process:
            server = Server(port, process.pid)
            wait_until(lambda: b"\npg_up" in body(server), 60, "our exporter", log=folder / "log")
            yield server


@contextmanager
def postgres_exporter(dsn: str, *flags: str) -> Iterator[Server]:
    """Run postgres_exporter as it comes."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        command: list[str | Path] = [
            forky_binary("postgres_exporter"),
            f"--web.listen-address=127.0.0.1:{port}",
            *flags,
        ]
        with running(command, folder / "log", env={"DATA_SOURCE_NAME": f"{dsn}?sslmode=disable"}) as process:
            server = Server(port, process.pid)
            wait_until(lambda: b"\npg_up 1" in body(server), 60, "postgres_exporter", log=folder / "log")
            yield server


@contextmanager
def query_exporter(dsn: str, every: float, collectors: Collection[str]) -> Iterator[Server]:
    """Run query-exporter with the SQL of `collectors`. Raises PeerMissing."""
    environment = fetch.once(fetch.CACHE / "peers" / "query-exporter", _install)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "config.yaml").write_text(yaml.safe_dump(_configuration(dsn, every, collectors)))
        command: list[str | Path] = [
            environment / "bin/python",
            "-c",
            _START,
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
        ]
        command += ["--config", folder / "config.yaml"]
        with running(command, folder / "log") as process:
            server = Server(port, process.pid)
            wait_until(
                lambda: b"\npg_stat_database" in body(server), 90, "query-exporter", log=folder / "log"
            )
            yield server


def body(server: Server, timeout: float = 60) -> bytes:
    """Scrape once, as Prometheus does: with gzip, but over a connection of its own."""
    scraper = Scraper(server.port, gzip=True, timeout=timeout)
    try:
        page = scraper.scrape()
        return gzip.decompress(page) if page.startswith(b"\x1f\x8b") else page
    finally:
        scraper.close()


def families(text: bytes) -> set[str]:
    """Return the names of Postgres families on a page."""
    return {name.decode() for name in re.findall(rb"^# TYPE (pg_\S+)", text, re.MULTILINE)}


def collectors_of(wanted: Collection[str]) -> list[str]:
    """Return our collectors that give any of the families."""
    return sorted(
        collector.name
        for collector in builtin()
        if any(column.family.name in wanted for column in collector.columns)
    )


def _install(folder: Path) -> None:
    """Make a virtual environment of its own: its requirements are not ours."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [
            str(folder / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary",
            ":all:",
            *QUERY_EXPORTER,
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ})
        if done.returncode:
            raise PeerMissing(f"query-exporter cannot be installed: {done.stderr.strip().splitlines()[-1]}")


def _configuration(dsn: str, every: float, collectors: Collection[str]) -> dict[str, object]:
    """Write our collectors as its configuration. It knows no pivot, so settings are one family with a label."""
    facts = asyncio.run(_facts(dsn))
    metrics: dict[str, object] = {}
    queries: dict[str, object] = {}
    for collector in builtin():
        if collector.name in collectors and collector.applies(facts):
            for labels, columns in _by_labels(collector).items():
                sql = collector.sql(facts, {"platform_roles": "array[]::text[]"}, 50_000).decode()
                name = f"{collector.name}_{len(queries)}"
                values = ", ".join(f"({value})::float8 as {metric}" for metric, value in columns)
                given = ", ".join(
                    f"coalesce(({_source(collector, label)})::text, '') as \"{label}\"" for label in labels
                )
                queries[name] = {
                    "databases": ["main"],
                    "metrics": [metric for metric, _ in columns],
                    "interval": max(1, int(every)),
                    "sql": f"select {', '.join(filter(None, (values, given)))} from ({sql}) as rows".replace(
                        ":", "\\:"
                    ),
                }
                for metric, _ in columns:
                    metrics[metric] = {"type": "gauge", **({"labels": list(labels)} if labels else {})}
    address = dsn.replace("postgresql://", "postgresql+psycopg2://")
    return {"databases": {"main": {"dsn": address}}, "metrics": metrics, "queries": queries}


def _source(collector: Collector, label: str) -> str:
    """Return the column of a label, or what our exporter puts in by itself."""
    return (
        "current_database()"
        if collector.statement.scope == "database" and label == "datname"
        else f'"{label}"'
    )


def _by_labels(collector: Collector) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Return (metric, column) by labels: it wants one set of labels a query."""
    if collector.statement.pivot:
        return {("name",): [("pg_settings", "value")]}
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for column in collector.columns:
        found.setdefault(column.family.labels[1:], []).append((column.family.name, column.value))
    return found


async def _facts(dsn: str) -> Facts:
    conditions: Sequence[str] = [condition for collector in builtin() for condition in collector.conditions()]
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with connection:
        return (await discover(connection, conditions, "generic", time.monotonic() + 30)).facts
