"""The command `run`: what it serves, how it reloads, how it ends, how it refuses."""

import gzip
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.integration.support import COMMAND, Exporter, exporter
from tests.support.process import free_port, quickest, running, wait_http, wait_until
from tests.support.programs import binary

PLATFORM = """
platform: test
environment: staging
title: Test & Co
sources:
  health:
    silent: {{url: "{silent}", every: 500ms, timeout: 500ms}}
    gone: {{url: "http://127.0.0.1:{gone}/health", every: {every}, timeout: 500ms}}
"""


@pytest.fixture
def subject(silent_server: str, tmp_path: Path) -> Iterator[Exporter]:
    with exporter(
        PLATFORM.format(silent=silent_server, gone=free_port(), every="500ms"), tmp_path
    ) as running:
        yield running


def test_formats_and_encodings(subject: Exporter) -> None:
    url = f"{subject.url}/metrics"
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in plain.headers
    om = httpx.get(url, headers={"Accept": "application/openmetrics-text;version=1.0.0"}, trust_env=False)
    assert om.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert om.headers["content-encoding"] == "gzip"
    assert om.text.endswith("# EOF\n")
    with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}, trust_env=False) as raw:
        assert b"platform_exporter_build_info" in gzip.decompress(b"".join(raw.iter_raw()))
    head = httpx.head(url, trust_env=False)
    assert head.status_code == 200
    assert head.content == b""


