"""The Workers source against the stand-in of Cloudflare's GraphQL API, which refuses what Cloudflare refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from exporter.demo.cloudflare.api import CloudflareAnalytics
from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import ACCOUNT_TAG, CLOUDFLARE_PATH, CLOUDFLARE_TOKEN
from exporter.demo.world.invocations import Invocation, InvocationLog
from exporter.engine.families import Collected, Family
from exporter.engine.source import SourceError
from exporter.engine.state import MemoryStore
from exporter.platform.values import Duration, Secret
from exporter.sources.cloudflare import client as client_module
from exporter.sources.cloudflare import workers
from exporter.sources.cloudflare.client import GraphqlClient
from exporter.sources.cloudflare.workers import Workers, WorkersSource

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


class Clock:
    """Stands for the time module of the client; the stand-in's answers have no Date here."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def time(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setenv("CF_TOKEN", CLOUDFLARE_TOKEN)
    clock = Clock()
    monkeypatch.setattr(client_module, "time", clock)
    return clock


def source(
    log: InvocationLog, account: str = ACCOUNT_TAG, limit: int = 300, scripts: tuple[str, ...] = ()
) -> WorkersSource:
    client = GraphqlClient(
        f"http://cloudflare.example{CLOUDFLARE_PATH}", Secret("env", "CF_TOKEN"), timeout=5
    )
    standin = Starlette(routes=list(CloudflareAnalytics(log, WindowLimiter(limit, 300)).routes()))
    client._client = httpx.AsyncClient(transport=httpx.ASGITransport(standin))
    config = Workers(scripts=list(scripts), every=Duration(60), lag=Duration(60))
    return WorkersSource(account, client, config)


def invocation(
    at: datetime, script: str = "api", status: str = "success", wall_us: int = 20_000
) -> Invocation:
    return Invocation(at, script, status, "AMS", wall_us, 4_000, 512, 2)


def values(collected: Collected, family: Family) -> dict[tuple[str, ...], float]:
    return collected.families.get(family, {})


async def test_sums_become_counters_and_quantiles_gauges(clock: Clock) -> None:
    log = InvocationLog()
    minute = clock.now.replace(second=0)
    clock.now = minute + timedelta(minutes=2)
    for second in range(60):
        log.add(invocation(minute + timedelta(seconds=second), wall_us=(second + 1) * 1000))
    log.add(invocation(minute + timedelta(seconds=30), status="scriptThrewException", wall_us=1000))
    subject = source(log)
    first = await subject.collect()
    assert values(first, workers.REQUESTS) == {("api", "success"): 60.0, ("api", "scriptThrewException"): 1.0}
    assert values(first, workers.ERRORS)["api", "scriptThrewException"] == 1.0
    assert values(first, workers.CPU)["api", "success"] == pytest.approx(60 * 0.004)
    assert values(first, workers.WALL_TIME)["api", "0.5"] == pytest.approx(0.030, abs=0.002)
    assert values(first, workers.WINDOW_END) == {("workers",): (minute + timedelta(minutes=1)).timestamp()}


async def test_quantiles_are_there_after_a_restart_before_the_next_window_is_complete(clock: Clock) -> None:
    """Those of the window that was counted last, whoever counted it; and they are asked for once."""
    log, store = InvocationLog(), MemoryStore()
    minute = clock.now.replace(second=0)
    log.add(invocation(minute, wall_us=10_000))
    log.add(invocation(minute + timedelta(minutes=1), wall_us=20_000))
    before, after, latest = (source(log, limit=limit) for limit in (2, 1, 1))
    for subject in (before, after, latest):
        subject.keep_in(store)
    clock.now = minute + timedelta(minutes=2)
    known = await before.collect()
    assert values(known, workers.WALL_TIME)["api", "0.5"] == pytest.approx(0.010)
    for _ in range(3):
        assert (await after.collect()).families == known.families
    clock.now += timedelta(minutes=1)
    known = await latest.collect()
    assert values(known, workers.WALL_TIME)["api", "0.5"] == pytest.approx(0.020)
    again = await before.collect()  # it led before, and finds that another one counted
    assert again.families == known.families


async def test_no_invocation_is_counted_twice_or_forgotten(clock: Clock) -> None:
    log, subject = InvocationLog(), None
    begin = clock.now.replace(second=0)
    subject = source(log)
    clock.now = begin + timedelta(seconds=60)
    await subject.collect()  # sets the cursor: windows begin at the minute
    for second in range(0, 600, 7):
        log.add(invocation(begin + timedelta(seconds=second)))
    last: dict[tuple[str, ...], float] = {}
    for seconds in (61, 90, 130, 131, 400, 399, 660, 700):
        clock.now = begin + timedelta(seconds=seconds)
        last = values(await subject.collect(), workers.REQUESTS)
    assert last == {("api", "success"): float(len(range(0, 600, 7)))}


