"""The answer to /metrics, as ASGI messages. Headers and bodies of a snapshot are prepared once and sent many times:
those with gzip with the snapshot, plain ones when somebody asks for them, for all who ask meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache

from starlette.types import Message, Scope

from exporter.engine.engine import Engine
from exporter.engine.exposition import OPENMETRICS, TEXT
from exporter.engine.packing import packed
from exporter.engine.snapshot import Snapshot
from exporter.server.negotiate import wants_gzip, wants_openmetrics
from exporter.server.selection import BadSelectionError, Index, names

Headers = list[tuple[bytes, bytes]]
Answer = tuple[Headers, bytes]
Send = Callable[[Message], Awaitable[None]]

_IN_A_THREAD = 256 * 1024
"""A selection of more bytes is compressed off the event loop."""

_MANY_SERIES = 10_000
"""The plain body of more series is unpacked off the event loop: that takes more than two milliseconds."""


@lru_cache(maxsize=64)
def _variant(accept: bytes, accept_encoding: bytes) -> tuple[bool, bool]:
    return wants_openmetrics(accept.decode("latin-1")), wants_gzip(accept_encoding.decode("latin-1"))


def _headers(length: int, *, openmetrics: bool, gzip: bool) -> Headers:
    headers = [
        (b"content-type", (OPENMETRICS if openmetrics else TEXT).encode()),
        (b"content-length", str(length).encode()),
        (b"vary", b"Accept, Accept-Encoding"),
    ]
    if gzip:
        headers.append((b"content-encoding", b"gzip"))
    return headers


class Metrics:
    """Answers for /metrics of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._snapshot: Snapshot | None = None
        self._answers: dict[tuple[bool, bool], Answer] = {}
        self._joining: dict[bool, asyncio.Task[Answer]] = {}
        self._indexes: dict[bool, Index] = {}

    async def answer(
        self, scope: Scope, accept: bytes, accept_encoding: bytes, more: Headers, send: Send
    ) -> int:
        """Answer a request with the headers in `more` added; return the status."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            return await plain(send, 405, b"Use GET.\n", [*more, (b"allow", b"GET, HEAD")])
        if (snapshot := self._engine.snapshot) is not self._snapshot:
            self._prepare(snapshot)
        variant = _variant(accept, accept_encoding)
        if scope["query_string"]:
            try:
                wanted = names(scope["query_string"])
            except BadSelectionError as error:
                return await plain(send, 400, f"{error}\n".encode(), more)
        else:
            wanted = []
        headers, body = await (self._selection(wanted, variant) if wanted else self._whole(variant))
        if method == "GET":
            self._engine.scheduler.scraped(scope["client"], whole=not wanted)
        await send({"type": "http.response.start", "status": 200, "headers": headers + more})
        await send({"type": "http.response.body", "body": body})
        return 200

    def _prepare(self, snapshot: Snapshot) -> None:
        self._snapshot, self._indexes, self._joining = snapshot, {}, {}
        self._answers = {
            (openmetrics, True): (_headers(len(body), openmetrics=openmetrics, gzip=True), body)
            for openmetrics, body in ((False, snapshot.text_gzip), (True, snapshot.openmetrics_gzip))
        }

    async def _whole(self, variant: tuple[bool, bool]) -> Answer:
        """Return the answer with all families; unpack a plain one when it is asked for first.

        Whoever asks while that is under way waits for the same bytes: each would hold a body of its own otherwise.
        """
        if (answer := self._answers.get(variant)) is not None:
            return answer
        snapshot, (openmetrics, _) = self._engine.snapshot, variant
        if snapshot.series <= _MANY_SERIES or openmetrics in snapshot.plain:
            answer = self._answers[variant] = _plain(snapshot, openmetrics)
            return answer
        if (joining := self._joining.get(openmetrics)) is None:
            joining = asyncio.create_task(asyncio.to_thread(_plain, snapshot, openmetrics))
            self._joining[openmetrics] = joining
        return await asyncio.shield(joining)  # a client that leaves takes it from nobody

    async def _selection(self, wanted: list[bytes], variant: tuple[bool, bool]) -> Answer:
        openmetrics, gzip = variant
        if (index := self._indexes.get(openmetrics)) is None:
            indexes, (_, whole) = self._indexes, await self._whole((openmetrics, False))
            if (index := indexes.get(openmetrics)) is None:  # nobody else made it meanwhile
                index = indexes[openmetrics] = Index(whole, openmetrics=openmetrics)
        body = index.select(wanted)
        if gzip:
            large = len(body) > _IN_A_THREAD
            body = await asyncio.to_thread(packed, body) if large else packed(body)
        return _headers(len(body), openmetrics=openmetrics, gzip=gzip), body


def _plain(snapshot: Snapshot, openmetrics: bool) -> Answer:
    body = snapshot.body(openmetrics=openmetrics)
    return _headers(len(body), openmetrics=openmetrics, gzip=False), body


async def plain(send: Send, status: int, body: bytes, more: Headers) -> int:
    """Send a short answer in plain text; return its status."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status
