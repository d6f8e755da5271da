"""The exporter behind a web configuration file, as a process."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import httpx

from tests.integration.support import COMMAND
from tests.support.process import free_port, running, wait_until

PLATFORM = (
    "platform: test\nsources: {{health: {{gone: {{url: 'http://127.0.0.1:{port}/', every: 500ms}}}}}}\n"
)


@dataclass(frozen=True, slots=True)
class Served:
    """A running exporter: where it listens, its process, its log, its web configuration file."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    web: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self, *, trust: Path | None = None, **options: Any) -> httpx.Client:
        """Return a client; with `trust`, one of HTTPS that trusts this authority."""
        verify = ssl.create_default_context(cafile=trust) if trust is not None else False
        if (certificate := options.pop("certificate", None)) is not None and isinstance(
            verify, ssl.SSLContext
        ):
            verify.load_cert_chain(*certificate)
        scheme = "http" if trust is None else "https"
        return httpx.Client(
            base_url=f"{scheme}://127.0.0.1:{self.port}",
            verify=verify,
            trust_env=False,
            timeout=30,
            **options,
        )

    def configure(self, text: str) -> None:
        """Replace the web configuration at once: the exporter may look at it at any moment."""
        whole = self.web.with_suffix(".new")
        whole.write_text(text)
        whole.replace(self.web)

    def lines(self, action: str) -> list[dict[str, Any]]:
        """Return the lines of the log with this action; one that is still being written does not count."""
        whole = self.log.read_text().rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if line["action"] == action]

    def wait_line(self, action: str, count: int = 1) -> dict[str, Any]:
        """Wait for so many lines with this action; return the last."""
        wait_until(lambda: len(self.lines(action)) >= count, 30, f"a line {action}", log=self.log)
        return self.lines(action)[-1]


@contextmanager
def served(folder: Path, web: str | None, *words: str) -> Iterator[Served]:
    """Run the exporter with one source that never answers and this web configuration."""
    platform, file, log, port = folder / "platform.yml", folder / "web.yml", folder / "log", free_port()
    platform.write_text(PLATFORM.format(port=free_port()))
    command: list[str | Path] = [COMMAND, "run", "-p", platform, "--listen", f"127.0.0.1:{port}", *words]
    if web is not None:
        file.write_text(web)
        command += ["--web.config.file", file]
    with running(command, log, env={"PLATFORM_STATE_DIR": str(folder / "state")}) as process:
        wait_until(lambda: '"listening"' in log.read_text(), 60, "the exporter", log=log)
        yield Served(port, process, log, file)


def hashed(password: str) -> str:
    """Return a bcrypt hash that is quick to check."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
