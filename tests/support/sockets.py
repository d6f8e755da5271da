"""Clients that say exactly what a test wants them to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, within: float = 30) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, headers by small name, body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), within)
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), within)
        return int(first.split()[1]), headers, body

    async def closed(self, within: float = 30) -> bytes:
        """Wait until the server has closed the connection; return what it still said."""
        try:
            return await asyncio.wait_for(self.reader.read(), within)
        except ConnectionError:
            return b""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """Connect to 127.0.0.1:`port`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            return
