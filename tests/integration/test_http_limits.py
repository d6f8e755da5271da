"""The exporter as a process under clients that are slow, many or odd; what it answers and what it logs."""

import asyncio
import gzip
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.web import Served, served
from tests.support.certificates import Authority
from tests.support.process import quickest, wait_until
from tests.support.sockets import connected

GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_hundred_dribblers_hold_no_scrape_up_and_are_left(tmp_path: Path) -> None:
    with served(tmp_path, None) as exporter:
        async with AsyncExitStack() as stack:
            slow = [await stack.enter_async_context(connected(exporter.port)) for _ in range(100)]
            started = time.monotonic()

            async def dribble() -> None:
                while True:
                    for client in slow:
                        if not client.writer.is_closing():
                            client.writer.write(b"G" if time.monotonic() - started < 0.5 else b"E")
                    await asyncio.sleep(0.5)

            dribbling = asyncio.create_task(dribble())
            scraper = await stack.enter_async_context(connected(exporter.port))
            took = []
            while time.monotonic() - started < 4:
                at = time.monotonic()
                await scraper.say(GET)
                assert (await scraper.answer())[0] == 200
                took.append(time.monotonic() - at)
                await asyncio.sleep(0.05)
            assert max(took) < 3, "those who dribble are waited for 5 s"
            await asyncio.gather(*(client.closed(60) for client in slow))
            assert time.monotonic() - started < 20
            dribbling.cancel()
            await scraper.say(GET)
            assert (await scraper.answer())[0] == 200


async def test_silence_is_left_with_and_without_tls(tmp_path: Path) -> None:
    Authority(tmp_path).issue("server", "127.0.0.1")
    (tmp_path / "plain").mkdir()
    certified = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
    with served(tmp_path, certified) as secure, served(tmp_path / "plain", None) as plain:
        async with (
            connected(secure.port) as one,
            connected(secure.port) as half,
            connected(plain.port) as other,
        ):
            started = time.monotonic()
            await half.say(b"\x16\x03\x01\x02\x00\x01")
            assert list(await asyncio.gather(one.closed(60), half.closed(60), other.closed(60))) == [
                b"",
                b"",
                b"",
            ]
            assert 4 < time.monotonic() - started < 20


async def test_beyond_the_cap_is_answered_503_and_a_scraper_keeps_its_connection(tmp_path: Path) -> None:
    with served(tmp_path, None) as exporter:
        async with AsyncExitStack() as stack:
            scraper = await stack.enter_async_context(connected(exporter.port))
            crowd = [await stack.enter_async_context(connected(exporter.port)) for _ in range(511)]
            late = await stack.enter_async_context(connected(exporter.port))
            await late.say(GET)
            status, headers, _ = await late.answer()
            assert (status, headers["connection"]) == (503, "close")
            await scraper.say(GET)
            assert (await scraper.answer())[0] == 200
            await asyncio.gather(*(client.closed(60) for client in crowd))
            again = await stack.enter_async_context(connected(exporter.port))
            await again.say(GET)
            assert (await again.answer())[0] == 200


@pytest.mark.parametrize("secure", [False, True])
def test_sigterm_ends_it_within_a_second_with_idle_clients(tmp_path: Path, secure: bool) -> None:
    authority = Authority(tmp_path)
    authority.issue("server", "127.0.0.1")
    web = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n" if secure else None

    def ended() -> float:
        """Return the seconds that the end took. A process that took too long for its own taste says no "stopped"."""
        (log := tmp_path / "log").unlink(missing_ok=True)
        with served(tmp_path, web) as exporter:
            with exporter.client(trust=authority.file if secure else None) as client:
                assert client.get("/metrics").status_code == 200
                started = time.monotonic()
                os.kill(exporter.pid, signal.SIGTERM)
                assert exporter.process.wait(30) == 0
                took = time.monotonic() - started
            assert "Traceback" not in log.read_text()
            return took if exporter.lines("stopped") else math.inf

    assert quickest(1, ended) < 1


