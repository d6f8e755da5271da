"""HTTP/1.1 on one connection: uvicorn's, with limits of time and size that uvicorn does not have.

A request's head must be whole five seconds after its first byte, or after the connection was opened; its body ten
seconds later; an answer must be taken within thirty. Who is slower is told so, if it is still to be told, and left.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from exporter.logs import Log
from exporter.server.seats import Seat

log = Log()

HEAD_SECONDS = 5.0
BODY_SECONDS = 10.0
WRITE_SECONDS = 30.0
MOST_HEAD_BYTES = 16 * 1024
MOST_URL_BYTES = 8 * 1024
MOST_HEADERS = 100
MOST_BODY_BYTES = 64 * 1024
_LINGER_SECONDS = 1.0
"""So long what a refused client still sends is read and thrown away: closing at once would reset the connection, and
the client might lose the answer."""


class _RefusedError(Exception):
    """Ends the parsing of a request."""


def refusal(status: HTTPStatus, request_id: str, more: str = "") -> bytes:
    """Return a whole answer that ends the connection."""
    text = f"{status.phrase}\n"
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\nx-request-id: {request_id}\r\n{more}\r\n{text}"
    ).encode()


class GuardedProtocol(HttpToolsProtocol):
    """One connection, on a seat that is freed when it ends."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        seat: Seat,
        gone: Callable[[Seat], None],
        admits: Callable[[asyncio.Transport], bool],
    ) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._seat = seat
        self._gone = gone
        self._admits = admits
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._refused: HTTPStatus | None = None
        self._leaving = False
        self._part = ""  # "head" or "body" while that part of a request is still coming in
        self._heads = self._progress = 0  # heads, and heads and bodies, that were whole so far
        self._head_bytes = self._header_bytes = self._headers = self._body_bytes = 0

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start to wait for the first request. After a handshake, the certificate is looked at before any byte is."""
        super().connection_made(transport)
        self._seat.leave = transport.abort
        if self._admits(transport):
            self._arm(HEAD_SECONDS)
        else:
            self._leaving = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the seat."""
        self._disarm()
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self._gone(self._seat)

    def data_received(self, data: bytes) -> None:
        """Parse, then see which part of a request is not there yet, and how long it may take."""
        if self._leaving:
            return
        heads, progress = self._heads, self._progress
        super().data_received(data)
        if self._leaving:
            return
        if self._part == "head":
            # What precedes the last whole head of these bytes is not part of this one.
            self._head_bytes += len(data) - (data.rfind(b"\r\n\r\n") + 4 if self._heads > heads else 0)
            self._arm(HEAD_SECONDS)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refused = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.send_400_response("")
        elif self._part == "body":
            self._arm(BODY_SECONDS)
        elif self._progress == progress:  # line feeds between requests, or bytes that no parser takes
            self._arm(HEAD_SECONDS)

    # Parser

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._part = "head"
        self._head_bytes = self._header_bytes = self._headers = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Bound the request line."""
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound headers in number and size, and what they promise of the body."""
        self._headers += 1
        self._header_bytes += len(name) + len(value)
        if self._headers > MOST_HEADERS or self._header_bytes > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)
        if self.headers[-1][0] == b"content-length" and int(value) > MOST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """A request can be answered; one of HTTP/1.1 names its host, once (RFC 9112, 3.2)."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refuse(HTTPStatus.BAD_REQUEST)
        self._disarm()
        self._heads += 1
        self._progress += 1
        self._part = "body"
        self._seat.busy = True
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # the parser is of no more use after that

    def on_body(self, body: bytes) -> None:
        """Bound the body, however it is sent."""
        self._body_bytes += len(body)
        if self._body_bytes > MOST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there in full."""
        self._part = ""
        self._progress += 1
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request was answered."""
        self._seat.served = True
        self._seat.busy = bool(self.pipeline)
        super().on_response_complete()

    # Limits

    def pause_writing(self) -> None:
        """The client does not take what we send."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its client never took the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _arm(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._part:
            self._refused = HTTPStatus.REQUEST_TIMEOUT
            self.send_400_response("")
        elif not self._seat.busy:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        self._refused = status
        raise _RefusedError

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser gave up on, or what a limit ended; leave the connection."""
        status, request_id = self._refused or HTTPStatus.BAD_REQUEST, token_hex(8)
        client = self.client[0] if self.client else ""
        log.info(
            "http.refused", status=status.value, reason=status.phrase, client=client, request_id=request_id
        )
        self._leaving = True
        self._disarm()
        running = self.cycle is not None and not self.cycle.response_complete
        of_this_request = running and self._part == "body" and not self.pipeline
        if (running and not (of_this_request and not self.cycle.response_started)) or (
            self._part == "body" and not running
        ):
            self.transport.abort()  # another answer, or the rest of this one, would be mixed with ours
            return
        if running:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(refusal(status, request_id))
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()
