"""The exporters that are compared, as processes: ours, postgres_exporter, query-exporter, sql_exporter."""

import gzip
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from exporter.platform.values import Duration
from exporter.sources.postgres.collector import builtin
from tests.bench.load import Scraper
from tests.bench.postgres_own_sql import for_query_exporter, for_sql_exporter
from tests.bench.servers import Server
from tests.support import fetch
from tests.support.forky import forky_binary, unpacked
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
        (folder / "config.yaml").write_text(yaml.safe_dump(for_query_exporter(dsn, every, collectors)))
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


@contextmanager
def sql_exporter(dsn: str, every: float, collectors: Collection[str]) -> Iterator[Server]:
    """Run justwatchcom's sql_exporter, which asks at intervals, with the SQL of `collectors`."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "config.yml").write_text(yaml.safe_dump(for_sql_exporter(dsn, every, collectors)))
        command: list[str | Path] = [
            unpacked("prometheus-sql-exporter") / "usr/bin/prometheus-sql-exporter",
            f"-config.file={folder / 'config.yml'}",
            f"-web.listen-address=127.0.0.1:{port}",
        ]
        with running(command, folder / "log") as process:
            server = Server(port, process.pid)
            wait_until(
                lambda: b"pg_stat_database_xact_commit" in body(server),
                90,
                "sql_exporter",
                log=folder / "log",
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
