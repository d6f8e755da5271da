"""Health documents of the four platforms, and what is none."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.families import Collected
from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.platform.values import Duration, Url
from exporter.sources._health_document import (
    MAX_CHECKS,
    MAX_LABEL_BYTES,
    STATES,
    Check,
    HealthDocument,
    understand,
)
from exporter.sources.health import MAX_SILENCE, Health, HealthSource
from tests.support.canned import canned, http
from tests.support.process import free_port


def read(document: Any) -> HealthDocument:
    return understand(json.dumps(document).encode())


def test_pitchey() -> None:
    document = read(
        {
            "overall": "degraded",
            "checks": {
                "worker": {"status": "healthy", "latencyMs": 3},
                "database": {
                    "status": "degraded",
                    "latencyMs": 480.5,
                    "poolStats": {"active": 4, "idle": 6, "waiting": 0},
                },
                "integration": {"status": "healthy", "services": {"redis": True, "websocket": False}},
            },
        }
    )
    assert document.status == "degraded"
    assert document.pool == {"active": 4, "idle": 6, "waiting": 0}
    assert document.checks == [
        Check("worker", "healthy", 0.003),
        Check("database", "degraded", 0.4805),
        Check("redis", "healthy"),
        Check("websocket", "unhealthy"),
        Check("integration", "healthy"),
    ]


def test_cloudgreet() -> None:
    document = read(
        {
            "success": True,
            "data": {
                "overall": "healthy",
                "checks": [
                    {"name": "database", "status": "healthy", "message": "Query time: 45ms", "duration": 45},
                    {"name": "external_apis", "status": "degraded", "duration": 1250},
                ],
                "version": "1.0.0",
                "uptime": 86400000,
                "environment": "production",
            },
        }
    )
    assert document.checks == [Check("database", "healthy", 0.045), Check("external_apis", "degraded", 1.25)]
    assert (document.version, document.environment, document.uptime_seconds) == ("1.0.0", "production", 86400)


def test_atomic_guide() -> None:
    document = read(
        {
            "status": "unhealthy",
            "services": [
                {"service": "database", "status": "healthy", "details": {"latency": 12}},
                {"service": "queues", "status": "unhealthy", "details": {"error": "no answer"}},
            ],
            "version": "unknown",
        }
    )
    assert document.status == "unhealthy"
    assert document.checks == [Check("database", "healthy", 0.012), Check("queues", "unhealthy")]


def test_word_is_bond() -> None:
    document = read({"status": "ok", "checks": {"database": "ok", "telnyx": False}})
    assert document == HealthDocument("healthy", [Check("database", "healthy"), Check("telnyx", "unhealthy")])


def test_null_says_nothing_and_the_next_key_counts() -> None:
    checks = [{"name": None, "service": "db", "status": "ok", "latencyMs": None, "details": {"latency": 12}}]
    document = read({"overall": None, "status": "ok", "checks": None, "services": checks})
    assert document == HealthDocument("healthy", [Check("db", "healthy", 0.012)])
    with pytest.raises(SourceError, match="neither `overall` nor `status`"):
        read({"overall": None, "status": None})


def test_a_word_nobody_knows_is_unknown_and_not_healthy() -> None:
    assert read({"status": "purple"}).status == "unknown"


def test_a_check_that_is_listed_twice_is_taken_once() -> None:
    document = read(
        {"status": "ok", "checks": [{"name": "a", "status": "ok"}, {"name": "a", "status": "down"}]}
    )
    assert document.checks == [Check("a", "healthy")]


def test_the_number_of_checks_is_bounded() -> None:
    document = read({"status": "ok", "checks": {f"check-{number}": "ok" for number in range(5000)}})
    assert len(document.checks) == MAX_CHECKS


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"1", b"null", b'{"ok": true}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_health_document(body: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        understand(body)
    assert caught.value.reason == "parse"
    assert caught.value.remedy


def test_names_and_versions_are_bounded_in_bytes() -> None:
    document = read(
        {
            "status": "ok",
            "version": "é" * 50_000,
            "checks": {"n" * 50_000: "ok", "\ud800" * 500: {"status": "ok", "services": {"s" * 500: True}}},
        }
    )
    names = [check.name for check in document.checks]
    assert len(names) == 3
    assert all(0 < len(text.encode()) <= MAX_LABEL_BYTES for text in [*names, document.version or ""])


def test_a_check_without_a_name_is_none() -> None:
    document = read({"status": "ok", "checks": [{"status": "ok"}, {"name": ["a"], "status": "ok"}]})
    assert document.checks == []


def value(collected: Collected, name: str, *labels: str) -> float | None:
    """Return one sample of the target `api`."""
    for family, samples in collected.families.items():
        if family.name == name:
            return samples.get(("api", *labels))
    return None


def source(url: str) -> HealthSource:
    return HealthSource("api", Health(url=Url.parse(url), timeout=Duration(10)))


async def answered(status: int, body: Any, **headers: str) -> Collected:
    """Return what comes of an answer, or raise what does."""
    async with canned(
        http(status, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)
    ) as (
        url,
        _,
    ):
        subject = source(url)
        try:
            return await subject.collect()
        except SourceError:
            down = subject.down()
            assert value(down, "probe_success") == 0
            assert value(down, "probe_http_status_code") == status
            assert value(down, "health_status", "unknown") == 1
            raise
        finally:
            await subject.close()


@pytest.mark.parametrize(
    ("status", "body", "said", "success"),
    [
        (200, {"status": "ok"}, "healthy", 1),
        (200, {"status": "SERVING"}, "healthy", 1),
        (200, {"status": "degraded"}, "degraded", 1),
        (200, {"status": "down"}, "unhealthy", 0),
        (503, {"status": "unhealthy", "services": [{"service": "db", "status": "down"}]}, "unhealthy", 0),
        (500, {"data": {"overall": "unhealthy"}}, "unhealthy", 0),
        (503, {"status": "degraded"}, "degraded", 1),
    ],
)
async def test_documents_that_count(status: int, body: Any, said: str, success: int) -> None:
    collected = await answered(status, body)
    assert value(collected, "probe_success") == success
    assert value(collected, "probe_http_status_code") == status
    assert [word for word in STATES if value(collected, "health_status", word) == 1] == [said]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, {"status": 500, "error": "Internal Server Error", "path": "/health"}, "http_status"),
        (404, {"status": 404, "title": "Not Found"}, "http_status"),
        (404, {"status": "not found"}, "http_status"),
        (500, {"status": "ok"}, "http_status"),
        (302, {"status": "ok"}, "http_status"),
        (502, b"<html>", "http_status"),
        (401, {"status": "unauthorized"}, "auth"),
        (403, {"status": "error"}, "auth"),
        (429, {"status": 429}, "rate_limited"),
        (429, {"status": "error"}, "rate_limited"),
        (200, b"<html>", "parse"),
        (200, {"status": "purple"}, "parse"),
        (200, {"status": "unknown", "checks": {"db": "ok"}}, "parse"),
        (200, {"status": 500}, "parse"),
        (200, {"status": 200}, "parse"),
        (200, {"status": None}, "parse"),
        (200, {"overall": {"status": "ok"}}, "parse"),
        (200, {"data": {"overall": ""}}, "parse"),
        (200, {"ok": True}, "parse"),
    ],
)
async def test_an_http_error_or_a_word_nobody_knows_is_a_failure_whatever_else_is_said(
    status: int, body: Any, reason: str
) -> None:
    with pytest.raises(SourceError) as caught:
        await answered(status, body, Retry_After="20")
    assert caught.value.reason == reason
    assert caught.value.remedy
    if status >= 400:
        assert caught.value.retry_after == 20


async def test_an_unhealthy_endpoint_is_asked_again_when_it_wants_to_be() -> None:
    """Until then what it said grows old, as what is not asked does."""
    for wait, requests in (("60", 1), ("0", 2), ("Mon, 01 Jan 2001 00:00:00 GMT", 2)):
        async with canned(http(503, b'{"status": "unhealthy"}', Retry_After=wait)) as (url, asked):
            runner = Runner(source(url), 100, lambda: None, lambda *_: None)
            await runner.collect()
            succeeded, data = runner.last_success, runner.data
            await runner.collect()
            assert runner.error is None
            assert value(runner.data, "health_status", "unhealthy") == 1
            assert len(asked) == requests
            assert (runner.last_success == succeeded) == (runner.data is data) == (requests == 1)
            silence = MAX_SILENCE if requests == 1 else 1
            assert runner._wait(time.monotonic()) == pytest.approx(silence * runner.source.every, abs=10)
            await runner.source.close()


async def test_without_an_answer_the_status_is_0() -> None:
    subject = source(f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(SourceError):
        await subject.collect()
    assert value(subject.down(), "probe_http_status_code") == 0
    await subject.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["overall", "status", "checks", "services", "data", "details", "latency", "poolStats", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_any_json_is_either_understood_or_refused(document: Any) -> None:
    with suppress(SourceError):
        understood = read(document)
        assert understood.status in STATES
        assert all(check.status in STATES for check in understood.checks)
