"""A server that is far away: a TCP relay that holds every packet back for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Relay:
    """Where it listens, how far away it seems, in seconds of a question and its answer, and how often it was connected
    to."""

    round_trip: float
    port: int = 0
    connections: int = 0


@asynccontextmanager
async def distant(port: int, round_trip: float) -> AsyncIterator[Relay]:
    """Relay a free port to 127.0.0.1:`port`; a question and its answer take `round_trip` seconds more."""
    relay, ways, writers = Relay(round_trip), set[asyncio.Task[None]](), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, far_writer))
        ways.add(asyncio.create_task(_carry(reader, far_writer, relay)))
        ways.add(asyncio.create_task(_carry(far_reader, writer, relay)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relay: Relay) -> None:
    """Pass on what comes, each piece half a round trip after it came."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            loop.call_later(relay.round_trip / 2, writer.write, data)
    loop.call_later(relay.round_trip / 2, writer.close)
