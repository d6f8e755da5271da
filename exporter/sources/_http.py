"""Asking over HTTP: one way to say what went wrong, and a bound on what is read."""

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

from exporter.engine.source import SourceError
from exporter.engine.trace import note, step

if TYPE_CHECKING:
    import httpx  # otherwise no sooner than somebody asks: it brings megabytes along, Rich and Pygments among them

MAX_BODY = 1 << 20
"""Most bytes read of one answer, as it comes and decompressed."""

_PIECE = 64 << 10
"""Most bytes decompressed at once: in between, others have their turn and a deadline can interrupt."""

_GZIP = ("gzip", "x-gzip")


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates that are trusted, once for all clients: it takes tens of milliseconds and megabytes."""
    import httpx

    return httpx.create_ssl_context()


_KEEP_ALIVE = 0.5
"""Seconds after which an idle connection is not used again: many servers end it at 2 or 5 s, maybe as the next request
is under way, which would look like a fault of theirs."""


def client(timeout: float, **headers: str) -> "httpx.AsyncClient":
    """Return a client that says who asks, and that keeps connections within a collection."""
    import httpx

    return httpx.AsyncClient(
        timeout=timeout,
        verify=_tls(),
        limits=httpx.Limits(max_connections=20, keepalive_expiry=_KEEP_ALIVE),
        headers={"User-Agent": "platform-exporter", "Accept-Encoding": "gzip", **headers},
    )


@cache
def prepare() -> None:
    """Import what requests take and read the certificates: a tenth of a second in which, on the event loop, all wait.

    Not to be called there, for it runs a loop of its own: httpcore and anyio import their parts at the first request.
    """
    import anyio  # with which httpx speaks

    client(1.0)
    anyio.run(anyio.sleep, 0)


_CUT = ("disconnected without", "closed connection")
"""What httpcore and h11 say of a connection that ends in the middle; they have no type of error for it."""

_SHOWN_BYTES = 4000
"""Most bytes of an answer that `explain` shows."""


def _shown(url: "httpx.URL") -> str:
    """Write a URL without what may be a secret in it: user and query."""
    bare = url.copy_with(username=None, password=None, query=None, fragment=None)
    return f"{bare}?…" if url.query else str(bare)


def retry_after(response: "httpx.Response") -> float | None:
    """Return the seconds that the answer asks to wait, given as a number or as a date; None when it does not."""
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


async def send(
    client: "httpx.AsyncClient", request: "httpx.Request", *, max_body: int = MAX_BODY
) -> "httpx.Response":
    """Send `request` and read the answer up to `max_body` bytes. Redirects are not followed.

    Raises:
        SourceError: no answer (dns, connect, tls, timeout), or one that is too large or cannot be read (parse).
    """
    import httpx

    try:
        with step(f"{request.method} {_shown(request.url)}", request.content.decode(errors="replace")):
            response = await client.send(request, stream=True)
        try:
            body = await _body(response, max_body)
        except SourceError as error:
            error.retry_after = retry_after(response)
            raise
        finally:
            await response.aclose()
    except httpx.HTTPError as error:
        raise _failure(request, error) from error
    note(f"HTTP {response.status_code}, {len(body)} bytes", body[:_SHOWN_BYTES].decode(errors="replace"))
    response._content = body  # what Response.read would have done, had it a bound
    return response


async def _body(response: "httpx.Response", most: int) -> bytes:
    """Read and decompress an answer. httpx would inflate a whole chunk at once: a kilobyte may hold gigabytes."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", *_GZIP):
        raise SourceError(
            "parse",
            f"the answer is encoded as {coding[:60]!r}, which was not asked for",
            remedy="Have the server send it plain, or as gzip.",
        )
    too_long = SourceError("parse", f"the answer is longer than {most} bytes")
    inflater = _member() if coding in _GZIP else None
    body, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if received > most:
            raise too_long
        if inflater is None:
            body += chunk
            continue
        try:
            while chunk:
                if inflater.eof:  # gzip is a sequence of members (RFC 1952)
                    inflater = _member()
                body += inflater.decompress(chunk, min(_PIECE, most + 1 - len(body)))
                if len(body) > most:
                    raise too_long
                chunk = inflater.unconsumed_tail or inflater.unused_data
                await asyncio.sleep(0)
        except zlib.error as error:
            raise SourceError("parse", f"the answer is no gzip: {error}") from error
    if inflater is not None and received:
        body += inflater.flush()  # of what was given, no more than a few hundred bytes are left
        if not inflater.eof:
            raise SourceError("parse", "the answer's gzip ends too early")
    return bytes(body)


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _failure(request: "httpx.Request", error: "httpx.HTTPError") -> SourceError:
    import httpx

    host, causes = request.url.netloc.decode(), list(_causes(error))
    said = (str(error) or type(error).__name__)[:200]
    if isinstance(error, httpx.TimeoutException):
        return SourceError("timeout", f"{host} did not answer in time")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return SourceError(
            "dns", f"the name of {host} does not resolve", remedy="Check the host's name and the resolver."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return SourceError(
            "tls", f"no TLS with {host}: {said}", remedy="Check the certificate's name and expiry."
        )
    if isinstance(error, httpx.NetworkError | httpx.ProxyError):
        return SourceError("connect", f"{host}: {said}")
    if isinstance(error, httpx.RemoteProtocolError):
        if any(words in said for words in _CUT):
            return SourceError("connect", f"{host} closed the connection before its answer was whole")
        # What it did say may be any bytes.
        return SourceError(
            "parse",
            f"what {host} answers is not HTTP",
            remedy="Check port and scheme: something else may listen there.",
        )
    return SourceError("parse", f"{host}: {said}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
