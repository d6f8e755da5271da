"""The command `run` and its state: where it is kept, what is said when it cannot be, what goes on without it."""

import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.support import COMMAND, exporter
from tests.support.process import free_port, quickest, running, wait_until

PLATFORM = """
platform: test
{state}
sources:
  health:
    gone: {{url: "http://127.0.0.1:{gone}/health", every: 500ms, timeout: 500ms}}
"""


def platform(state: str = "") -> str:
    return PLATFORM.format(state=state, gone=free_port())


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=600)


def test_it_has_a_file_of_its_own_and_a_second_exporter_is_told(tmp_path: Path) -> None:
    with exporter(platform(), tmp_path) as subject:
        assert subject.value("platform_exporter_leader") == 1
        assert subject.value("platform_exporter_state_up") == 1
        file = tmp_path / "state" / "test.production.sqlite"
        assert file.exists()
        listen = f"127.0.0.1:{free_port()}"
        told = run("run", "-p", subject.platform, "--listen", listen, "--state-dir", tmp_path / "state")
        assert told.returncode == 1
        assert f"another exporter uses the state in {file}" in told.stderr
        assert "--state-dir" in told.stderr
        assert "Traceback" not in told.stderr


def test_a_place_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "platform.yml").write_text(platform())
    (tmp_path / "file").write_text("")
    listen = f"127.0.0.1:{free_port()}"
    told = run(
        "run", "-p", tmp_path / "platform.yml", "--listen", listen, "--state-dir", tmp_path / "file" / "x"
    )
    assert told.returncode == 1
    assert (
        f"the state cannot be kept in {tmp_path}/file/x/test.production.sqlite: Not a directory"
        in told.stderr
    )
    assert "Name a writable folder with --state-dir" in told.stderr


def test_probes_go_on_while_the_state_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = 'state: {postgres: {dsn: "${env:STATE_DSN}"}}'
    dsn = f"host=127.0.0.1 port={free_port()} user=u password=canary-password dbname=d"
    with exporter(platform(state), tmp_path, STATE_DSN=dsn) as subject:
        assert subject.value("platform_exporter_state_up") == 0
        assert subject.value("platform_exporter_leader") == 0
        subject.wait_value(1, "platform_exporter_source_failing", source="health.gone", reason="connect")
        assert subject.value("probe_success", target="gone") == 0
        wait_until(lambda: "state.failed" in subject.log.read_text(), 30, "the line", log=subject.log)
    assert "canary" not in subject.log.read_text()
    monkeypatch.setenv("STATE_DSN", dsn)
    told = run("check", "-p", tmp_path / "platform.yml")
    assert told.returncode == 1
    assert "✗ state" in told.stdout
    assert "canary" not in told.stdout + told.stderr


def listens(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port)).close()
    return True


def test_it_can_be_ended_while_it_waits_for_the_state(silent_server: str, tmp_path: Path) -> None:
    file, log = tmp_path / "platform.yml", tmp_path / "log"
    file.write_text(platform('state: {postgres: {dsn: "${env:STATE_DSN}"}}'))
    port = urlsplit(silent_server).port
    dsn = f"host=127.0.0.1 port={port} user=u password=p dbname=d"
    here = free_port()
    command: list[str | Path] = [COMMAND, "run", "-p", file, "--listen", f"127.0.0.1:{here}"]

    def ended() -> float:
        with running(command, log, env={"STATE_DSN": dsn}) as process:
            wait_until(lambda: listens(here), 60, "the exporter to listen", log=log)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            return time.monotonic() - started

    assert quickest(4, ended) < 4, "it waits for five"
    assert "Traceback" not in log.read_text()


def test_a_reload_waits_until_the_exporter_has_started(silent_server: str, tmp_path: Path) -> None:
    """It would start each source beside itself."""
    file, log, port = tmp_path / "platform.yml", tmp_path / "log", free_port()
    file.write_text(platform('state: {postgres: {dsn: "${env:STATE_DSN}"}}'))
    state = f"host=127.0.0.1 port={urlsplit(silent_server).port} user=u dbname=d sslmode=disable"
    command: list[str | Path] = [COMMAND, "run", "-p", file, "--listen", f"127.0.0.1:{port}"]
    with running(command, log, env={"STATE_DSN": state}) as process:
        wait_until(lambda: listens(port), 60, "the port", log=log)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: '"reload.done"' in log.read_text(), 60, "the reload", log=log)
    lines = log.read_text()
    assert lines.index('"listening"') < lines.index('"reload.done"')


def test_check_tries_the_state(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "platform.yml").write_text(platform('state: {postgres: {dsn: "${env:STATE_DSN}"}}'))
    unset = run("check", "-p", tmp_path / "platform.yml")
    assert "state.postgres.dsn: environment variable STATE_DSN is not set" in unset.stderr
    monkeypatch.setenv("STATE_DSN", database)
    for _ in range(2):
        assert "✓ state" in run("check", "-p", tmp_path / "platform.yml").stdout


def test_a_reload_does_not_move_the_state(tmp_path: Path) -> None:
    with exporter(platform(), tmp_path) as subject:
        text = subject.platform.read_text()
        for change in ("state: {path: other.sqlite}", "environment: staging"):
            subject.platform.write_text(f"{text}\n{change}\n")
            answer = httpx.post(f"{subject.url}/-/reload", trust_env=False)
            assert answer.status_code == 500
            assert "cannot change while the exporter runs" in answer.text
            assert "Restart the exporter" in answer.text
        subject.platform.write_text(text)
        assert httpx.post(f"{subject.url}/-/reload", trust_env=False).is_success
