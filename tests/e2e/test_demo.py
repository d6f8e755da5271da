"""The whole chain with real PostgreSQL, Prometheus and Alertmanager, as `platform-exporter demo` runs it."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.demo.names import OFFSETS, Ports
from tests.support.process import running, wait_until

pytestmark = pytest.mark.e2e

COMMAND = Path(sys.executable).with_name("platform-exporter")
SECONDS_TO_START = 300
SECONDS_TO_PAGE = 90
_GIVEN_OUT: set[int] = set()


@pytest.fixture
def state() -> Iterator[Path]:
    """Return a folder to be; PostgreSQL's user can enter it, as nobody but the owner can pytest's own."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "state"


@contextmanager
def demo(state: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Ports, Path]]:
    """Run `demo up` with ports of its own; whatever the test does, nothing of it is left running."""
    ports = Ports(_free_base())
    log = state.with_name("up.log")
    log.unlink(missing_ok=True)
    command: list[str | Path] = [
        COMMAND,
        "demo",
        "up",
        "--state",
        state,
        "--port-base",
        str(ports.base),
        *options,
    ]
    with running(command, log, grace=60) as process:
        yield process, ports, log


def _free_base() -> int:
    """Return a base below the ports that the kernel lends to clients, which come and go; never the same one twice."""
    for base in random.sample(range(20_000, 32_000, 100), 120):
        # One that was given out before may be free only because its demo has not come so far.
        if base not in _GIVEN_OUT and all(_is_free(base + offset) for offset in OFFSETS.values()):
            _GIVEN_OUT.add(base)
            return base
    raise AssertionError("no range of free ports between 20000 and 32000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until_all_runs(process: subprocess.Popen[bytes], log: Path) -> None:
    def ready() -> bool:
        text = log.read_text(errors="replace")
        assert process.poll() is None, text
        return "Everything runs" in text

    wait_until(ready, SECONDS_TO_START, "the demo to run", log=log)


def call(state: Path, *words: str) -> str:
    done = subprocess.run(
        [COMMAND, "demo", *words, "--state", state], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(ports: Ports, channel: str, status: str, since: float) -> Callable[[], list[dict[str, Any]]]:
    def look() -> list[dict[str, Any]]:
        items = httpx.get(
            ports.url("sinks", "/api/notifications"), params={"channel": channel}, timeout=30, trust_env=False
        ).json()
        return [
            item
            for item in items
            if item["status"] == status
            and item["received_at"] >= since
            and "DatabaseDown" in str(item["body"])
        ]

    return look


def metric(ports: Ports, name: str) -> float:
    text = httpx.get(ports.url("exporter", "/metrics"), timeout=30, trust_env=False).text
    (line,) = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
    return float(line.rpartition(" ")[2])


def processes_of(state: Path) -> dict[int, str]:
    """Return the processes whose command line or environment names the state folder."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            except OSError:  # it ended meanwhile, or is another user's
                continue
            if os.fsencode(state) in command + environment:
                found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def pid_of(state: Path, part: str) -> int:
    (pid,) = (pid for pid, command in processes_of(state).items() if part in command)
    return pid


def test_a_stopped_database_pages_and_a_started_one_resolves(state: Path) -> None:
    with demo(state) as (process, ports, log):
        until_all_runs(process, log)
        wait_until(lambda: metric(ports, "pg_up") == 1, 60, "the database to be seen", log=log)
        exporter, started = (
            pid_of(state, "platform-exporter run"),
            metric(ports, "process_start_time_seconds"),
        )

        broken = time.time()
        assert "stopped" in call(state, "break", "database")
        (page,) = wait_until(
            arrived(ports, "pagerduty", "firing", broken), SECONDS_TO_PAGE, "a page", log=log
        )
        assert page["body"]["event_action"] == "trigger"
        assert page["body"]["payload"]["severity"] == "critical"
        (message,) = wait_until(arrived(ports, "slack", "firing", broken), 60, "a message", log=log)
        assert message["body"]["channel"] == "#alerts-critical"
        assert metric(ports, "pg_up") == 0

        mended = time.time()
        call(state, "mend", "database")
        (resolve,) = wait_until(
            arrived(ports, "pagerduty", "resolved", mended), SECONDS_TO_PAGE, "a resolve", log=log
        )
        assert resolve["body"]["dedup_key"] == page["body"]["dedup_key"]
        wait_until(arrived(ports, "slack", "resolved", mended), 60, "a message of the end", log=log)
        print(
            f"paged after {page['received_at'] - broken:.1f} s, resolved after {resolve['received_at'] - mended:.1f} s"
        )

        assert pid_of(state, "platform-exporter run") == exporter
        assert metric(ports, "process_start_time_seconds") == started
        assert "does not answer" not in call(state, "status")

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert_nothing_left(state)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_nothing_is_left_when_it_ends_at_any_moment(
    state: Path, number: signal.Signals, seconds: float
) -> None:
    """Counted from its first process on: a SIGKILL before that can leave an empty folder, which the next one takes."""
    with demo(state) as (process, _, _):
        wait_until(lambda: processes_of(state), 60, "the demo to begin")
        time.sleep(seconds)
        process.send_signal(number)
        process.wait(60)
        wait_until(lambda: not processes_of(state) and not state.exists(), 60, "everything to be gone")


def test_nothing_is_left_of_a_frozen_database(state: Path) -> None:
    with demo(state) as (process, _, log):
        until_all_runs(process, log)
        call(state, "break", "frozen")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert_nothing_left(state)


def test_a_part_that_ends_ends_the_demo_and_says_so(state: Path) -> None:
    with demo(state) as (process, _, log):
        until_all_runs(process, log)
        os.kill(pid_of(state, "alertmanager"), signal.SIGKILL)
        assert process.wait(60) == 1
        assert "alertmanager ended with code -9" in log.read_text()
        assert_nothing_left(state)


def test_a_second_demo_in_the_same_folder_is_refused_and_a_kept_one_can_be_replaced(state: Path) -> None:
    with demo(state, "--keep") as (process, ports, log):
        until_all_runs(process, log)
        other = subprocess.run(
            [COMMAND, "demo", "up", "--state", state, "--port-base", str(_free_base())],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert other.returncode == 1
        assert "a demo already runs in" in other.stderr
        taken = subprocess.run(
            [COMMAND, "demo", "up", "--state", state.with_name("other"), "--port-base", str(ports.base)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert taken.returncode == 1
        assert "--port-base" in taken.stderr
        assert not state.with_name("other").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert processes_of(state) == {}
    assert {"logs", "generated", "postgres", "prometheus"} <= {path.name for path in state.iterdir()}
    with demo(state) as (process, _, log):
        until_all_runs(process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert_nothing_left(state)


def assert_nothing_left(state: Path) -> None:
    assert processes_of(state) == {}
    assert not state.exists()
