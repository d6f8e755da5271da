"""The exporter as a process, and what it serves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import free_port, running, wait_http, wait_until

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
COMMAND = Path(sys.executable).parent / "platform-exporter"


class Exporter:
    """A running exporter at `url`, with its platform file and its log."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], platform: Path, log: Path) -> None:
        self.url, self.process, self.platform, self.log = url, process, platform, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def series(self) -> Series:
        """Scrape, and return values by name and labels."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample's value, or None when it is absent."""
        return self.series().get((name, frozenset(labels.items())))

    def wait_value(self, expected: float | None, name: str, timeout: float = 60, **labels: str) -> None:
        """Wait until a sample has the value; None waits until it is absent."""
        wait_until(
            lambda: self.value(name, **labels) == expected,
            timeout,
            f"{name}{labels} = {expected}",
            log=self.log,
        )


@contextmanager
def exporter(platform: str, folder: Path, port: int | None = None, **environment: str) -> Iterator[Exporter]:
    """Run the exporter on a platform file with this text, on a free port by default, until each source was asked."""
    file, log = folder / "platform.yml", folder / "exporter.log"
    file.write_text(platform)
    port = port or free_port()
    command: list[str | Path] = [COMMAND, "run", "-p", file, "--listen", f"127.0.0.1:{port}"]
    command += ["--state-dir", folder / "state", "--web.enable-lifecycle"]
    with running(command, log, env=environment) as process:
        url = f"http://127.0.0.1:{port}"
        wait_http(f"{url}/-/ready", 60, log=log)
        yield Exporter(url, process, file, log)
