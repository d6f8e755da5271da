"""A TCP proxy that makes each round trip longer, as a database in another region does, and counts what goes through."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace


@dataclass(slots=True)
class Traffic:
    """Connections opened, times that the client spoke after the server had, statements sent, bytes of both ways.

    `began` and `ended`: when the first byte after the last mark() came, and the last one went, monotonic clock.
    """

    connections: int = 0
    round_trips: int = 0
    statements: int = 0
    octets: int = 0
    began: float = 0.0
    ended: float = 0.0

    def since(self, before: "Traffic") -> "Traffic":
        """Return what came after `before`."""
        return Traffic(
            self.connections - before.connections,
            self.round_trips - before.round_trips,
            self.statements - before.statements,
            self.octets - before.octets,
            self.began,
            self.ended,
        )


class Proxy:
    """Listens on 127.0.0.1:`port`. Takes connections without TLS."""

    def __init__(self, server: int, delay: float) -> None:
        self._server, self._delay = server, delay
        self._traffic = Traffic()
        self.port = 0

    def traffic(self) -> Traffic:
        """Return what went through so far."""
        return replace(self._traffic)

    def mark(self) -> None:
        """Forget when the first byte passed."""
        self._traffic.began = 0.0

    async def listen(self) -> asyncio.Server:
        """Begin to listen on a free port."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._traffic.connections += 1
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server, limit=1 << 20)
        turn = Turn(self._traffic)
        with suppress(asyncio.CancelledError):  # at the end; asyncio 3.11 writes a traceback for it
            await asyncio.gather(
                self._forward(reader, server_writer, turn.client),
                self._forward(server_reader, writer, turn.server),
                return_exceptions=True,  # either side may hang up at any time
            )

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]
    ) -> None:
        """Pass on what is read, half a round trip later and in order."""
        loop, late = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def write() -> None:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
                self._traffic.ended = time.monotonic()

        writing = asyncio.create_task(write())
        try:
            data = b"first"
            while data:
                data = b""
                with suppress(ConnectionError):
                    data = await reader.read(1 << 18)
                seen(data)
                self._traffic.octets += len(data)
                self._traffic.began = self._traffic.began or time.monotonic()
                late.put_nowait((loop.time() + self._delay / 2, data))
            with suppress(ConnectionError):
                await writing
        finally:
            writing.cancel()
            writer.close()


class Turn:
    """Whose turn it is on one connection, and how far the client's messages are understood."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._server_spoke = True
        self._rest = b""
        self._begun = False

    def server(self, data: bytes) -> None:
        """Take note of bytes from the server."""
        self._server_spoke = self._server_spoke or bool(data)

    def client(self, data: bytes) -> None:
        """Take note of bytes from the client: a round trip begins with the first after the server's."""
        if data and self._server_spoke:
            self._traffic.round_trips += 1
            self._server_spoke = False
        self._rest += data
        while len(self._rest) >= 5:
            if not self._begun:  # the first message has no type
                kind, length = b"", int.from_bytes(self._rest[:4], "big")
            else:
                kind, length = self._rest[:1], 1 + int.from_bytes(self._rest[1:5], "big")
            if len(self._rest) < length:
                break
            self._begun = True
            self._rest = self._rest[length:]
            self._traffic.statements += kind in (b"Q", b"E")  # simple query, or execute


@contextmanager
def proxy(server: int, delay: float) -> Iterator[Proxy]:
    """Run a proxy before the port `server` that adds `delay` seconds to each round trip."""
    loop, made = asyncio.new_event_loop(), Proxy(server, delay)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(made.listen(), loop).result(10)
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_end(listener), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _end(listener: asyncio.Server) -> None:
    """Listen no longer, and let go of what is still open."""
    listener.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
