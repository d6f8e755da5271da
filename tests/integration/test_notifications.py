"""What people receive, word by word: alerts through the real Alertmanager, of both versions, into the sinks.

UPDATE_GOLDEN=1 writes tests/golden/notifications anew; the packaged version's texts count, the newest's must be equal.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from tests.support.alertmanager import (
    Alertmanager,
    Sinks,
    alertmanager,
    outside_windows,
    sinks,
    write_secrets,
)
from tests.support.forky import forky_binary
from tests.support.process import wait_until
from tests.support.programs import binary

GOLDEN = Path(__file__).parents[1] / "golden" / "notifications"
BEGAN, ENDED = "2026-11-20T08:00:00Z", "2026-11-20T08:12:34Z"


@pytest.fixture(scope="module", params=["packaged", "newest"])
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Alertmanager, Sinks]]:
    program = binary("alertmanager") if request.param == "packaged" else forky_binary("alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    with pytest.MonkeyPatch.context() as patch, sinks() as here:
        write_secrets(folder / "secrets", here)
        patch.setenv("PLATFORM_SECRETS_DIR", str(folder / "secrets"))
        patch.setenv("TEST_SINKS", here.url)
        patch.setenv("TEST_SMTP", here.smtp)
        with alertmanager(program, outside_windows(folder), folder) as running:
            yield running, here


def alert(
    name: str, *, ended: bool = False, labels: dict[str, str] | None = None, **notes: str
) -> dict[str, Any]:
    """Return an alert as Prometheus sends it, of a database unless `labels` say otherwise."""
    found = {
        "alertname": name,
        "service": "postgres.main",
        "severity": "critical",
        "priority": "p1",
        "kind": "cause",
        "platform": "whole",
        "environment": "test",
        **(labels or {}),
    }
    annotations = {
        "summary": f"{found['service']} does not answer.",
        "description": f"{found['service']} has refused every query for 1m (reason: <connect> & more).",
        "impact": "Whatever reads or writes it fails: API.",
        "action": "Connect by hand as the exporter does.",
        "value": "pg_up 0",
        "threshold": "pg_up 0 for 1m",
        "runbook_url": f"https://runbooks.example/{name}.md",
        "dashboard_url": "https://grafana.example/d/whole-technical?viewPanel=1",
        **notes,
    }
    times = {"startsAt": BEGAN, **({"endsAt": ENDED} if ended else {})}
    return {"labels": found, "annotations": annotations, **times}


def _compare(name: str, found: Any) -> None:
    """Compare with the golden file."""
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
    golden = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") and "packaged" in os.environ.get("PYTEST_CURRENT_TEST", ""):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def _own(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without the key of the group and what Alertmanager adds by itself, text or object by version."""
    payload = event["payload"]
    added = ("firing", "resolved", "num_firing", "num_resolved")
    details = {key: value for key, value in payload["custom_details"].items() if key not in added}
    return {**event, "dedup_key": "…", "payload": {**payload, "custom_details": details}}


def test_a_page_in_every_channel_and_its_end(stack: tuple[Alertmanager, Sinks]) -> None:
    running, here = stack
    vendors = "Neon: Elevated errors in eu-central-1 (major)."
    for status, ended in (("firing", False), ("resolved", True)):
        running.post(alert("DatabaseDown", ended=ended, vendors=vendors))
        pagerduty = here.wait("pagerduty", "DatabaseDown" if not ended else "", status)
        _compare(f"pagerduty-{status}", _own(pagerduty))
        slack = here.wait("slack", "DatabaseDown", status)
        _compare(f"slack-{status}", slack)
        mail = here.wait("email", "DatabaseDown", status)
        _compare(f"email-{status}", {key: mail[key] for key in ("subject", "to", "from")})
        _compare(f"email-{status}-text", mail["text"].splitlines())
        _compare(f"email-{status}-html", mail["html"].splitlines())


def test_text_messages_say_what_burns_once_and_are_not_sent_for_the_end(
    stack: tuple[Alertmanager, Sinks],
) -> None:
    running, here = stack

    def told(status: str) -> int:
        return len(here.arrived("slack", "DatabaseDown", status))

    before = (
        told("firing"),
        told("resolved"),
    )  # by the test above, which may have had the text messages as well
    running.post(alert("DatabaseDown"))
    wanted = "[Critical] DatabaseDown postgres.main: postgres.main does not answer."
    wait_until(lambda: len(here.arrived("sms", "DatabaseDown")) >= 2, 120, "a message to each phone")
    found = here.arrived("sms", "DatabaseDown")
    assert sorted(message["to"] for message in found) == ["+15550100123", "+15550100124"]
    assert {message["message"] for message in found} == {wanted}
    wait_until(lambda: told("firing") > before[0], 120, "what is not sent to phones")
    running.post(alert("DatabaseDown", ended=True))
    wait_until(lambda: told("resolved") > before[1], 120, "word of the end")
    assert here.arrived("sms", "DatabaseDown") == found