async def test_a_clock_that_is_ahead_at_the_start_skips_nothing(clock: Clock) -> None:
    log, store = InvocationLog(), MemoryStore()
    before, after = source(log), source(log)
    for subject in (before, after):
        subject.keep_in(store)
    begin = clock.now.replace(second=0)
    clock.now = begin + timedelta(minutes=1)
    await before.collect()
    log.add(invocation(begin + timedelta(seconds=30)))
    clock.now = begin + timedelta(seconds=workers.KEEPS, days=1)  # the first request is by this one
    assert values(await after.collect(), workers.REQUESTS) == {("api", "success"): 1.0}


async def test_series_of_named_scripts_begin_at_zero(clock: Clock) -> None:
    subject = source(InvocationLog(), scripts=("api", "webhooks"))
    collected = await subject.collect()
    assert values(collected, workers.REQUESTS)["webhooks", "success"] == 0.0
    assert values(collected, workers.ERRORS)["api", "scriptThrewException"] == 0.0


async def test_scripts_that_are_not_named_are_left_out(clock: Clock) -> None:
    log, minute = InvocationLog(), clock.now.replace(second=0)
    clock.now = minute + timedelta(minutes=2)
    log.add(invocation(minute, "api"))
    log.add(invocation(minute, "other"))
    collected = await source(log, scripts=("api",)).collect()
    assert {script for script, _ in values(collected, workers.REQUESTS)} == {"api"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"account": "f" * 32}, "permission"),
        ({"limit": 0}, "rate_limited"),
        ({"token": "wrong-canary"}, "auth"),
    ],
)
async def test_refusals_are_told_apart(
    fault: dict[str, Any], reason: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if token := fault.pop("token", None):
        monkeypatch.setenv("CF_TOKEN", token)
    with pytest.raises(SourceError) as caught:
        await source(InvocationLog(), **fault).collect()
    assert caught.value.reason == reason
    assert caught.value.remedy
    assert "canary" not in str(caught.value)
    if reason == "rate_limited":
        assert caught.value.retry_after == 300


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>", "parse"),
        (200, b"{}", "parse"),
        (200, b'{"data": null, "errors": null}', "parse"),
        (200, b'{"data": {"viewer": {"accounts": []}}, "errors": null}', "permission"),
        (
            200,
            b'{"data": {"viewer": {"accounts": [{"sums": [{}], "quantiles": []}]}}, "errors": null}',
            "parse",
        ),
        (503, b"down", "http_status"),
        (429, b"{}", "rate_limited"),
        (401, b"{}", "auth"),
        (200, b'{"data": null, "errors": [{"message": "internal server error"}]}', "rejected"),
        (200, b'{"data": null, "errors": "odd"}', "rejected"),
    ],
)
async def test_answers_that_are_none(status: int, body: bytes, reason: str, clock: Clock) -> None:
    subject = source(InvocationLog())
    answer = httpx.Response(
        status, stream=httpx.ByteStream(body), headers={"retry-after": "17"} if status == 429 else {}
    )
    subject._client._client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(SourceError) as caught:
        await subject.collect()
    assert caught.value.reason == reason
    assert subject._counters.cursor is None, "a window that failed is asked again"
    if status == 429:
        assert caught.value.retry_after == 17


@pytest.mark.parametrize("bad", [-500, "NaN", "1e400", "77", True])
async def test_sums_that_are_no_counts_are_not_counted(bad: object, clock: Clock) -> None:
    """Not even where another row of the same script and status would outweigh them."""
    subject = source(InvocationLog())

    def answer(_: httpx.Request) -> httpx.Response:
        rows = [
            {"dimensions": {"scriptName": "api", "status": "success"}, "sum": sums} for sums in (good, asked)
        ]
        body = {"data": {"viewer": {"accounts": [{"sums": rows, "quantiles": []}]}}, "errors": None}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    good: dict[str, object] = {field: 1000 for field, _, _ in workers._SUMS}
    asked = good | {"requests": None}  # what is null is absent
    subject._client._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    before = values(await subject.collect(), workers.REQUESTS)
    assert before == {("api", "success"): 1000.0}
    clock.now += timedelta(minutes=2)
    asked = good | {"requests": bad}
    with pytest.raises(SourceError) as caught:
        await subject.collect()
    assert caught.value.reason == "parse"
    assert subject._counters.values[workers.REQUESTS] == before
    asked = good
    assert values(await subject.collect(), workers.REQUESTS) == {("api", "success"): 3000.0}
