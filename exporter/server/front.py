"""What every request passes first: request id, rate limit, user, headers, and one line in the log.

Plain ASGI, and /metrics is answered right here: no router and no request object stand before what is asked for most.
"""

import re
import time
from secrets import token_hex

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.logs import Log
from exporter.server import webhook
from exporter.server.metrics import Headers, Metrics, plain
from exporter.server.webfile import WebFile

log = Log()

_QUIET = frozenset(("/metrics", "/-/healthy", "/-/ready"))
"""Asked for all the time: logged at debug while all is well."""

_OWN_LOGIN = frozenset((webhook.PATH,))
"""What asks for another login than those of the web configuration."""

_CLEAN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 200


class Front:
    """The application: `metrics` for /metrics, `pages` for everything else."""

    def __init__(self, metrics: Metrics, pages: ASGIApp, web: WebFile, *, debug: bool = False) -> None:
        """Make it. `debug` says whether lines at debug level are written at all."""
        self._metrics, self._pages, self._web, self._debug = metrics, pages, web, debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        accept = accept_encoding = b""
        request_id = authorization = None
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = value if not accept else accept + b"," + value
            elif name == b"accept-encoding":
                accept_encoding = value if not accept_encoding else accept_encoding + b"," + value
            elif name == b"authorization":
                authorization = value
            elif name == b"x-request-id" and _CLEAN_ID.fullmatch(value):
                request_id = value
        if request_id is None:
            request_id = token_hex(8).encode()
        policy, path = self._web.policy, scope["path"]
        more: Headers = [(b"x-request-id", request_id), *policy.headers]
        turned_away = None
        if not policy.open:
            host = scope["client"][0] if scope["client"] else ""
            turned_away = await policy.refusal(authorization, host, users=path not in _OWN_LOGIN)
        if turned_away is not None:
            status, body, headers = turned_away
            await plain(send, status, body, more + headers)
        elif path == "/metrics":
            status = await self._metrics.answer(scope, accept, accept_encoding, more, send)
        else:
            status = await self._page(scope, receive, send, more)
        quiet = status < 400 and path in _QUIET
        if self._debug or not quiet:
            self._note(scope, status, request_id, time.perf_counter() - started, quiet=quiet)

    async def _page(self, scope: Scope, receive: Receive, send: Send, more: Headers) -> int:
        """Let `pages` answer, with the headers in `more` instead of its own of the same names; return the status."""
        status = 0

        async def send_with_more(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in more}
                own = [pair for pair in message.get("headers", ()) if pair[0].lower() not in given]
                message = {**message, "headers": own + more}
            await send(message)

        try:
            await self._pages(scope, receive, send_with_more)
        except Exception:  # a defect of one page must not end in a half log line
            log.exception("http.defect", path=scope["path"][:_LONGEST_PATH])
            if not status:
                return await plain(send, 500, b"Internal Server Error\n", more)
        return status

    def _note(self, scope: Scope, status: int, request_id: bytes, seconds: float, *, quiet: bool) -> None:
        """Write the line of a request. Headers and query may hold secrets and are left out."""
        write = log.debug if quiet else log.info
        write(
            "http.request",
            request_id=request_id.decode(),
            method=scope["method"],
            path=scope["path"][:_LONGEST_PATH],
            status=status,
            duration_seconds=round(seconds, 6),
            client=scope["client"][0] if scope["client"] else "",
        )
