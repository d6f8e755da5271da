"""A server that answers every request with the same bytes, whatever they are, and hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def canned(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Yield the server's URL, and the heads of the requests that it was sent so far."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        try:
            await writer.drain()
        except ConnectionError:  # the client has read enough
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked
    finally:
        server.close()
        await server.wait_closed()


def http(status: int, body: bytes, **headers: str) -> bytes:
    """Return an answer over HTTP/1.1; `_` in a header's name stands for `-`."""
    head = {"Content-Length": len(body), **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
    return f"HTTP/1.1 {status} Some\r\n{lines}\r\n".encode() + body
