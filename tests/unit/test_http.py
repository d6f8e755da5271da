"""Reading answers of servers that lie: compressed bombs, cut bodies, other protocols."""

import asyncio
import gzip
import time
import tracemalloc
import zlib

import httpx
import pytest

from exporter.engine.source import SourceError
from exporter.sources._http import MAX_BODY, client, send
from tests.support.canned import canned, http

ZEROS = bytes(1 << 20)


def bomb(megabytes: int, times: int = 1) -> bytes:
    """Return this much of nothing, compressed so many times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(ZEROS) for _ in range(megabytes)) + packer.flush()
    return packed if times == 1 else gzip.compress(packed)


async def ask(answer: bytes, max_body: int = MAX_BODY) -> httpx.Response:
    async with canned(answer) as (url, asked), client(10) as asking:
        response = await send(asking, asking.build_request("GET", url), max_body=max_body)
        assert b"\r\nAccept-Encoding: gzip\r\n" in asked[0]
        return response


async def refused(answer: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await ask(answer)
    return caught.value


async def test_a_compressed_answer_is_read() -> None:
    text = b'{"status": "ok"}' * 30_000
    for coding in ("gzip", "x-gzip", "GZIP"):
        response = await ask(http(200, gzip.compress(text), Content_Encoding=coding))
        assert response.content == text
    assert (await ask(http(204, b"", Content_Encoding="gzip"))).content == b""


async def test_a_compressed_answer_may_have_many_members() -> None:
    texts = [b"", b'{"status": "ok", "checks": [', b"", b"x" * 100_000, b"]}"]
    packed = b"".join(gzip.compress(text) for text in texts)
    assert (await ask(http(200, packed, Content_Encoding="gzip"))).content == b"".join(texts)
    assert "ends too early" in str(await refused(http(200, packed[:-9], Content_Encoding="gzip")))
    assert "no gzip" in str(await refused(http(200, packed + b"more", Content_Encoding="gzip")))
    many = gzip.compress(bytes(1 << 10)) * 1025
    assert f"longer than {MAX_BODY} bytes" in str(await refused(http(200, many, Content_Encoding="gzip")))


async def test_a_connection_that_was_idle_is_not_used_again() -> None:
    # Servers end idle connections: one that does so as the next request arrives has not failed.
    ended = asyncio.Semaphore(0)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(200, b"ok"))
        await reader.read(1)
        writer.close()
        ended.release()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        async with client(10) as asking:
            for wait in (0.7, 0):
                assert (await send(asking, asking.build_request("GET", url))).content == b"ok"
                await asyncio.sleep(wait)
        for _ in range(2):
            await ended.acquire()


async def test_an_answer_may_be_as_long_as_the_bound_and_no_longer() -> None:
    for size in (1000, 65_535, 65_536, 65_537, 200_000):
        for body, headers in ((bytes(size), {}), (gzip.compress(bytes(size)), {"Content_Encoding": "gzip"})):
            assert len((await ask(http(200, body, **headers), max_body=size)).content) == size
            with pytest.raises(SourceError, match=f"longer than {size - 1} bytes"):
                await ask(http(200, body, **headers), max_body=size - 1)


@pytest.mark.parametrize(("times", "coding"), [(1, "gzip"), (2, "gzip, gzip"), (2, "gzip"), (1, "br")])
async def test_a_bomb_takes_neither_memory_nor_the_loop(times: int, coding: str) -> None:
    answer = http(200, bomb(64, times), Content_Encoding=coding)
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.thread_time()  # what other processes take does not count
            await asyncio.sleep(0)
            stalls.append(time.thread_time() - before)

    watching = asyncio.create_task(watch())
    tracemalloc.start()
    try:
        if (times, coding) == (2, "gzip"):
            assert len((await ask(answer)).content) < MAX_BODY
        else:
            error = await refused(answer)
            assert error.reason == "parse"
        assert tracemalloc.get_traced_memory()[1] < 5 * MAX_BODY
    finally:
        tracemalloc.stop()
        watching.cancel()
    assert max(stalls) < 0.5


async def test_what_never_grows_is_bounded_too() -> None:
    head = zlib.compressobj(0, zlib.DEFLATED, 31).flush(zlib.Z_FULL_FLUSH)
    empty_block = b"\0\0\0\xff\xff"
    error = await refused(http(200, head + empty_block * (MAX_BODY // 5 + 1), Content_Encoding="gzip"))
    assert (error.reason, str(error)) == ("parse", f"the answer is longer than {MAX_BODY} bytes")


async def test_broken_compression_is_told_as_such() -> None:
    packed = gzip.compress(bytes(range(256)) * 100)
    assert "no gzip" in str(await refused(http(200, b"plain", Content_Encoding="gzip")))
    assert "ends too early" in str(await refused(http(200, packed[:-4], Content_Encoding="gzip")))
    nested = await refused(http(503, packed, Content_Encoding="gzip, gzip", Retry_After="7"))
    assert "'gzip, gzip', which was not asked for" in str(nested)
    assert nested.remedy
    assert nested.retry_after == 7


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", http(200, b"abc").replace(b"th: 3", b"th: 1000")])
async def test_a_connection_that_is_cut_is_no_connection(answer: bytes) -> None:
    error = await refused(answer)
    assert error.reason == "connect"
    assert "closed the connection before its answer was whole" in str(error)


async def test_what_is_not_http_is_not_shown() -> None:
    error = await refused(b"\x00\xff\xfe canary\r\n\r\n" * 100)
    assert error.reason == "parse"
    assert "is not HTTP" in str(error)
    assert "canary" not in str(error)
