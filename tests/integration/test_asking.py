"""`check` and `explain` as processes: their end on a silent name server, and whose secrets they ask for."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.support import COMMAND

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