def test_one_line_a_request_with_its_id(tmp_path: Path) -> None:
    with served(tmp_path, None) as exporter, exporter.client() as client:
        began = time.monotonic()
        mine = client.get("/nowhere?q=1", headers={"X-Request-Id": "scrape-1.a_B"})
        took = time.monotonic() - began
        assert mine.headers["x-request-id"] == "scrape-1.a_B"
        for odd in ("has space", "x" * 65, '"', ""):
            made = client.get("/nowhere", headers={"X-Request-Id": odd}).headers["x-request-id"]
            assert made != odd
            assert len(made) == 16
        for quiet in ("/metrics", "/-/healthy", "/-/ready"):
            assert client.get(quiet).headers["x-request-id"]
        client.post("/metrics")

        def requests() -> list[dict[str, Any]]:
            # a source that was not asked yet makes /-/ready a failure, and that is logged
            return [line for line in exporter.lines("http.request") if line["path"] != "/-/ready"]

        lines = wait_until(lambda: len(requests()) == 6 and requests(), 30, "the lines", log=exporter.log)
        assert lines
        assert lines[0].items() >= {
            "level": "info", "service": "platform-exporter", "action": "http.request", "request_id": "scrape-1.a_B",
            "method": "GET", "path": "/nowhere", "status": 404, "client": "127.0.0.1",
        }.items()  # fmt: skip
        assert 0 < lines[0]["duration_seconds"] < took
        assert lines[5].items() >= {"path": "/metrics", "method": "POST", "status": 405}.items()
        assert [line["path"] for line in lines if line["status"] < 400] == []


def test_successful_scrapes_are_logged_at_debug(tmp_path: Path) -> None:
    with served(tmp_path, None, "--log.level", "debug") as exporter, exporter.client() as client:
        client.get("/metrics")
        line = exporter.wait_line("http.request")
        assert (line["level"], line["path"], line["status"]) == ("debug", "/metrics", 200)


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, None) as running:
        yield running


def test_families_by_name_and_head(exporter: Served) -> None:
    with exporter.client() as client:
        names = {"name[]": ["platform_exporter_build_info", "process_cpu_seconds_total", "nothing_total"]}
        answer = client.get("/metrics", params=names)
        found = {
            sample.name for family in text_string_to_metric_families(answer.text) for sample in family.samples
        }
        assert found == {"platform_exporter_build_info", "process_cpu_seconds_total"}
        assert answer.headers["content-encoding"] == "gzip"
        openmetrics = client.get(
            "/metrics",
            params=names,
            headers={"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "identity"},
        )
        assert openmetrics.text.startswith("# HELP platform_exporter_build_info ")
        assert "# TYPE process_cpu_seconds counter\n" in openmetrics.text
        assert openmetrics.text.endswith("# EOF\n")
        assert client.get("/metrics", params={"name[]": ["a"] * 65}).status_code == 400
        for headers in ({}, {"Accept-Encoding": "identity"}):
            whole, head = client.get("/metrics", headers=headers), client.head("/metrics", headers=headers)
            assert head.content == b""
            assert whole.status_code == head.status_code == 200
            assert head.headers.keys() == whole.headers.keys()
            assert int(head.headers["content-length"]) > 1000
        refused = client.post("/metrics")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_a_scrape_is_one_generation(exporter: Served) -> None:
    async with connected(exporter.port) as client:
        await client.say(GET.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\n\r\n") * 20)
        for _ in range(20):
            status, headers, body = await client.answer()
            assert status == 200
            assert headers["vary"] == "Accept, Accept-Encoding"
            assert b"platform_exporter_build_info" in gzip.decompress(body)


def test_nobody_reloads_over_http_unless_that_is_enabled(exporter: Served) -> None:
    with exporter.client() as client:
        answer = client.post("/-/reload")
        assert answer.status_code == 403
        assert "--web.enable-lifecycle" in answer.text
        os.kill(exporter.pid, signal.SIGHUP)
        exporter.wait_line("reload.done")


async def test_no_redirect_is_made_of_the_host_header(exporter: Served) -> None:
    async with connected(exporter.port) as client:
        for path in (b"/api/v1/sources/", b"/-/healthy/", b"//metrics"):
            await client.say(b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            status, headers, _ = await client.answer()
            assert status == 404
            assert "location" not in headers


def test_sources_as_json(exporter: Served) -> None:
    with exporter.client() as client:
        wait_until(lambda: client.get("/-/ready").is_success, 60, "the first collection")
        answer = client.get("/api/v1/sources")
        assert answer.headers["cache-control"] == "no-store"
        (source,) = json.loads(answer.text)["sources"]
        assert source.items() >= {
            "name": "health.gone", "interval_seconds": 0.5, "age_seconds": None, "series": 0, "state": "stale",
        }.items()  # fmt: skip
        assert source["error"]["reason"] == "connect"
        assert source["failures"]["connect"] >= 1
