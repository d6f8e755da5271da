"""A real Alertmanager with a generated configuration, and the sinks that it delivers to."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from exporter.demo.names import SLACK_PATH
from exporter.demo.sinks.app import sinks_app
from exporter.demo.sinks.inbox import Inbox
from exporter.demo.sinks.mail import serve_mail
from exporter.demo.sinks.statuspage import Statuspage
from exporter.generate import catalogue, files
from exporter.platform.calendar import DAYS
from tests.support.process import free_port, running, wait_http, wait_until

WHOLE = Path(__file__).with_name("whole.yml")
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}


@dataclass
class Sinks:
    """What people would have received, at `url` and, for mail, at `smtp`."""

    inbox: Inbox = field(default_factory=Inbox)
    page: Statuspage = field(init=False)
    port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.page = Statuspage(self.inbox)

    @property
    def url(self) -> str:
        """Address of the HTTP side."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def smtp(self) -> str:
        """host:port of the mail server."""
        return f"127.0.0.1:{self.smtp_port}"

    def arrived(self, channel: str, text: str = "", status: str | None = None) -> list[dict[str, Any]]:
        """Return the bodies of a channel's deliveries that hold `text`, oldest first."""
        return [
            item.body
            for item in reversed(self.inbox.newest(channel))
            if text in str(item.body) and status in (None, item.status)
        ]

    def wait(
        self, channel: str, text: str = "", status: str | None = None, timeout: float = 120
    ) -> dict[str, Any]:
        """Wait for a delivery that holds `text` and return its body."""
        what = f"{channel} with {text!r} ({status})"
        return wait_until(lambda: self.arrived(channel, text, status), timeout, what)[0]


@contextmanager
def sinks() -> Iterator[Sinks]:
    """Run the sinks on free ports."""
    here = Sinks()
    server = uvicorn.Server(
        uvicorn.Config(sinks_app(here.inbox, here.page), port=here.port, log_level="warning", lifespan="off")
    )

    async def serve() -> None:
        mail = await serve_mail(here.inbox, "127.0.0.1", here.smtp_port)
        await server.serve()
        mail.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        wait_http(f"{here.url}/api/notifications")
        yield here
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager at `url`."""

    url: str
    config: Path
    log: Path

    def post(self, *alerts: dict[str, Any]) -> None:
        """Send alerts as Prometheus does."""
        httpx.post(f"{self.url}/api/v2/alerts", json=list(alerts), trust_env=False).raise_for_status()

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it knows, with their state."""
        return list(httpx.get(f"{self.url}/api/v2/alerts", trust_env=False).json())


def write_secrets(folder: Path, sinks: Sinks) -> None:
    """Write the secrets that the demo's platform file names."""
    folder.mkdir(exist_ok=True)
    (folder / "slack_webhook").write_text(f"{sinks.url}{SLACK_PATH}")
    (folder / "pagerduty_routing_key").write_text("0123456789abcdef0123456789abcdef")
    (folder / "status_page_token").write_text("token-of-the-status-page")


def outside_windows(folder: Path) -> Path:
    """Write whole.yml to `folder` with its windows of maintenance far from now, whenever that is; return the file."""
    now = datetime.now(UTC)
    far = DAYS[(now.weekday() + 3) % 7]
    text = WHOLE.read_text()
    for before, after in (
        ("weekly: {days: [sunday]", f"weekly: {{days: [{far}]"),
        ("from: 2026-12-30 22:00, to: 2027-01-03 02:00", "from: 2025-12-30 22:00, to: 2026-01-03 02:00"),
    ):
        assert before in text
        text = text.replace(before, after)
    (file := folder / "whole.yml").write_text(text)
    return file


@contextmanager
def alertmanager(
    program: Path, platform: Path, folder: Path, port: int | None = None
) -> Iterator[Alertmanager]:
    """Run `program` with what is generated from `platform`. Environment and secrets must be in place."""
    generated = folder / "generated"
    for path, text in files(catalogue(platform)).items():
        if path.startswith("alertmanager/"):
            (generated / path).parent.mkdir(parents=True, exist_ok=True)
            (generated / path).write_text(text)
    config, log = generated / "alertmanager" / "alertmanager.yml", folder / "alertmanager.log"
    address = f"127.0.0.1:{port or free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--web.external-url=http://alertmanager.example",
        "--web.route-prefix=/",
        "--cluster.listen-address=",
        "--log.level=debug",
    ]
    with running(command, log, env=ENVIRONMENT):
        wait_http(f"http://{address}/-/ready", log=log)
        yield Alertmanager(f"http://{address}", config, log)
