"""Every request becomes one Worker invocation, however it ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.demo.limiter import WindowLimiter
from exporter.demo.world import invocations
from exporter.demo.world.invocations import Invocation, InvocationLog, Recorder
from exporter.demo.world.product import script_of


async def fine(request: Request) -> Response:
    request.scope["subrequests"] += 2
    return PlainTextResponse("fine")


async def broken(request: Request) -> Response:
    raise ConnectionError("no database")


async def stuck(request: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("too late")


def client(log: InvocationLog) -> httpx.AsyncClient:
    routes = [
        Route(path, handler)
        for path, handler in (("/api/x", fine), ("/webhooks/x", broken), ("/api/y", stuck))
    ]
    app = Recorder(
        Starlette(routes=[*routes, Route("/demo/x", lambda _: PlainTextResponse("switch"))]), log, script_of
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


@pytest.mark.parametrize(
    ("path", "code", "script", "status", "subrequests"),
    [
        ("/api/x", 200, "demo-api", "success", 2),
        ("/webhooks/x", 500, "demo-webhooks", "scriptThrewException", 0),
        ("/api/y", 503, "demo-api", "exceededResources", 0),
        ("/api/nowhere", 404, "demo-api", "success", 0),
    ],
)
async def test_a_request_is_recorded_with_its_outcome(
    monkeypatch: pytest.MonkeyPatch, path: str, code: int, script: str, status: str, subrequests: int
) -> None:
    if status == "exceededResources":
        monkeypatch.setattr(invocations, "DEADLINE_SECONDS", 0.05)
    log = InvocationLog()
    async with client(log) as api:
        response = await api.get(path, headers={"cf-ray": "8f0-LHR"})
    assert response.status_code == code
    (found,) = log.since(None)
    assert (found.script, found.status, found.subrequests, found.colo) == (script, status, subrequests, "LHR")
    assert found.response_bytes == len(response.content)
    assert 0 < found.cpu_us <= found.wall_us
    assert found.started.microsecond == 0


async def test_the_demos_own_switches_are_no_invocations() -> None:
    log = InvocationLog()
    async with client(log) as api:
        assert (await api.get("/demo/x")).text == "switch"
    assert len(log) == 0


def test_the_log_forgets_the_oldest_and_finds_what_began_since() -> None:
    now = datetime(2026, 11, 20, 10, tzinfo=UTC)
    log = InvocationLog(kept=10)
    for second in range(20):
        log.add(Invocation(now + timedelta(seconds=second), "s", "success", "FRA", 1, 1, 1, 0))
    assert len(log) == 10
    assert {item.started.second for item in log.since(now + timedelta(seconds=17))} == {17, 18, 19}


def test_a_window_limiter_allows_again_when_the_window_has_moved_on() -> None:
    limiter = WindowLimiter(2, 10.0)
    assert [limiter.allow(moment) for moment in (0.0, 1.0, 2.0, 9.9, 10.0, 10.5, 11.0)] == [
        True, True, False, False, True, False, True,
    ]  # fmt: skip
