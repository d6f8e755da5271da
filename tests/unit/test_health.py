"""Health documents of the four platforms, and what is none."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.source import SourceError
from exporter.sources.health import MAX_CHECKS, STATES, Check, HealthDocument, understand


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
