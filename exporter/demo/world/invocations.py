"""Every request on the product, kept as Cloudflare keeps a Worker invocation."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 3.0
KEPT_INVOCATIONS = 100_000


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a script. `started` has whole seconds, as the vendor's; times are microseconds."""

    started: datetime
    script: str
    status: str
    colo: str
    wall_us: int
    cpu_us: int
    response_bytes: int
    subrequests: int


class InvocationLog:
    """The last invocations; the oldest are forgotten, so that a demo left running stays small."""

    def __init__(self, kept: int = KEPT_INVOCATIONS) -> None:
        self._invocations: deque[Invocation] = deque(maxlen=kept)

    def __len__(self) -> int:
        return len(self._invocations)

    def add(self, invocation: Invocation) -> None:
        """Append one finished invocation."""
        self._invocations.append(invocation)

    def since(self, start: datetime | None) -> list[Invocation]:
        """Return what began at `start` or later. They are kept as they ended, so a little slack is scanned."""
        if start is None:
            return list(self._invocations)
        found = []
        for invocation in reversed(self._invocations):
            if invocation.started >= start:
                found.append(invocation)
            elif (start - invocation.started).total_seconds() > 4 * DEADLINE_SECONDS:
                break
        return found


class Recorder:
    """ASGI layer that runs a request as the Workers runtime would: a deadline, an outcome, one invocation.

    `script_of` gives the script that owns a path, None for paths that are no part of the product.
    """

    def __init__(self, app: ASGIApp, log: InvocationLog, script_of: Callable[[str], str | None]) -> None:
        self._app = app
        self._log = log
        self._script_of = script_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record it."""
        script = self._script_of(scope["path"]) if scope["type"] == "http" else None
        if script is None:
            await self._app(scope, receive, send)
            return
        scope["subrequests"] = 0
        reply = _Reply(send)
        started, wall, cpu = (
            datetime.now(UTC).replace(microsecond=0),
            time.perf_counter_ns(),
            time.thread_time_ns(),
        )
        status = await self._run(scope, receive, reply)
        if not reply.started:
            reply.closed = True
            reply = _Reply(send)
            code = 503 if status == "exceededResources" else 500
            await JSONResponse({"error": "internal error"}, status_code=code)(scope, receive, reply)
        wall_us = (time.perf_counter_ns() - wall) // 1000
        # Other requests run on this thread too, so its CPU time can only bound this request's from above.
        cpu_us = min((time.thread_time_ns() - cpu) // 1000, wall_us)
        self._log.add(
            Invocation(
                started, script, status, _colo(scope), wall_us, cpu_us, reply.size, int(scope["subrequests"])
            )
        )

    async def _run(self, scope: Scope, receive: Receive, reply: "_Reply") -> str:
        task = asyncio.ensure_future(self._app(scope, receive, reply))
        done, _ = await asyncio.wait({task}, timeout=DEADLINE_SECONDS)
        if not done:
            # A driver may need long to give up on a frozen server; the customer does not wait for it.
            task.cancel()
            task.add_done_callback(_retrieve)
            return "exceededResources"
        error = task.exception()
        if error is None:
            return "success"
        logger.warning("%s %s threw %s", scope["method"], scope["path"], type(error).__name__)
        return "scriptThrewException"


class _Reply:
    """The `send` of one request: counts the body, and drops what a late handler still says."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.closed = False
        self.size = 0

    async def __call__(self, message: Message) -> None:
        if self.closed:
            return
        self.started = self.started or message["type"] == "http.response.start"
        self.size += len(message.get("body", b""))
        await self._send(message)


def _retrieve(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("a request past its deadline ended with %s", type(error).__name__)


def _colo(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"cf-ray":
            return str(value.decode("latin-1").rpartition("-")[2])
    return "FRA"
