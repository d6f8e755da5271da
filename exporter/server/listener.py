"""The listening socket: who is let in, TLS before anything else, and how it all ends."""

import asyncio
import logging
import socket
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from secrets import token_hex

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from exporter.engine.lasting import lasting
from exporter.logs import Log
from exporter.server.protocol import MOST_HEAD_BYTES, GuardedProtocol, refusal
from exporter.server.seats import Seat, Seats
from exporter.server.webfile import WebFile

log = Log()

_KEEP_ALIVE_SECONDS = 330
"""More than the five minutes after which Prometheus closes one: a scraper is known by its connection (see Cadence)."""
_HANDSHAKE_SECONDS = 5.0
_DRAIN_SECONDS = 0.7
_BACKLOG = 2048
_LINGER_SECONDS = 1.0
_MOST_LINGERING = 64
_TRY_AGAIN_SECONDS = 0.1


class ListenError(Exception):
    """The listener cannot be opened."""


class Listener:
    """Serves an ASGI application over HTTP, or HTTPS when the web configuration has a certificate."""

    def __init__(self, application: ASGIApp, web: WebFile, seats: Seats | None = None) -> None:
        self._config = uvicorn.Config(
            application,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        # The application tells of its defects itself; what uvicorn would add are answers that the end cuts off.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._web = web
        self._seats = Seats() if seats is None else seats
        self._state = ServerState()
        self._arrivals: set[asyncio.Task[None]] = set()
        self._lingering: dict[socket.socket, None] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._socket: socket.socket | None = None
        self._nobody = asyncio.Event()
        self._nobody.set()

    def open(self, host: str, port: int) -> None:
        """Listen on host:port. Raises ListenError."""
        try:
            # As bytes: for a text Python loads its tables of Unicode names.
            (family, *_, address), *_ = socket.getaddrinfo(
                host.encode() if host.isascii() else host,
                port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )
            dual = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
            self._socket = socket.create_server(address, family=family, backlog=_BACKLOG, dualstack_ipv6=dual)
        except OSError as error:
            raise ListenError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another with --listen"
            ) from error
        self._socket.setblocking(False)

    def start(self) -> None:
        """Let clients in."""
        self._tasks = [asyncio.create_task(lasting(work)) for work in (self._accept, self._tell_the_time)]

    async def close(self) -> None:
        """Let nobody in any more, close what is idle, give running answers a moment, end."""
        for task in (*self._tasks, *self._arrivals):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._arrivals, return_exceptions=True)
        for each in (self._socket, *self._lingering):
            if each is not None:
                each.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nobody.wait(), _DRAIN_SECONDS)
        for request in self._state.tasks:
            request.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        while True:
            try:
                client, address = await loop.sock_accept(self._socket)
            except OSError as error:  # out of descriptors, or gone before it was let in
                log.warning("accept.failed", error=error.strerror)
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
                continue
            # Head and body are two writes; Nagle's algorithm would hold the second back for tens of milliseconds.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if (seat := self._seats.take(address[0])) is None:
                self._turn_away(client, address[0])
                continue
            self._nobody.clear()
            arrival = loop.create_task(self._welcome(client, address[0], seat))
            seat.leave = arrival.cancel
            self._arrivals.add(arrival)
            arrival.add_done_callback(partial(self._arrived, client, seat))

    async def _welcome(self, client: socket.socket, host: str, seat: Seat) -> None:
        """Make a connection of an accepted socket; return when its handshake is done."""
        loop, tls = asyncio.get_running_loop(), self._web.tls

        def admits(transport: asyncio.Transport) -> bool:
            if tls is None or tls.admits(transport.get_extra_info("peercert")):
                return True
            log.info("tls.refused", client=host, error="no name of the certificate is allowed")
            return False

        def protocol() -> GuardedProtocol:
            return GuardedProtocol(self._config, self._state, seat, self._free, admits)

        if tls is None:
            await loop.connect_accepted_socket(protocol, client)
            return
        try:
            await loop.connect_accepted_socket(
                protocol,
                client,
                ssl=tls.context,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_LINGER_SECONDS,
            )
        except OSError as error:  # ssl.SSLError and TimeoutError among them
            self._free(seat)
            log.info("tls.refused", client=host, error=str(error)[:200] or type(error).__name__)

    def _arrived(self, client: socket.socket, seat: Seat, arrival: "asyncio.Task[None]") -> None:
        self._arrivals.discard(arrival)
        if arrival.cancelled():  # perhaps before it began
            client.close()
            self._free(seat)
        elif (error := arrival.exception()) is not None:
            self._free(seat)
            log.warning("accept.failed", error=f"{type(error).__name__}: {error}")

    def _free(self, seat: Seat) -> None:
        self._seats.free(seat)
        if not len(self._seats):
            self._nobody.set()

    def _turn_away(self, client: socket.socket, host: str) -> None:
        """Answer 503 without reading, unless the answer would have to be secured first."""
        request_id = token_hex(8)
        log.info("http.refused", status=503, reason="no connection left", client=host, request_id=request_id)
        if self._web.tls is not None:
            client.close()
            return
        if len(self._lingering) >= _MOST_LINGERING:
            self._let_go(next(iter(self._lingering)))  # who was told first has most likely read it
        client.setblocking(False)
        try:
            client.send(refusal(HTTPStatus.SERVICE_UNAVAILABLE, request_id, "retry-after: 1\r\n"))
            client.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone already
            client.close()
            return
        # Closing before the client has sent its request would reset the connection under our answer.
        self._lingering[client] = None
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._let_go, client)

    def _let_go(self, client: socket.socket) -> None:
        if client not in self._lingering:
            return
        del self._lingering[client]
        with suppress(OSError):  # nothing came, or it is gone
            client.recv(MOST_HEAD_BYTES)  # a request that was not read would make of the end a reset
        client.close()

    async def _tell_the_time(self) -> None:
        while True:
            self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            await asyncio.sleep(1)
