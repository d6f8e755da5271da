"""A proof of a fault finds what is missing, wrong or too much. That all hold in the demo: tests/e2e/test_faults.py."""

import copy
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.demo.names import Ports
from exporter.demo.native.cluster import Cluster
from exporter.demo.native.faults import FAULTS, MAIL, P1, SMS
from exporter.demo.native.prometheus import PrometheusClient
from exporter.demo.native.proofs import page
from exporter.demo.native.prove import Proof, Prover
from exporter.demo.native.state import RunningDemo

TITLE = "[P0] DatabaseDown: Main database does not answer."
TEXT = "Main database has refused or ignored every query for 10s (reason: connect). postgres.main"
EXPECTED = FAULTS["database"].expected
NOW = time.time()


def arrived(through: str, **body: Any) -> dict[str, Any]:
    return {"channel": through, "received_at": NOW, "status": "firing", "body": body}


def slack(channel: str) -> dict[str, Any]:
    return arrived("slack", channel=channel, attachments=[{"title": TITLE, "text": TEXT}])


def over(channel: str, text: str = "over at 2026-01-01 00:00:05 UTC after 5s") -> dict[str, Any]:
    title = TITLE.replace("[P0]", "[resolved]")
    return arrived("slack", channel=channel, attachments=[{"title": title, "text": f"postgres.main {text}"}])


ALL = [
    arrived("pagerduty", payload={"summary": TITLE, "custom_details": {"description": TEXT}}),
    slack("#alerts-critical"),
    arrived("email", to=["oncall@demo.example"], subject=TITLE, text=TEXT),
    arrived("sms", message="[P0] DatabaseDown postgres.main: Main database does not answer."),
]


async def problems(items: list[dict[str, Any]]) -> list[str]:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=items)

    demo = RunningDemo(1, Ports().base, Cluster(Path(), Path(), Path(), 1, None), Path())
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://sinks") as sinks:
        prover = Prover(demo, PrometheusClient("http://prometheus"), sinks, lambda proof: None)
        proof = Proof("database", "DatabaseDown", began=NOW - 1)
        proof.told = await prover.heard(EXPECTED, proof.began, "firing")
        return await prover.problems(EXPECTED, proof)


async def test_all_as_it_should_be_is_no_problem() -> None:
    assert await problems(ALL) == []
    assert await problems(ALL[:3]) == []  # text messages are limited


async def test_a_receiver_that_was_not_told_is_named() -> None:
    assert await problems([item for item in ALL if item["channel"] != "email"]) == [
        f"{MAIL} was not told of DatabaseDown"
    ]


async def test_a_receiver_that_should_not_have_been_told_is_named() -> None:
    assert await problems([*ALL, slack("#random")]) == ["Slack #random was told of DatabaseDown (firing)"]
    assert await problems([*ALL, over("#random")]) == ["Slack #random was told of DatabaseDown (resolved)"]


async def test_words_that_are_missing_are_named() -> None:
    items = copy.deepcopy(ALL)
    items[1]["body"]["attachments"][0]["text"] = "postgres.main"
    (problem,) = await problems(items)
    assert problem.startswith("Slack #alerts-critical does not say 'reason: connect'")


async def test_an_end_that_does_not_say_how_long_it_lasted_is_named() -> None:
    assert await problems([*ALL, over("#alerts-critical")]) == []
    (problem,) = await problems([*ALL, over("#alerts-critical", "over at 2026-01-01 00:00:05 UTC")])
    assert problem.startswith("Slack #alerts-critical does not say ' after '")


@pytest.mark.parametrize(
    "title", ["[resolved] DatabaseDown: over", "[P0] DatabaseDownAgain: x", "[P0] HealthUnhealthy: x"]
)
async def test_another_message_counts_as_none(title: str) -> None:
    items = [slack("#alerts-critical")]
    items[0]["body"]["attachments"][0]["title"] = title
    assert sum("was not told" in problem for problem in await problems(items)) == len(P1)


def test_the_page_has_a_row_for_each_fault() -> None:
    proofs = [
        Proof(
            name, fault.expected.alert, 0.0, 10.4, {**dict.fromkeys(fault.expected.receivers, 11.0), SMS: 9.0}
        )
        for name, fault in FAULTS.items()
    ]
    rows = [line for line in page(proofs).splitlines() if line.startswith("| `")]
    assert len(rows) == len(FAULTS)
    assert (
        "| p1 | 10 | 9 | PagerDuty 11, Slack #alerts-critical 11, e-mail oncall@demo.example 11, SMS 9 | - |"
        in rows[0]
    )
