"""What the Cloudflare stand-in answers, and above all what it refuses, as the vendor documents it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from exporter.demo.cloudflare.api import CloudflareAnalytics
from exporter.demo.cloudflare.dataset import quantile
from exporter.demo.names import ACCOUNT_TAG, CLOUDFLARE_PATH, CLOUDFLARE_TOKEN
from exporter.demo.world.invocations import Invocation, InvocationLog

NOW = datetime.now(UTC).replace(microsecond=0)
TOKEN = {"authorization": f"Bearer {CLOUDFLARE_TOKEN}"}
QUERY = """
query W($account: string!, $from: Time!, $to: Time!, $limit: uint64!) {
  viewer { accounts(filter: {accountTag: $account}) {
    rows: workersInvocationsAdaptive(limit: $limit, filter: {datetime_geq: $from, datetime_lt: $to}) {
      dimensions { scriptName status } sum { requests errors subrequests cpuTimeUs wallTime responseBodySize }
    }
  } }
}
"""


def variables(**others: Any) -> dict[str, Any]:
    return {"account": ACCOUNT_TAG, "from": text(-60), "to": text(0), "limit": 10_000, **others}


def text(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def invocation(
    seconds: int, script: str = "demo-api", status: str = "success", wall_us: int = 1000
) -> Invocation:
    return Invocation(NOW + timedelta(seconds=seconds), script, status, "AMS", wall_us, wall_us // 2, 200, 3)


@pytest.fixture
def log() -> InvocationLog:
    return InvocationLog()


@pytest.fixture
async def vendor(log: InvocationLog) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=[*CloudflareAnalytics(log).routes()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://vendor", headers=TOKEN) as client:
        yield client


async def ask(vendor: httpx.AsyncClient, query: str = QUERY, **others: Any) -> Any:
    response = await vendor.post(CLOUDFLARE_PATH, json={"query": query, "variables": variables(**others)})
    assert response.status_code == 200
    return response.json()


async def refusal(vendor: httpx.AsyncClient, query: str = QUERY, **others: Any) -> str:
    answer = await ask(vendor, query, **others)
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["timestamp"].endswith("Z")
    return str(answer["errors"][0]["message"])


async def rows(vendor: httpx.AsyncClient, query: str = QUERY, **others: Any) -> list[dict[str, Any]]:
    answer = await ask(vendor, query, **others)
    assert answer["errors"] is None
    return list(answer["data"]["viewer"]["accounts"][0]["rows"])


async def test_sums_are_grouped_by_the_dimensions_that_were_asked_for(
    vendor: httpx.AsyncClient, log: InvocationLog
) -> None:
    for second in range(-50, -40):
        log.add(invocation(second))
    log.add(invocation(-40, status="scriptThrewException", wall_us=5000))
    log.add(invocation(-30, script="demo-webhooks"))
    found = {
        (row["dimensions"]["scriptName"], row["dimensions"]["status"]): row["sum"]
        for row in await rows(vendor)
    }
    assert found == {
        ("demo-api", "success"): _sum(10, 0, 1000),
        ("demo-api", "scriptThrewException"): _sum(1, 1, 5000),
        ("demo-webhooks", "success"): _sum(1, 0, 1000),
    }


def _sum(requests: int, errors: int, wall_us: int) -> dict[str, int]:
    return {
        "requests": requests,
        "errors": errors,
        "subrequests": 3 * requests,
        "cpuTimeUs": requests * wall_us // 2,
        "wallTime": requests * wall_us,
        "responseBodySize": 200 * requests,
    }


async def test_no_dimension_gives_one_row_and_no_invocation_gives_none(
    vendor: httpx.AsyncClient, log: InvocationLog
) -> None:
    query = QUERY.replace("dimensions { scriptName status }", "")
    assert await rows(vendor, query) == []
    log.add(invocation(-10))
    log.add(invocation(-10, script="demo-webhooks"))
    assert [row["sum"]["requests"] for row in await rows(vendor, query)] == [2]


async def test_windows_are_half_open_so_that_neighbours_count_everything_once(
    vendor: httpx.AsyncClient, log: InvocationLog
) -> None:
    for second in (-20, -10, -10, 0):
        log.add(invocation(second))
    counts = []
    for start, end in ((-30, -20), (-20, -10), (-10, 0)):
        found = await rows(vendor, **{"from": text(start), "to": text(end)})
        counts.append(sum(row["sum"]["requests"] for row in found))
    assert counts == [0, 1, 2]


async def test_quantiles_come_from_the_invocations_in_microseconds(
    vendor: httpx.AsyncClient, log: InvocationLog
) -> None:
    for milliseconds in range(1, 101):
        log.add(invocation(-10, wall_us=milliseconds * 1000))
    query = QUERY.replace(
        "dimensions { scriptName status }", "quantiles { wallTimeP50 cpuTimeP50 wallTimeP99 }"
    )
    (row,) = await rows(vendor, query)
    assert row["quantiles"] == {
        "wallTimeP50": 50500.0,
        "cpuTimeP50": 25250.0,
        "wallTimeP99": pytest.approx(99010.0),
    }


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_stay_within_the_values_and_never_fall(
    values: list[float], one: float, other: float
) -> None:
    ordered = sorted(values)
    low, high = sorted((one, other))
    assert (
        ordered[0]
        <= quantile(ordered, low)
        <= quantile(ordered, high) * (1 + 1e-9)
        <= ordered[-1] * (1 + 2e-9)
    )


async def test_order_and_limit_cut_the_rows(vendor: httpx.AsyncClient, log: InvocationLog) -> None:
    for script, count in (("a", 1), ("b", 3), ("c", 2)):
        for _ in range(count):
            log.add(invocation(-10, script=script))
    query = QUERY.replace("limit: $limit,", "limit: $limit, orderBy: [sum_requests_DESC],")
    assert [row["dimensions"]["scriptName"] for row in await rows(vendor, query, limit=2)] == ["b", "c"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('scriptName: "demo-api"', 2),
        ('scriptName_in: ["demo-api", "demo-webhooks"]', 3),
        ('scriptName_like: "%hooks"', 1),
        ('status_neq: "success"', 1),
        ('OR: [{scriptName: "demo-webhooks"}, {status: "internalError"}]', 2),
        ('AND: [{scriptName: "demo-api"}, {status: "internalError"}]', 1),
        ('coloCode: "AMS"', 3),
        ("isDispatcher: 1", 0),
    ],
)
async def test_other_filters(
    vendor: httpx.AsyncClient, log: InvocationLog, condition: str, found: int
) -> None:
    for one in (
        invocation(-10),
        invocation(-9, status="internalError"),
        invocation(-8, script="demo-webhooks"),
    ):
        log.add(one)
    answered = await rows(vendor, QUERY.replace("datetime_lt: $to", f"datetime_lt: $to, {condition}"))
    assert sum(row["sum"]["requests"] for row in answered) == found


async def test_variables_may_have_graphqls_own_type_names(vendor: httpx.AsyncClient) -> None:
    assert await rows(vendor, QUERY.replace("string!", "String!").replace("uint64!", "Int!")) == []


async def test_selections_through_fragments_group_as_well(
    vendor: httpx.AsyncClient, log: InvocationLog
) -> None:
    log.add(invocation(-10))
    log.add(invocation(-10, script="demo-webhooks"))
    query = QUERY.replace(
        "dimensions { scriptName status }", "... on AccountWorkersInvocationsAdaptive { ...g }"
    )
    query += "fragment g on AccountWorkersInvocationsAdaptive { dimensions { name: scriptName } }"
    assert [row["dimensions"] for row in await rows(vendor, query)] == [
        {"name": "demo-api"},
        {"name": "demo-webhooks"},
    ]


async def test_settings_tell_the_limits(vendor: httpx.AsyncClient) -> None:
    query = """query { viewer { accounts(filter: {accountTag: "%s"}) { settings { workersInvocationsAdaptive {
      enabled availableFields maxPageSize maxNumberOfFields notOlderThan maxDuration } } } } }"""
    response = await vendor.post(CLOUDFLARE_PATH, json={"query": query % ACCOUNT_TAG})
    limits = response.json()["data"]["viewer"]["accounts"][0]["settings"]["workersInvocationsAdaptive"]
    assert limits["enabled"] is True
    assert limits["maxPageSize"] == 10_000
    assert "sum_requests" in limits["availableFields"]


@pytest.mark.parametrize("header", [None, "Bearer wrong", CLOUDFLARE_TOKEN])
async def test_another_token_is_unauthorized(vendor: httpx.AsyncClient, header: str | None) -> None:
    del vendor.headers["authorization"]
    if header is not None:
        vendor.headers["authorization"] = header
    assert "unauthorized" in await refusal(vendor)


async def test_another_account_is_refused(vendor: httpx.AsyncClient) -> None:
    assert "not authorized for that account" in await refusal(vendor, account="f" * 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("limit: $limit, ", ""), "error parsing args"),
        (("(limit: $limit, filter: {datetime_geq: $from, datetime_lt: $to})", ""), "error parsing args"),
        (("subrequests", "subRequests"), "unknown field"),
        (("workersInvocationsAdaptive", "httpRequestsAdaptive"), "unknown field"),
        (("datetime_geq: $from", "datetime_since: $from"), "error parsing args"),
        (("accounts(filter: {accountTag: $account})", "accounts"), "error parsing args"),
        (("query W(", "query W((("), "Syntax Error"),
    ],
)
async def test_a_query_that_the_schema_does_not_allow(
    vendor: httpx.AsyncClient, change: tuple[str, str], message: str
) -> None:
    assert message in await refusal(vendor, QUERY.replace(*change))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"limit": 0}, "limit must be positive"),
        ({"limit": 10_001}, "not greater than 10000"),
        ({"limit": "10"}, "error parsing args"),
        ({"from": "yesterday"}, "error parsing args"),
        ({"from": "2026-11-20T10:00:00"}, "error parsing args"),
        ({"from": text(-100 * 86400)}, "cannot request data older than"),
        ({"from": text(-8 * 86400)}, "query time range is too large"),
        ({"to": None}, "error parsing args"),
    ],
)
async def test_values_that_are_out_of_bounds(
    vendor: httpx.AsyncClient, changed: dict[str, Any], message: str
) -> None:
    assert message in await refusal(vendor, **changed)


async def test_a_filter_without_a_beginning_asks_for_too_much(vendor: httpx.AsyncClient) -> None:
    query = QUERY.replace("datetime_geq: $from, ", "").replace("$from: Time!, ", "")
    assert "cannot request data older than" in await refusal(vendor, query)


async def test_too_many_fields_are_refused(vendor: httpx.AsyncClient) -> None:
    many = " ".join(
        f"{name}P{rank}" for name in ("cpuTime", "wallTime", "duration", "requestDuration") for rank in RANKS
    )
    query = QUERY.replace("sum {", f"quantiles {{ {many} }} sum {{")
    assert "number of fields can't be more than 30" in await refusal(vendor, query)


RANKS = (25, 50, 75, 90, 95, 99, 999)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"query": 1}'])
async def test_a_body_that_is_no_request(vendor: httpx.AsyncClient, body: bytes) -> None:
    answer = (await vendor.post(CLOUDFLARE_PATH, content=body)).json()
    assert "error parsing args" in answer["errors"][0]["message"]


async def test_the_budget_is_300_requests_in_five_minutes(vendor: httpx.AsyncClient) -> None:
    for _ in range(300):
        await vendor.post(CLOUDFLARE_PATH, content=b"{}")
    assert "rate limiter budget depleted" in await refusal(vendor)