def test_promtool_finds_nothing_to_say(subject: Exporter) -> None:
    text = httpx.get(f"{subject.url}/metrics", trust_env=False).text
    told = subprocess.run(
        [binary("promtool"), "check", "metrics"], input=text, text=True, capture_output=True
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_health_and_what_is_not_there(subject: Exporter) -> None:
    assert httpx.get(f"{subject.url}/-/healthy", trust_env=False).status_code == 200
    assert httpx.get(f"{subject.url}/-/ready", trust_env=False).status_code == 200
    assert httpx.get(f"{subject.url}/probe?target=evil.example:5432", trust_env=False).status_code == 404
    assert httpx.get(f"{subject.url}/-/reload", trust_env=False).status_code == 405


def test_the_landing_page_shows_each_source_with_its_error(subject: Exporter) -> None:
    page = httpx.get(subject.url, trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    for text in (
        "Test &amp; Co",
        "health.silent",
        "health.gone",
        "no answer within 0.5 s",
        "✗ connect",
        "never",
    ):
        assert text in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("how", ["SIGHUP", "POST"])
def test_reload_applies_what_changed(how: str, subject: Exporter) -> None:
    text = subject.platform.read_text()
    kept = {"source": "health.silent", "reason": "timeout"}
    before = subject.value("platform_exporter_source_failures_total", **kept) or 0
    gone = text.index("gone:")
    changed = text[gone:].replace("every: 500ms", "every: 7s").replace("/health", "/other")
    subject.platform.write_text(text[:gone] + changed)
    reload(subject, how)
    subject.wait_value(7.0, "platform_exporter_source_interval_seconds", source="health.gone")
    after = subject.value("platform_exporter_source_failures_total", **kept) or 0
    assert after >= before > 0, "a source that did not change keeps its state"
    began = (
        subject.value("platform_exporter_source_failures_total", source="health.gone", reason="connect") or 0
    )
    assert began <= 1, "one that is asked something else begins anew"


def reload(subject: Exporter, how: str) -> None:
    if how == "POST":
        assert httpx.post(f"{subject.url}/-/reload", trust_env=False).is_success
    else:
        os.kill(subject.pid, signal.SIGHUP)


def test_a_bad_file_is_refused_and_everything_goes_on(subject: Exporter) -> None:
    text = subject.platform.read_text()
    subject.platform.write_text(text.replace("health:", "helth:"))
    answer = httpx.post(f"{subject.url}/-/reload", trust_env=False)
    assert answer.status_code == 500
    assert "Did you mean `health`?" in answer.text
    subject.wait_value(0.0, "platform_exporter_config_last_reload_successful")
    assert subject.value("platform_exporter_source_interval_seconds", source="health.gone") == 0.5
    subject.platform.write_text(text)
    assert httpx.post(f"{subject.url}/-/reload", trust_env=False).is_success
    subject.wait_value(1.0, "platform_exporter_config_last_reload_successful")


def test_the_process_ends_within_a_second_while_sources_hang(silent_server: str, tmp_path: Path) -> None:
    folders = count()

    def ended() -> float:
        """Return the seconds that the end took. A process that took too long for its own taste says no "stopped"."""
        (folder := tmp_path / str(next(folders))).mkdir()
        text = PLATFORM.format(silent=silent_server, gone=free_port(), every="500ms")
        with exporter(text, folder) as subject:
            started = time.monotonic()
            os.kill(subject.pid, signal.SIGTERM)
            assert subject.process.wait(30) == 0
            took = time.monotonic() - started
        return took if '"stopped"' in subject.log.read_text() else math.inf

    assert quickest(1, ended) < 1


CLINGING = """
import asyncio, sys, time
from pathlib import Path
from exporter import logs
from exporter.engine import engine
from exporter.engine.families import Collected
from exporter.engine.source import Source
from exporter.server.run import serve

class Clinging(Source):
    async def collect(self):
        print("begins", file=sys.stderr, flush=True)
        while True:
            try:
                await asyncio.to_thread(time.sleep, 60)
            except asyncio.CancelledError:
                print("clings", file=sys.stderr, flush=True)

engine.build_sources = lambda platform: [Clinging("clings", every=60, timeout=60)]
logs.configure()
asyncio.run(serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2])))
"""


def test_the_process_ends_whatever_clings(tmp_path: Path) -> None:
    file, log, port = tmp_path / "platform.yml", tmp_path / "log", free_port()
    file.write_text("platform: test\n")
    command: list[str | Path] = [sys.executable, "-c", CLINGING, file, str(port)]

    def ended() -> float:
        log.unlink(missing_ok=True)
        with running(command, log, env={"PLATFORM_STATE_DIR": str(tmp_path)}) as process:
            wait_http(f"http://127.0.0.1:{port}/-/healthy", log=log)
            wait_until(lambda: "begins" in log.read_text(), 60, "its first collection to begin", log=log)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            took = time.monotonic() - started
        return took if "clings" in log.read_text() else math.inf

    assert quickest(1.5, ended) < 1.5, "a second, and what the end of a process takes"


def test_every_log_line_is_json_with_the_agreed_fields(subject: Exporter) -> None:
    lines = [json.loads(line) for line in subject.log.read_text().rpartition("\n")[0].splitlines()]
    assert lines
    assert all({"timestamp", "level", "service", "action"} <= line.keys() for line in lines)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=600, env=variables)


def test_a_port_that_is_taken_is_told(subject: Exporter) -> None:
    address = subject.url.removeprefix("http://")
    told = run("run", "-p", subject.platform, "--listen", address)
    assert told.returncode == 1
    assert f"cannot listen on {address}" in told.stderr
    assert "Traceback" not in told.stderr


def test_check_says_what_is_wrong_and_exits_1(silent_server: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        PLATFORM.format(silent=silent_server, gone=free_port(), every="1s")
        + '  postgres: {main: {dsn: "${env:CHECK_DSN}", timeout: 2s}}\n'
    )
    unset = run("check", "-p", file)
    assert unset.returncode == 1
    assert "sources.postgres.main.dsn: environment variable CHECK_DSN is not set" in unset.stderr
    told = run(
        "check", "-p", file, CHECK_DSN="host=127.0.0.1 port=1 user=u password=canary-password dbname=d"
    )
    assert told.returncode == 1
    assert "3 sources, 3 with something missing" in told.stdout
    assert "✗ postgres.main" in told.stdout
    assert "canary-password" not in told.stdout + told.stderr
    offline = run("check", "-p", file, "--offline")
    assert (offline.returncode, offline.stdout) == (0, f"{file}: valid.\n")


def test_check_refuses_what_could_not_be_generated(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: test\nsources: {health: {web: {url: 'https://web.example/'}}}\n"
        "alerting: {alerts: {DatabaseDown: {priority: p2}}}\n"
    )
    told = run("check", "-p", file, "--offline")
    assert (told.returncode, told.stdout) == (1, "")
    assert "platform.yml:3: alerting.alerts.DatabaseDown: has no effect" in told.stderr


def test_check_is_content_with_what_is_complete(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
    file = tmp_path / "platform.yml"
    file.write_text('platform: test\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}"}}}\n')
    told = run("check", "-p", file, CHECK_DSN=database)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "✓ postgres.main" in told.stdout
    assert "PostgreSQL 15." in told.stdout


def test_explain_tells_each_step_and_no_secret(database: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text('platform: test\nsources: {postgres: {main: {dsn: "${env:EXPLAIN_DSN}"}}}\n')
    told = run("explain", "postgres.main", "-p", file, EXPLAIN_DSN=database)
    assert told.returncode == 0, told.stdout + told.stderr
    for text in (
        "1. connect with ${env:EXPLAIN_DSN}",
        "collector stat_database",
        "from pg_stat_activity",
        "pg_up{target",
    ):
        assert text in told.stdout
    password = database.partition("postgres:")[2].partition("@")[0]
    assert password not in told.stdout + told.stderr
    refused = run(
        "explain", "postgres.main", "-p", file, EXPLAIN_DSN=database.replace(password, "canary-password")
    )
    assert refused.returncode == 1
    assert "Failed after" in refused.stdout
    assert "auth" in refused.stdout
    assert "canary-password" not in refused.stdout + refused.stderr
    unknown = run("explain", "postgres.mian", "-p", file, EXPLAIN_DSN=database)
    assert "Did you mean `postgres.main`?" in unknown.stderr


def test_check_tells_which_family_is_over_its_bound(database: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        'platform: test\nlimits: {series_per_family: 10}\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}"}}}\n'
        "queries: {many: {title: Many, database: main, "
        "sql: 'select g as n, g::text as k from generate_series(1, 25) g', "
        "metrics: {many: {type: gauge, help: Many., value: n, labels: [k]}}}}\n"
    )
    told = run("check", "-p", file, CHECK_DSN=database)
    assert told.returncode == 1
    assert "15 series of many are over the bound of 10" in told.stdout


def test_check_tells_when_all_families_are_over_their_bound(database: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        'platform: test\nlimits: {series: 5}\nsources: {postgres: {main: {dsn: "${env:CHECK_DSN}"}}}\n'
    )
    told = run("check", "-p", file, CHECK_DSN=database)
    assert told.returncode == 1
    assert "series are over the bound of 5 for all families together. Raise limits.series." in told.stdout
