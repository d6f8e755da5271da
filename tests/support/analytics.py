"""Cloudflare's analytics with known events: the truth that counters are compared with."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.demo.cloudflare.api import CloudflareAnalytics
from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import CLOUDFLARE_PATH
from exporter.demo.world.invocations import Invocation, InvocationLog
from tests.support.process import free_port, wait_until

STATUSES = ("success", "scriptThrewException")


class SharedLog(InvocationLog):
    """A log that one thread writes and another reads."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def add(self, invocation: Invocation) -> None:
        """Append one finished invocation."""
        with self._lock:
            super().add(invocation)

    def since(self, start: datetime | None) -> list[Invocation]:
        """Return what began at `start` or later."""
        with self._lock:
            return super().since(start)


class Analytics:
    """The stand-in at `url`, with events by the hundred a second, what it was asked."""

    def __init__(self) -> None:
        self.log = SharedLog()
        self.windows: list[tuple[int, int]] = []
        self.port = free_port()
        self._api = CloudflareAnalytics(self.log, WindowLimiter(10**6, 300))
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}{CLOUDFLARE_PATH}"

    def truth(self, start: int, end: int) -> dict[tuple[str, ...], float]:
        """Return invocations by script and status in [start, end)."""
        found = (each for each in self.log.since(None) if start <= each.started.timestamp() < end)
        return dict(Counter((each.script, each.status) for each in found))

    def wait_asked(self) -> None:
        """Wait for the next request."""
        before = len(self.windows)
        wait_until(lambda: len(self.windows) > before, 60, "a window to be asked for")

    async def _answer(self, request: Request) -> Response:
        variables = orjson.loads(await request.body())["variables"]
        start, end = (int(datetime.fromisoformat(variables[name]).timestamp()) for name in ("from", "to"))
        self.windows.append((start, end))
        return await self._api.answer(request)

    def _happen(self) -> None:
        number = 0
        while not self._ended.wait(0.01):
            number += 1
            second = datetime.fromtimestamp(int(time.time()), UTC)
            status = STATUSES[number % 5 == 0]
            self.log.add(Invocation(second, f"script-{number % 3}", status, "AMS", 20_000, 4_000, 512, 2))


@contextmanager
def analytics() -> Iterator[Analytics]:
    """Yield a running Analytics; end it after."""
    subject = Analytics()
    app = Starlette(routes=[Route(CLOUDFLARE_PATH, subject._answer, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, port=subject.port, log_level="error", ws="none", lifespan="off")
    )
    threads = [threading.Thread(target=server.run), threading.Thread(target=subject._happen)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: server.started, 60, "the stand-in to listen")
        yield subject
    finally:
        server.should_exit = True
        subject._ended.set()
        for thread in threads:
            thread.join(10)
