"""Limits of one connection and of all: sizes, times, the cap, and how the listener ends. Real sockets, short times."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from exporter.server import listener as listener_module
from exporter.server import protocol
from exporter.server.listener import Listener
from exporter.server.seats import Seats
from exporter.server.webfile import WebFile
from tests.support.process import free_port
from tests.support.sockets import Client, connected

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 1.2)
    monkeypatch.setattr(protocol, "WRITE_SECONDS", 0.3)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body; /slow takes three seconds, /long ten, /large is 64 MiB, /early reads none."""
    length, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    await asyncio.sleep({"/slow": 3, "/long": 10}.get(scope["path"], 0))
    body = bytes(64 << 20) if scope["path"] == "/large" else str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def listening(most: int = 100) -> AsyncIterator[int]:
    listener, port = Listener(echo, WebFile(None), Seats(most)), free_port()
    listener.open("127.0.0.1", port)
    listener.start()
    try:
        yield port
    finally:
        await listener.close()


async def test_an_ordinary_request_keeps_its_connection() -> None:
    async with listening() as port, connected(port) as client:
        for _ in range(3):
            await client.say(GET)
            status, headers, body = await client.answer()
            assert (status, body) == (200, b"0")
            assert "date" in headers
            await asyncio.sleep(1.2)  # longer than a head may take: an idle connection is not a slow one
        await client.say(GET * 5)
        assert [(await client.answer())[0] for _ in range(5)] == [200] * 5


async def test_a_connection_outlives_the_pauses_of_a_scraper_that_seldom_comes() -> None:
    """A scraper is known by its connection, which Prometheus itself closes after five idle minutes."""
    listener, port = Listener(echo, WebFile(None)), free_port()
    listener.open("127.0.0.1", port)
    listener.start()
    try:
        async with connected(port) as client:
            await client.say(GET)
            assert (await client.answer())[0] == 200
            [connection] = listener._state.connections
            assert isinstance(connection, protocol.GuardedProtocol)
            closing = connection.timeout_keep_alive_task
            assert closing is not None
            assert closing.when() - asyncio.get_running_loop().time() > 300
    finally:
        await listener.close()


async def test_only_http_1_0_may_leave_the_host_out() -> None:
    async with listening() as port, connected(port) as client:
        await client.say(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.answer())[0] == 200
    async with listening() as port, connected(port) as client:
        await client.say(GET + b"GET / HTTP/1.1\r\n\r\n")
        heard = await client.closed()
        assert b" 200 " not in heard[20:]


async def test_a_body_may_come_in_parts() -> None:
    async with listening() as port, connected(port) as client:
        await client.say(POST + b"Content-Length: 4\r\n\r\nab")
        await asyncio.sleep(0.1)
        await client.say(b"cd")
        assert (await client.answer())[2] == b"4"
        await asyncio.sleep(1.4)
        await client.say(GET)
        assert (await client.answer())[0] == 200


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 17000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 17000, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (POST + b"Content-Length: 65537\r\n\r\n", 413),
        (POST + b"Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n", 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"c001\r\n"
         + b"x" * 0xC001, 413),
        (POST + b"Content-Length: ten\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408),
        (POST + b"Content-Length: 2\r\n\r\na", 408),
    ],
)  # fmt: skip
async def test_what_is_too_large_or_too_slow_is_told_so_and_left(said: bytes, status: int) -> None:
    async with listening() as port, connected(port) as client:
        await client.say(said)
        code, headers, _ = await client.answer()
        assert code == status
        assert headers["connection"] == "close"
        assert headers["x-request-id"]
        assert await client.closed() == b""


@asynccontextmanager
async def dribbling(client: Client, drop: bytes) -> AsyncIterator[None]:
    async def dribble() -> None:
        while True:
            await client.say(drop)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(dribble())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n"),
        (b"GET /", b"x"),
        (b"", b"\r\n"),
        (GET, b"\r\n"),
        (POST + b"Content-Length: 60000\r\n\r\n", b"x"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b"x"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", b"x"),
        (GET + b"GET", b" "),
    ],
)
async def test_who_dribbles_is_left_in_time(first: bytes, drop: bytes) -> None:
    async with listening() as port, connected(port) as client:
        await client.say(first)
        async with dribbling(client, drop):
            started = time.monotonic()
            await client.closed()
            assert time.monotonic() - started < 10, "time-out, and lingering for a second"


async def test_who_does_not_read_is_left_in_time() -> None:
    async with listening() as port, connected(port) as client:
        await client.say(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1)
        said = await client.closed()
        assert len(said) < 64 << 20


async def test_beyond_the_cap_there_is_an_answer_and_who_is_in_is_served() -> None:
    async with listening(2) as port, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(port)) for _ in range(2)]
        for client in clients:
            await client.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        late = await stack.enter_async_context(connected(port))
        await late.say(GET)
        status, headers, _ = await late.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        for client in clients:
            assert (await client.answer())[0] == 200
        await asyncio.sleep(0.1)
        welcome = await stack.enter_async_context(connected(port))
        await welcome.say(GET)
        assert (await welcome.answer())[0] == 200, "an idle connection gave way"
        assert await clients[0].closed() == b""


async def test_a_crowd_beyond_the_cap_is_answered_too() -> None:
    async with listening(1) as port, AsyncExitStack() as stack:
        first = await stack.enter_async_context(connected(port))
        await first.say(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        crowd = [await stack.enter_async_context(connected(port)) for _ in range(150)]
        for client in crowd:
            await client.say(GET)
        answers = await asyncio.gather(*(client.answer() for client in crowd))
        assert {status for status, _, _ in answers} == {503}


async def test_the_end_waits_for_answers_and_not_for_idlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "_DRAIN_SECONDS", 60)
    listener, port = Listener(echo, WebFile(None)), free_port()
    listener.open("127.0.0.1", port)
    listener.start()
    async with connected(port) as idle, connected(port) as half, connected(port) as running:
        await idle.say(GET)
        assert (await idle.answer())[0] == 200
        await half.say(b"GET / HT")
        await running.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        started = time.monotonic()
        closing = asyncio.create_task(listener.close())
        assert await idle.closed() == b""
        assert await half.closed() == b""
        assert not closing.done()
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await asyncio.open_connection("127.0.0.1", port)
        status, headers, _ = await running.answer()
        assert (status, headers["connection"]) == (200, "close")
        await closing
        assert time.monotonic() - started < 30


async def test_the_end_comes_within_a_second_whoever_hangs_on() -> None:
    took = []
    for _ in range(3):  # a machine that is busy with something else only adds
        listener, port = Listener(echo, WebFile(None)), free_port()
        listener.open("127.0.0.1", port)
        listener.start()
        async with connected(port) as greedy, connected(port) as waiting:
            await greedy.say(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await waiting.say(POST + b"Content-Length: 5\r\n\r\n")
            await asyncio.sleep(0.05)
            started = time.monotonic()
            await listener.close()
            took.append(time.monotonic() - started)
            await waiting.closed()
    assert min(took) < 1
