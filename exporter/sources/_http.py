"""Asking over HTTP: one way to say what went wrong, and a bound on what is read."""

import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from exporter.engine.source import Reason, SourceError
from exporter.engine.trace import note, step

MAX_BODY = 1 << 20
"""Most bytes read of one answer, decompressed."""


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates that are trusted, once for all clients: it takes tens of milliseconds and megabytes."""
    return httpx.create_ssl_context()


def client(timeout: float, **headers: str) -> httpx.AsyncClient:
    """Return a client that says who asks."""
    return httpx.AsyncClient(
        timeout=timeout, verify=_tls(), headers={"User-Agent": "platform-exporter", **headers}
    )


_SHOWN_BYTES = 4000
"""Most bytes of an answer that `explain` shows."""


def _shown(url: httpx.URL) -> str:
    """Write a URL without what may be a secret in it: user and query."""
    bare = url.copy_with(username=None, password=None, query=None, fragment=None)
    return f"{bare}?…" if url.query else str(bare)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the answer asks to wait, given as a number or as a date; None when it does not."""
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


async def send(
    client: httpx.AsyncClient, request: httpx.Request, *, max_body: int = MAX_BODY
) -> httpx.Response:
    """Send `request` and read the answer up to `max_body` bytes. Redirects are not followed.

    Raises:
        SourceError: no answer (dns, connect, tls, timeout), or one that is too large (parse).
    """
    try:
        with step(f"{request.method} {_shown(request.url)}", request.content.decode(errors="replace")):
            response = await client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > max_body:
                    raise SourceError("parse", f"the answer is longer than {max_body} bytes")
        finally:
            await response.aclose()
    except httpx.HTTPError as error:
        raise _failure(request, error) from error
    note(
        f"HTTP {response.status_code}, {len(body)} bytes", bytes(body[:_SHOWN_BYTES]).decode(errors="replace")
    )
    response._content = bytes(body)  # what Response.read would have done, had it a bound
    return response


def _failure(request: httpx.Request, error: httpx.HTTPError) -> SourceError:
    host = request.url.netloc.decode()
    causes = list(_causes(error))
    reason: Reason
    if isinstance(error, httpx.TimeoutException):
        return SourceError("timeout", f"{host} did not answer in time")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return SourceError(
            "dns", f"the name of {host} does not resolve", remedy="Check the host's name and the resolver."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return SourceError(
            "tls", f"no TLS with {host}: {error}", remedy="Check the certificate's name and expiry."
        )
    reason = "connect" if isinstance(error, httpx.NetworkError) else "parse"
    return SourceError(reason, f"{host}: {error or type(error).__name__}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
