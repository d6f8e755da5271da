"""The sinks take what Alertmanager sends and refuse what Slack and PagerDuty refuse."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from exporter.demo.names import HEARTBEAT_PATH, PAGERDUTY_PATH, SLACK_PATH
from exporter.demo.sinks.app import sinks_app
from exporter.demo.sinks.inbox import Inbox
from exporter.demo.sinks.mail import serve_mail
from tests.support.process import free_port

KEY = "0123456789abcdef0123456789abcdef"
TRIGGER: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "group",
    "payload": {
        "summary": "DatabaseDown",
        "source": "demo",
        "severity": "critical",
        "custom_details": {"n": "1"},
    },
}
MESSAGE = {
    "channel": "#alerts",
    "attachments": [{"title": "[FIRING:1] DatabaseDown", "color": "danger", "text": "x"}],
}


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def sinks(inbox: Inbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sinks_app(inbox)), base_url="http://sinks"
    ) as client:
        yield client


async def listed(sinks: httpx.AsyncClient, channel: str) -> list[dict[str, Any]]:
    return list((await sinks.get("/api/notifications", params={"channel": channel})).json())


@pytest.mark.parametrize(
    ("button", "status"),
    [
        ({"type": "button", "text": "Runbook", "url": "https://runbooks.example/X.md"}, 200),
        ({"type": "button", "text": "Approve", "name": "approve", "value": "yes"}, 200),
        ({"type": "button", "text": "Runbook", "url": ""}, 400),
        ({"type": "button", "text": "Runbook"}, 400),
        ({"type": "button", "url": "https://runbooks.example/X.md"}, 400),
    ],
)
async def test_slack_refuses_a_button_that_leads_nowhere(
    sinks: httpx.AsyncClient, button: dict[str, str], status: int
) -> None:
    attachments = [{"text": "x", "actions": [button]}]
    response = await sinks.post(SLACK_PATH, json={**MESSAGE, "attachments": attachments})
    assert response.status_code == status
    assert response.text == ("ok" if status == 200 else "invalid_attachments")


async def test_slack_takes_a_message_with_an_attachment(sinks: httpx.AsyncClient) -> None:
    response = await sinks.post(SLACK_PATH, json=MESSAGE)
    assert (response.status_code, response.text) == (200, "ok")
    (item,) = await listed(sinks, "slack")
    assert item["status"] == "firing"
    assert item["body"] == MESSAGE


@pytest.mark.parametrize(
    ("title", "color", "status"),
    [
        ("[RESOLVED] DatabaseDown", "good", "resolved"),
        ("DatabaseDown", "good", "resolved"),
        ("DatabaseDown", "danger", "firing"),
        ("[P0] Unresolved: An alert is not solved", "danger", "firing"),
        ("Hello", "#123456", "posted"),
    ],
)
async def test_slacks_status_is_read_from_title_or_colour(
    sinks: httpx.AsyncClient, title: str, color: str, status: str
) -> None:
    await sinks.post(SLACK_PATH, json={"attachments": [{"title": title, "color": color}]})
    assert (await listed(sinks, "slack"))[0]["status"] == status


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "invalid_payload"),
        (b"{", 400, "invalid_payload"),
        (b'"text"', 400, "invalid_payload"),
        (b'{"text": 1}', 400, "invalid_payload"),
        (b"{}", 400, "no_text"),
        (b'{"text": "", "attachments": [{}]}', 400, "no_text"),
        (b'{"attachments": {"text": "x"}}', 400, "invalid_attachments"),
        (b'{"text": "x", "blocks": [{"text": "no type"}]}', 400, "invalid_blocks"),
        (b'{"attachments": [' + b",".join([b'{"text": "x"}'] * 101) + b"]}", 400, "too_many_attachments"),
        (b'{"text": "x", "channel": "nowhere"}', 404, "channel_not_found"),
    ],
)
async def test_slack_refuses(sinks: httpx.AsyncClient, body: bytes, status: int, word: str) -> None:
    response = await sinks.post(SLACK_PATH, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.text) == (status, word)
    assert await listed(sinks, "slack") == []


async def test_slack_knows_only_the_webhook_that_was_issued(sinks: httpx.AsyncClient) -> None:
    response = await sinks.post("/slack/services/T00000000/B00000000/other", json=MESSAGE)
    assert (response.status_code, response.text) == (404, "no_service")


async def test_slack_takes_the_older_form_encoding(sinks: httpx.AsyncClient) -> None:
    assert (await sinks.post(SLACK_PATH, data={"payload": '{"text": "hi"}'})).text == "ok"


async def test_pagerduty_opens_and_resolves_an_incident(sinks: httpx.AsyncClient) -> None:
    response = await sinks.post(PAGERDUTY_PATH, json=TRIGGER)
    assert response.status_code == 202
    assert response.json() == {"status": "success", "message": "Event processed", "dedup_key": "group"}
    resolve = {"routing_key": KEY, "event_action": "resolve", "dedup_key": "group"}
    assert (await sinks.post(PAGERDUTY_PATH, json=resolve)).status_code == 202
    assert [item["status"] for item in await listed(sinks, "pagerduty")] == ["resolved", "firing"]


async def test_pagerduty_never_shows_the_routing_key(sinks: httpx.AsyncClient) -> None:
    await sinks.post(PAGERDUTY_PATH, json=TRIGGER)
    assert KEY not in (await sinks.get("/api/notifications")).text + (await sinks.get("/")).text


async def test_pagerduty_drops_a_resolve_that_nothing_is_open_for(sinks: httpx.AsyncClient) -> None:
    resolve = {"routing_key": KEY, "event_action": "resolve", "dedup_key": "unknown"}
    assert (await sinks.post(PAGERDUTY_PATH, json=resolve)).status_code == 202
    assert (await listed(sinks, "pagerduty"))[0]["status"] == "dropped"


async def test_pagerduty_makes_a_key_for_a_trigger_without_one(sinks: httpx.AsyncClient) -> None:
    event = {name: value for name, value in TRIGGER.items() if name != "dedup_key"}
    assert (await sinks.post(PAGERDUTY_PATH, json=event)).json()["dedup_key"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"routing_key": ""}, "'routing_key' is missing or blank"),
        ({"routing_key": "short"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"event_action": None}, "'event_action' is missing or blank"),
        ({"event_action": "close"}, "'event_action' must be one of: trigger, acknowledge, resolve"),
        ({"event_action": "resolve", "dedup_key": None}, "'dedup_key' is required to resolve"),
        ({"dedup_key": "k" * 256}, "'dedup_key' must be a string of at most 255 characters"),
        ({"payload": None}, "'payload' is missing or blank"),
        ({"payload": {**TRIGGER["payload"], "summary": ""}}, "'payload.summary' is missing or blank"),
        ({"payload": {**TRIGGER["payload"], "source": ""}}, "'payload.source' is missing or blank"),
        (
            {"payload": {**TRIGGER["payload"], "summary": "s" * 1025}},
            "'payload.summary' is longer than 1024 characters",
        ),
        (
            {"payload": {**TRIGGER["payload"], "severity": "page"}},
            "'payload.severity' must be one of: critical, error, warning, info",
        ),
        (
            {"payload": {**TRIGGER["payload"], "custom_details": 1}},
            "'payload.custom_details' must be an object",
        ),
    ],
)
async def test_pagerduty_refuses(sinks: httpx.AsyncClient, change: dict[str, Any], error: str) -> None:
    response = await sinks.post(PAGERDUTY_PATH, json={**TRIGGER, **change})
    assert response.status_code == 400
    assert response.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": [error],
    }
    assert await listed(sinks, "pagerduty") == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"x": "' + b"x" * 600_000 + b'"}'])
async def test_pagerduty_refuses_what_is_no_event(sinks: httpx.AsyncClient, body: bytes) -> None:
    assert (await sinks.post(PAGERDUTY_PATH, content=body)).json()["status"] == "invalid event"


async def test_pagerduty_throttles_a_flood(sinks: httpx.AsyncClient) -> None:
    answers = [(await sinks.post(PAGERDUTY_PATH, json=TRIGGER)).status_code for _ in range(121)]
    assert answers == [202] * 120 + [429]


async def test_mail_is_kept_with_subject_addresses_and_text(inbox: Inbox) -> None:
    port = free_port()
    server = await serve_mail(inbox, "127.0.0.1", port)
    message = EmailMessage()
    message["Subject"] = "[RESOLVED] DatabaseDown"
    message["From"], message["To"] = "alerts@demo.example", "oncall@demo.example"
    message.set_content("The database is back.")
    message.add_alternative("<p>The database is back.</p>", subtype="html")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.send_message(message)

    await asyncio.to_thread(send)
    server.close()
    await server.wait_closed()
    (item,) = inbox.newest("email")
    assert item.status == "resolved"
    assert item.body["to"] == ["oncall@demo.example"]
    assert item.body["text"].strip() == "The database is back."


async def test_the_heartbeat_takes_only_json_objects(sinks: httpx.AsyncClient) -> None:
    assert (await sinks.post(HEARTBEAT_PATH, content=b"alive")).status_code == 400
    assert (await sinks.post(HEARTBEAT_PATH, json={"status": "firing"})).status_code == 200
    assert [item["status"] for item in await listed(sinks, "heartbeat")] == ["firing"]


async def test_the_list_is_newest_first_and_bounded_a_channel(sinks: httpx.AsyncClient, inbox: Inbox) -> None:
    await sinks.post(PAGERDUTY_PATH, json=TRIGGER)
    for number in range(500):
        inbox.put("heartbeat", "firing", {"number": number})
    everything = (await sinks.get("/api/notifications")).json()
    assert len(everything) == 201
    assert everything[0]["body"] == {"number": 499}
    assert everything[-1]["channel"] == "pagerduty"


async def test_an_unknown_channel_is_an_error(sinks: httpx.AsyncClient) -> None:
    assert (await sinks.get("/api/notifications", params={"channel": "pigeon"})).status_code == 404


async def test_the_page_lists_what_arrived_and_escapes_it(sinks: httpx.AsyncClient) -> None:
    assert "Nothing has arrived yet" in (await sinks.get("/")).text
    await sinks.post(SLACK_PATH, json={"channel": "#a", "text": "<script>alert(1)</script>"})
    await sinks.post(PAGERDUTY_PATH, json=TRIGGER)
    page = (await sinks.get("/")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.index("DatabaseDown") < page.index("alert(1)")
