"""The stand-ins for text messages and the status page refuse what the vendors refuse."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import SNS_PATH, STATUSPAGE_KEY, STATUSPAGE_PATH
from exporter.demo.sinks.app import sinks_app
from exporter.demo.sinks.inbox import Inbox
from exporter.demo.sinks.statuspage import Statuspage

CREDENTIAL = "demo/20261121/eu-west-1/sns/aws4_request"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host, Signature=0"}
KEY = {"Authorization": f"OAuth {STATUSPAGE_KEY}"}
MESSAGE = {"Action": "Publish", "PhoneNumber": "+15550100123", "Message": "[P0] DatabaseDown"}
PAGE = f"{STATUSPAGE_PATH}/pages/demo"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def sinks(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    page = Statuspage(inbox, WindowLimiter(20, 60))
    page.components["cmpgroup"] = {"id": "cmpgroup", "name": "All", "status": "operational", "group": True}
    app = sinks_app(inbox, page)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sinks") as client:
        yield client


async def test_a_text_message_is_kept(sinks: httpx.AsyncClient, inbox: Inbox) -> None:
    answer = await sinks.post(f"{SNS_PATH}/", data=MESSAGE, headers=SIGNED)
    assert answer.status_code == 200
    assert "<MessageId>" in answer.text
    assert [item.body for item in inbox.newest("sms")] == [
        {"to": "+15550100123", "message": "[P0] DatabaseDown"}
    ]
    assert "+15550100123" in (await sinks.get("/")).text


@pytest.mark.parametrize(
    ("change", "headers", "status", "code"),
    [
        ({}, {}, 403, "MissingAuthenticationToken"),
        ({"Action": "Delete"}, SIGNED, 400, "InvalidAction"),
        ({"PhoneNumber": "0123"}, SIGNED, 400, "InvalidParameter"),
        ({"Message": ""}, SIGNED, 400, "InvalidParameter"),
        ({"Message": "x" * 1601}, SIGNED, 400, "InvalidParameter"),
    ],
)
async def test_text_messages_are_refused(
    sinks: httpx.AsyncClient,
    inbox: Inbox,
    change: dict[str, str],
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = await sinks.post(SNS_PATH, data={**MESSAGE, **change}, headers=headers)
    assert (answer.status_code, code in answer.text) == (status, True)
    assert inbox.newest("sms") == []


async def test_a_component_and_an_incident(sinks: httpx.AsyncClient, inbox: Inbox) -> None:
    change = {"component": {"status": "partial_outage"}}
    assert (await sinks.patch(f"{PAGE}/components/cmpapi", json=change, headers=KEY)).json()[
        "status"
    ] == "partial_outage"
    incident = {
        "name": "API: slow",
        "component_ids": ["cmpapi"],
        "metadata": {"ours": {"a": "b"}},
        "body": "We look.",
    }
    opened = await sinks.post(f"{PAGE}/incidents", json={"incident": incident}, headers=KEY)
    assert opened.status_code == 201
    found = (await sinks.get(f"{PAGE}/incidents/unresolved", headers=KEY)).json()
    assert [each["metadata"] for each in found] == [{"ours": {"a": "b"}}]
    resolved = {"incident": {"status": "resolved"}}
    key = opened.json()["id"]
    assert (await sinks.patch(f"{PAGE}/incidents/{key}", json=resolved, headers=KEY)).json()["resolved_at"]
    assert (await sinks.get(f"{PAGE}/incidents/unresolved", headers=KEY)).json() == []
    assert [item.status for item in inbox.newest("statuspage")] == [
        "resolved",
        "investigating",
        "partial_outage",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", f"{PAGE}/components/cmpapi", None, {}, 401),
        ("GET", f"{PAGE}/components/none", None, KEY, 404),
        ("GET", f"{STATUSPAGE_PATH}/pages/other/components/cmpapi", None, KEY, 404),
        ("PATCH", f"{PAGE}/components/cmpapi", {"component": {"status": "broken"}}, KEY, 422),
        ("PATCH", f"{PAGE}/components/cmpapi", {"status": "operational"}, KEY, 422),
        ("PATCH", f"{PAGE}/components/cmpgroup", {"component": {"status": "operational"}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"body": "no name"}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"name": "x" * 256}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"name": "x", "status": "open"}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"name": "x", "metadata": {"a": "b"}}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"name": "x", "component_ids": ["none"]}}, KEY, 422),
        ("POST", f"{PAGE}/incidents", {"incident": {"name": "x", "impact": "minor"}}, KEY, 422),
        ("PATCH", f"{PAGE}/incidents/inc9", {"incident": {"status": "resolved"}}, KEY, 404),
    ],
)
async def test_the_page_refuses(
    sinks: httpx.AsyncClient, method: str, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    answer = await sinks.request(method, path, json=body, headers=headers)
    assert (answer.status_code, "error" in answer.json()) == (status, True)


async def test_the_page_throttles(sinks: httpx.AsyncClient) -> None:
    codes = [(await sinks.get(f"{PAGE}/components/cmpapi", headers=KEY)).status_code for _ in range(21)]
    assert codes == [200] * 20 + [429]
