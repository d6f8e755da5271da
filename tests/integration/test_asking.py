"""`check` and `explain` as processes: their end whatever a source does then, and whose secrets they ask for."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.support import COMMAND
from tests.support.process import running

SILENT = """
import time, uvloop
from exporter import cli
from exporter.engine.loop import Loop

class SilentNameServer:
    async def getaddrinfo(self, *asked, **how):
        return await self.run_in_executor(None, time.sleep, 40)

class SilentLoop(Loop, SilentNameServer, uvloop.Loop):
    pass

cli.Loop = SilentLoop
cli.app()
"""


@pytest.mark.parametrize("words", [["check"], ["explain", "health.far"], ["explain", "postgres.far"]])
def test_a_silent_name_server_does_not_delay_the_end(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: test\nsources:\n  health: {far: {url: 'http://far.example/', timeout: 1s}}\n"
        "  postgres: {far: {dsn: '${env:FAR_DSN}', timeout: 1s}}\n"
    )
    started = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", SILENT, *words, "-p", file],
        env={"FAR_DSN": "host=far.example user=u dbname=d"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert time.monotonic() - started < 35
    assert told.returncode == 1, told.stdout + told.stderr
    assert "timeout" in told.stdout
    assert not told.stderr


CLINGS = """
import asyncio, signal, time
from exporter import check, cli, explain
from exporter.sources.health import HealthSource

async def swallowing(self):
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass

async def in_a_thread(self):
    await asyncio.to_thread(time.sleep, 1000)

def defect(*told):
    raise RuntimeError("a defect of ours")

HealthSource.close = {close}
{more}
# Whoever is started in the background of a shell is deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.app()
"""


Words = tuple[str, ...]
ASKS = pytest.mark.parametrize("words", [("check",), ("explain", "health.near")])
CLOSES = pytest.mark.parametrize("close", ["swallowing", "in_a_thread"])


@contextmanager
def clinging(
    words: Words, close: str, log: Path, url: str = "http://127.0.0.1:1/", more: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command `words` with a source whose close is one of CLINGS; what it says is in `log`."""
    file = log.with_suffix(".yml")
    file.write_text(f"platform: test\nsources: {{health: {{near: {{url: '{url}', timeout: 5s}}}}}}\n")
    with running(
        [sys.executable, "-c", CLINGS.format(close=close, more=more), *words, "-p", file], log
    ) as process:
        yield process


@CLOSES
@ASKS
def test_a_source_that_does_not_close_does_not_keep_the_command_from_its_end(
    words: Words, close: str, tmp_path: Path
) -> None:
    with clinging(words, close, log := tmp_path / "log") as process:
        assert process.wait(120) == 1
    told = log.read_text()
    assert "near" in told
    assert "Traceback" not in told


@ASKS
def test_an_error_is_told_though_a_source_does_not_close(words: Words, tmp_path: Path) -> None:
    more = "check._tell = explain._print = defect"
    with clinging(words, "in_a_thread", log := tmp_path / "log", more=more) as process:
        assert process.wait(120) == 1
    assert log.read_text().endswith("RuntimeError: a defect of ours\n")


@ASKS
def test_an_interrupt_ends_the_command_though_a_source_does_not_close(words: Words, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with clinging(words, "in_a_thread", log := tmp_path / "log", url) as process:
            silent.settimeout(120)
            asked, _ = silent.accept()
            with asked:
                process.send_signal(signal.SIGINT)
                assert process.wait(120) == 130
    assert "Traceback" not in log.read_text()


def test_explain_needs_the_secrets_of_its_own_source_alone(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: test\nsources:\n"
        "  cloudflare: {account: abcdef0123456789abcdef0123456789, token: '${env:NOT_THERE}', workers: {}}\n"
        "  postgres:\n    main: {dsn: '${env:THERE_DSN}', timeout: 1s}\n"
        "    main2: {dsn: '${env:NOT_THERE}'}\n"
    )

    def explained(source: str) -> str:
        told = subprocess.run(
            [COMMAND, "explain", source, "-p", file],
            env={"THERE_DSN": "host=127.0.0.1 port=1 user=u dbname=d"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 1
        return told.stdout + told.stderr

    assert "Failed after" in explained("postgres.main")
    for source in ("postgres.main2", "cloudflare.workers"):
        refused = explained(source)
        assert "environment variable NOT_THERE is not set" in refused
        assert refused.count("NOT_THERE is not set") == 1
        assert f"sources.{source.replace('.workers', '.token').replace('main2', 'main2.dsn')}" in refused