def test_several_alerts_are_one_message(stack: tuple[Alertmanager, Sinks]) -> None:
    running, here = stack
    several = {
        "alertname": "PartDegraded",
        "priority": "p3",
        "severity": "warning",
        "kind": "symptom",
        "service": "web",
    }
    running.post(
        *(alert("PartDegraded", labels={**several, "check": name}) for name in ("cache", "queue", "mail"))
    )
    _compare("slack-several", here.wait("slack", "(3 of 3 firing)"))


def test_escalation_and_business_go_to_their_own_people(stack: tuple[Alertmanager, Sinks]) -> None:
    running, here = stack
    labels = {"alert": "HealthUnhealthy", "escalation": "30m", "service": "web", "kind": "symptom"}
    running.post(alert("Unresolved", labels=labels))
    assert here.wait("email", "Unresolved")["to"] == ["management@whole.example"]
    running.post(
        alert(
            "OrdersStopped",
            labels={"audience": "business", "priority": "p2", "kind": "symptom", "service": "orders"},
        )
    )
    here.wait("slack", "OrdersStopped")
    both = {("support@whole.example",), ("engineering@whole.example",)}

    def told() -> set[tuple[str, ...]]:
        return {tuple(mail["to"]) for mail in here.arrived("email", "OrdersStopped")}

    wait_until(lambda: told() >= both, 120, "a mail to each")
    assert told() == both
    assert not here.arrived("slack", "Unresolved")


def test_an_alert_of_a_rule_written_by_hand_arrives_whole(stack: tuple[Alertmanager, Sinks]) -> None:
    """It has no priority, and none of our annotations."""
    running, here = stack
    running.post(
        {
            "labels": {"alertname": "CertificateExpires", "host": "shop <1>", "team": 'a"b'},
            "annotations": {"message": "Five days are left & counting.", "owner": "Ada"},
            "startsAt": BEGAN,
        },
    )
    mail = here.wait("email", "CertificateExpires")  # the channel that takes most
    assert mail["subject"] == "[no priority] CertificateExpires"
    for part in ("message: Five days are left & counting.", "owner: Ada", "host=shop <1>", 'team=a"b'):
        assert part in mail["text"]
    for word in ("Now:", "Impact:", "First:", "Runbook", "Dashboard"):
        assert word not in mail["text"]
        assert word not in mail["html"]
    running.post(
        {"labels": {"alertname": "HostLost", "priority": "p1", "host": "<!channel>"}, "startsAt": BEGAN}
    )
    [attachment] = here.wait("slack", "HostLost")["attachments"]
    assert "host=&lt;!channel>" in attachment["text"]
    assert attachment["text"].endswith("|Silence>")
    for word in ("*Now:*", "*Impact:*", "*First:*", "|Runbook>", "|Dashboard>"):
        assert word not in attachment["text"]
    here.wait("pagerduty", "HostLost")
    here.wait("sms", "HostLost")


@pytest.mark.parametrize("letter", ["Ж", "ü", "🔥"])
def test_titles_in_any_language_arrive_everywhere(stack: tuple[Alertmanager, Sinks], letter: str) -> None:
    """In the subject of a mail each such character is six to twelve."""
    running, here = stack
    name = f"Said{ord(letter)}"
    running.post(alert(name, summary=200 * letter))
    assert 40 * letter in here.wait("email", name)["subject"]
    running.post(alert(f"Also{60 * letter}", summary=60 * letter))
    assert 40 * letter in here.wait("email", f"Also{letter}")["subject"]
    for channel in ("slack", "pagerduty"):
        here.wait(channel, name)


def test_no_text_is_too_long_and_none_commands(stack: tuple[Alertmanager, Sinks]) -> None:
    """Mail servers refuse a subject of a thousand bytes, Slack cuts a message and obeys what stands in brackets."""
    running, here = stack
    running.post(
        alert(
            "Talkative",
            labels={"service": 'a"b\\c'},
            summary="<!channel> " + 1100 * "x",
            description=60_000 * "<",
            action="Read <all> of it.",
        )
    )
    mail = here.wait("email", "Talkative")
    assert len(mail["subject"]) < 300
    assert 60_000 * "<" in mail["text"]
    [attachment] = here.wait("slack", "Talkative")["attachments"]
    for key in ("title", "fallback"):
        assert attachment[key].startswith("[Critical] Talkative: &lt;!channel> xx")
        assert attachment[key].endswith("x…")
    assert len(attachment["text"]) < 40_000
    assert "*First:* Read &lt;all> of it." in attachment["text"]
    silence = attachment["text"].rpartition("<")[2].removesuffix("|Silence>")
    filters = unquote(silence.partition("filter=")[2])
    assert filters == '{alertname="Talkative",service="a\\"b\\\\c"}'
    here.wait("pagerduty", "Talkative")


def test_the_heartbeat_beats(stack: tuple[Alertmanager, Sinks]) -> None:
    running, here = stack
    running.post(alert("Watchdog", labels={"severity": "none", "priority": "p4"}))
    before = len(here.arrived("heartbeat"))
    here.wait("heartbeat", "Watchdog")
    wait_until(lambda: len(here.arrived("heartbeat")) >= before + 3, 120, "three more heartbeats")
