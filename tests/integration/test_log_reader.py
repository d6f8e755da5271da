"""Whoever reads the log, and whatever keeps it, cannot stop the exporter."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.support import COMMAND, Exporter
from tests.support.process import free_port, running, wait_http, wait_until

PLATFORM = """
platform: shop
environment: test
monitoring: {exporter: localhost:9780}
sources:
  health:
    gone: {title: Gone, url: "http://127.0.0.1:9/health", every: 1s, timeout: 500ms}
"""


@pytest.fixture(params=["nobody reads", "the reader ended", "the disk is full"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Exporter]:
    """An exporter whose log cannot be written, or not for long."""
    log, reader = Path("/dev/full"), None
    if request.param != "the disk is full":
        log = tmp_path / "log"
        os.mkfifo(log)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    file, port = tmp_path / "platform.yml", free_port()
    file.write_text(PLATFORM)
    command: list[str | Path] = [
        COMMAND,
        "run",
        "-p",
        file,
        "--listen",
        f"127.0.0.1:{port}",
        "--state-dir",
        tmp_path / "state",
    ]
    with running(command, log) as process:
        wait_http(f"http://127.0.0.1:{port}/-/ready", 60)
        if reader is not None and request.param == "the reader ended":
            os.close(reader)
            reader = None
        yield Exporter(f"http://127.0.0.1:{port}", process, file, log)
    if reader is not None:
        os.close(reader)


def test_it_goes_on_and_ends_when_it_should(subject: Exporter) -> None:
    """Each request for what is not there is a line: more than a pipe holds."""
    with httpx.Client(base_url=subject.url, trust_env=False, timeout=30) as client:
        for _ in range(600):
            assert client.get("/nothere").status_code == 404

    def failed() -> float:
        return (
            subject.value("platform_exporter_source_failures_total", source="health.gone", reason="connect")
            or 0
        )

    so_far = failed()
    wait_until(lambda: failed() >= so_far + 2, 60, "two failures more")
    subject.process.send_signal(signal.SIGTERM)
    assert subject.process.wait(30) == 0
