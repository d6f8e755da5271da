"""Starts parts, waits until each answers, and notices when one ends that should not."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from exporter.demo.errors import DemoError
from exporter.demo.names import COOKIE
from exporter.demo.native.state import State


@dataclass(frozen=True, slots=True)
class Part:
    """One server: how to start it and the address that answers once it works: 2xx at http://…, or a connection at tcp://…."""

    name: str
    command: Sequence[str | Path]
    ready_url: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = 60.0
    restarts: bool = False
    """Whether it is started again when it was killed, once `demo break` does not keep it down."""


class Supervisor:
    """The demo's processes. PostgreSQL is not among them: stopping it must not end the demo."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._parts: dict[str, Part] = {}

    async def start(self, part: Part) -> float:
        """Start a part and wait until it is ready; return the seconds it took. Raises DemoError."""
        started = time.monotonic()
        self._spawn(part)
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while not await _answers(client, part.ready_url):
                self.check()
                if time.monotonic() - started > part.seconds:
                    raise DemoError(
                        f"{part.name} was not ready within {part.seconds:.0f} s.{self._said(part.name)}"
                    )
                await asyncio.sleep(0.1)
        return time.monotonic() - started

    async def run(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str], seconds: float
    ) -> None:
        """Run a command to its end. Raises DemoError when it fails or takes too long."""
        process = self._open(name, command, env)
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise DemoError(f"{name} did not end within {seconds:.0f} s.{self._said(name)}")
            await asyncio.sleep(0.05)
        if process.returncode != 0:
            raise DemoError(f"{name} failed.{self._said(name)}")

    def check(self) -> None:
        """Start again what was ended on purpose and is mended. Raise DemoError when another part has ended."""
        for name, process in tuple(self._processes.items()):
            if process.poll() is None or self._state.down(name).exists():
                continue
            part = self._parts[name]
            if part.restarts and process.returncode == -signal.SIGKILL:
                self._spawn(part)
            else:
                raise DemoError(f"{name} ended with code {process.returncode}.{self._said(name)}")

    async def watch(self) -> None:
        """Check for ever."""
        while True:
            self.check()
            await asyncio.sleep(0.2)

    def reap(self) -> None:
        """Collect the processes that were ended, so that none stays as a zombie."""
        for process in self._processes.values():
            process.wait(timeout=10)

    def _spawn(self, part: Part) -> None:
        self._parts[part.name] = part
        self._processes[part.name] = self._open(part.name, part.command, part.env)

    def _open(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self._state.log(name).open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo, which then ends its parts in good order.
            return subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env, COOKIE: str(self._state.root)},
                start_new_session=True,
            )

    def _said(self, name: str) -> str:
        log = self._state.log(name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return f" The end of its log, {log}:\n" + "\n".join(lines) if lines else ""


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    address = httpx.URL(url)
    try:
        if address.scheme == "tcp":
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            return True
        response = await client.get(url)
    except (OSError, httpx.TransportError):
        return False
    return response.is_success
