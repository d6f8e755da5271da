"""What the real Alertmanager keeps back: the table of inhibition, windows of maintenance, business hours, known issues.

Each row of the table has an environment of its own, so that all of them are tried at once.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.platform.calendar import DAYS
from tests.support.alertmanager import WHOLE, Sinks, alertmanager, outside_windows, sinks, write_secrets
from tests.support.forky import forky_binary
from tests.support.process import wait_until
from tests.support.programs import binary

Labels = dict[str, str]

BURN: Labels = {"slo": "api-availability", "service": "api", "kind": "symptom"}
FAST = {
    **BURN,
    "alertname": "ErrorBudgetBurnFast",
    "slo_tier": "fast",
    "severity": "critical",
    "priority": "p1",
}
SLOW = {
    **BURN,
    "alertname": "ErrorBudgetBurnSlow",
    "slo_tier": "slow",
    "severity": "warning",
    "priority": "p3",
}
TREND = {**SLOW, "alertname": "ErrorBudgetBurnTrend", "slo_tier": "trend"}
DATABASE = {
    "alertname": "DatabaseDown",
    "service": "postgres.main",
    "source": "postgres.main",
    "kind": "cause",
} | {
    "severity": "critical",
    "priority": "p1",
}
STALE = {**DATABASE, "alertname": "SourceStale", "kind": "meta", "severity": "warning", "priority": "p3"}
API = {
    "alertname": "HealthUnhealthy",
    "service": "api",
    "kind": "symptom",
    "severity": "critical",
    "priority": "p1",
}
FAILING = {**FAST, "sli": "availability"}
ERRORS = {**API, "alertname": "ErrorRateHigh", "priority": "p2"}
FAILING_ALONE, ERRORS_ALONE = ({**alert, "service": "jobs"} for alert in (FAILING, ERRORS))
WEB = {**API, "service": "web"}
DEGRADED = {**WEB, "alertname": "HealthDegraded", "severity": "warning", "priority": "p3"}
EXPORTER = {"alertname": "ExporterDown", "service": "platform-exporter", "kind": "meta"} | {
    "severity": "critical",
    "priority": "p2",
}
DISK = {"alertname": "DiskFull", "service": "node", "instance": "db-1:9100", "mountpoint": "/"} | {
    "kind": "capacity",
    "severity": "critical",
    "priority": "p2",
}
SCRIPT = {
    "alertname": "WorkerErrors",
    "service": "cloudflare.workers",
    "source": "cloudflare.workers",
    "script_name": "checkout",
    "kind": "symptom",
    "severity": "critical",
    "priority": "p2",
}
BUDGET = {**SLOW, "alertname": "ErrorBudgetLow", "slo_tier": ""}
MISSING = {**SLOW, "alertname": "SliMissing", "kind": "meta", "slo_tier": ""}
KNOWN = {
    "alertname": "KnownIssue",
    "issue": "HealthDegraded-1",
    "service": "web",
    "severity": "none",
    "priority": "p4",
}
COVER = {"alertname": "DependencyDown", "service": "api", "severity": "none", "priority": "p4"} | {
    "dependency": "postgres.main",
    "covers": "symptom",
    "hides": "p1",
}
DRILL = {**EXPORTER, "alertname": "DrillFailed"}


def unresolved(labels: Labels) -> Labels:
    return {**labels, "alert": labels["alertname"], "alertname": "Unresolved", "escalation": "15m"}


TABLE = [
    ("a fast burn covers the slow one", FAST, SLOW, True),
    ("a slow burn covers the trend", SLOW, TREND, True),
    ("a slow burn does not hide the fast one", SLOW, FAST, False),
    ("a fast burn says nothing of another service level", FAST, {**SLOW, "slo": "web-availability"}, False),
    ("alerts without slo are not equal in it", FAST, {**STALE, "slo": ""}, False),
    ("a fast burn covers the rate of errors", FAILING_ALONE, ERRORS_ALONE, True),
    (
        "… unless that is more urgent",
        FAILING_ALONE | {"priority": "p3", "severity": "warning"},
        ERRORS_ALONE,
        False,
    ),
    ("… but not of another service", FAILING, ERRORS_ALONE, False),
    ("… nor of one that depends on another, which may hide the burn", FAILING, ERRORS, False),
    ("a fast burn of latency does not", {**FAST, "slo": "api-latency", "sli": "latency"}, ERRORS, False),
    (
        "critical covers a warning of the same name",
        {**API, "alertname": "ErrorRateHigh"},
        {**API, "alertname": "ErrorRateHigh", "severity": "warning", "priority": "p3"},
        True,
    ),
    (
        "… but not of another component",
        {**WEB, "alertname": "ErrorRateHigh"},
        {**API, "alertname": "ErrorRateHigh", "severity": "warning", "priority": "p3"},
        False,
    ),
    ("… of the same disk", DISK, {**DISK, "severity": "warning", "priority": "p3"}, True),
    (
        "… and hides no warning about another one",
        DISK,
        {**DISK, "mountpoint": "/data", "severity": "warning", "priority": "p3"},
        False,
    ),
    ("… of the same script", SCRIPT, {**SCRIPT, "severity": "warning", "priority": "p3"}, True),
    (
        "… and not of another one",
        SCRIPT,
        {**SCRIPT, "script_name": "resize", "severity": "warning", "priority": "p3"},
        False,
    ),
    (
        "a warning covers what is for information",
        BUDGET,
        {**BUDGET, "severity": "info", "priority": "p4"},
        True,
    ),
    (
        "… but not about another service level",
        BUDGET,
        {**BUDGET, "slo": "api-latency", "severity": "info", "priority": "p4"},
        False,
    ),
    (
        "a warning does not hide what is critical",
        {**API, "severity": "warning", "priority": "p3"},
        API,
        False,
    ),
    ("a database that is down explains the API", DATABASE, API, True),
    ("… and its burning budget", DATABASE, FAST, True),
    (
        "… but a database that nothing of its chain needs does not",
        {**DATABASE, "source": "postgres.other", "service": "postgres.other"},
        API,
        False,
    ),
    ("… nor do damaged pages", {**DATABASE, "alertname": "DatabaseDataCorrupt"}, API, False),
    ("what woke nobody silences nothing that must", {**DATABASE, "priority": "p2"}, API, False),
    (
        "… nor at once what is no more urgent, as a window may mute it",
        {**DATABASE, "priority": "p2"},
        {**API, "priority": "p2"},
        False,
    ),
    ("a slow API does not hide that the website fails", {**FAST, "sli": "latency"}, WEB, False),
    ("… nor does a part of its requests that fail", FAILING, WEB, False),
    ("… and the website, which depends on the API", DATABASE, WEB, True),
    ("an API that is down explains the website", API, WEB, True),
    (
        "a warning about the database explains nothing",
        {**DATABASE, "severity": "warning", "priority": "p3"},
        API,
        False,
    ),
    ("the API does not hide its database", API, DATABASE, False),
    ("a database that is up again explains the API for a while", COVER, API, True),
    ("… and no burn rate", COVER, FAST, False),
    ("… unless it was told as less urgent", {**COVER, "hides": "p2"}, API, False),
    ("… than what it explains", {**COVER, "hides": "p2"}, {**API, "priority": "p2"}, True),
    ("… which it explains for longer", {**COVER, "covers": "budget"}, FAST, True),
    ("… and nothing but that", {**COVER, "covers": "budget"}, API, False),
    ("… nor another service", COVER, WEB, False),
    ("… nor a cause", COVER, {**API, "kind": "cause"}, False),
    ("what is down is not read either", DATABASE, {**STALE, "alertname": "DatabaseHealthDegraded"}, True),
    ("… but whoever hears of that elsewhere does not know", DATABASE, STALE, False),
    (
        "… nor connected to",
        DATABASE,
        {**DATABASE, "alertname": "DatabaseConnectionFailures", "priority": "p2"},
        True,
    ),
    (
        "another database is",
        DATABASE,
        {**STALE, "source": "postgres.other", "service": "postgres.other"},
        False,
    ),
    ("no exporter, no sources, which others hear of", EXPORTER, STALE, False),
    (
        "no exporter, no traffic of which it says nothing",
        EXPORTER,
        {**ERRORS, "alertname": "TrafficStopped"},
        False,
    ),
    ("no exporter, no service levels", EXPORTER, MISSING, True),
    ("no exporter, no drills", EXPORTER, DRILL, True),
    ("no exporter, yet the database was reported before", EXPORTER, DATABASE, False),
    (
        "the heartbeat is never covered",
        EXPORTER,
        {"alertname": "Watchdog", "severity": "none", "priority": "p4"},
        False,
    ),
    ("a known issue covers its alert", KNOWN, DEGRADED, True),
    ("… and nothing else of the service", KNOWN, WEB, False),
    ("… nor its alert elsewhere", KNOWN, {**DEGRADED, "service": "api"}, False),
    ("… and its escalation", KNOWN, unresolved(DEGRADED), True),
    ("an escalation is covered as its alert is", DATABASE, unresolved(API), True),
    (
        "an escalation covers no other one",
        unresolved(DATABASE),
        unresolved({**DATABASE, "alertname": "DatabaseFull", "severity": "warning"}),
        False,
    ),
]


@pytest.fixture(scope="module", params=["packaged", "newest"])
def program(request: pytest.FixtureRequest) -> Path:
    return binary("alertmanager") if request.param == "packaged" else forky_binary("alertmanager")


@pytest.fixture(scope="module")
def here() -> Iterator[Sinks]:
    with sinks() as running:
        yield running


def _environment(patch: pytest.MonkeyPatch, folder: Path, here: Sinks) -> None:
    write_secrets(folder / "secrets", here)
    patch.setenv("PLATFORM_SECRETS_DIR", str(folder / "secrets"))
    patch.setenv("TEST_SINKS", here.url)
    patch.setenv("TEST_SMTP", here.smtp)


def _alert(labels: Labels, **more: str) -> dict[str, Any]:
    return {
        "labels": {name: value for name, value in {**labels, "platform": "whole", **more}.items() if value}
    }


def test_the_table_of_inhibition(
    program: Path, here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(monkeypatch, tmp_path, here)
    with alertmanager(program, WHOLE, tmp_path) as running:
        for row, (_, source, target, _) in enumerate(TABLE):
            running.post(_alert(source, environment=f"row-{row}", side="source"))
            running.post(_alert(target, environment=f"row-{row}", side="target"))
            # Another platform's alert of the same kind is never touched.
            running.post(_alert({**target, "side": "elsewhere"}, environment=f"elsewhere-{row}"))

        def wrong() -> list[str]:
            seen = {
                (a["labels"]["environment"], a["labels"]["side"]): a["status"]["inhibitedBy"]
                for a in running.alerts()
            }
            return [
                name
                for row, (name, _, _, inhibited) in enumerate(TABLE)
                if bool(seen[f"row-{row}", "target"]) is not inhibited
                or seen[f"elsewhere-{row}", "elsewhere"]
            ]

        with suppress(TimeoutError):  # it hears of alerts one after the other
            wait_until(lambda: not wrong(), 20, "every row to hold")
        assert wrong() == []


def _with_windows(folder: Path, now: datetime) -> Path:
    """Return the whole platform file with windows that are open now, and business hours that are not."""
    yesterday, tomorrow = now - timedelta(days=1), now + timedelta(days=1)
    text = outside_windows(folder).read_text()
    text = text.replace(
        "from: 2025-12-30 22:00, to: 2026-01-03 02:00",
        f"from: {yesterday:%Y-%m-%d %H:%M}, to: {tomorrow:%Y-%m-%d %H:%M}",
    )
    text = text.replace(
        "  known_issues:",
        "    - title: Slow\n      mutes: [performance]\n"
        f"      once: {{from: {yesterday:%Y-%m-%d %H:%M}, to: {tomorrow:%Y-%m-%d %H:%M}}}\n  known_issues:",
    )
    far = DAYS[(now.weekday() + 3) % 7]
    text = text.replace("days: [monday, tuesday, wednesday, thursday, friday]", f"days: [{far}]")
    file = folder / "whole.yml"
    file.write_text(text)
    return file


def test_windows_and_hours_hold_messages_back_except_of_p1(
    program: Path, here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(monkeypatch, tmp_path, here)
    mark = program.parts[1]
    with alertmanager(program, _with_windows(tmp_path, datetime.now(UTC)), tmp_path) as running:
        rows = [
            (f"{mark}-critical", {**API, "alertname": "Outage"}, True),
            (f"{mark}-muted", {**API, "alertname": "Slow", "severity": "warning", "priority": "p3"}, False),
            (f"{mark}-another", {**WEB, "alertname": "Slow", "severity": "warning", "priority": "p3"}, True),
            (f"{mark}-slow", {**API, "alertname": "LatencyHigh", "priority": "p3"}, False),
            (f"{mark}-late", {**WEB, "alertname": "LatencyHigh", "priority": "p3"}, False),
            (f"{mark}-full", {**DISK, "alertname": "DiskFull", "priority": "p3"}, True),
            (f"{mark}-unmeasured", {**MISSING, "service": "web", "sli": "latency"}, True),
            (f"{mark}-night", {**WEB, "alertname": "Tidy", "severity": "info", "priority": "p4"}, False),
        ]
        for name, labels, _ in rows:
            running.post({**_alert(labels, environment=name), "annotations": {"description": name}})
        for name, labels, told in rows:
            if told:
                here.wait("slack" if labels["priority"] != "p4" else "email", name)
        # What was to be told first has been told; the rest had as long, and twice the group's interval more.
        for name, _, told in rows:
            if not told:
                assert not here.arrived("slack", name)
                assert not here.arrived("email", name)
    log = (tmp_path / "alertmanager.log").read_text()
    assert "route is within mute time" in log or "Notifications not sent" in log


def test_what_a_window_mutes_keeps_nothing_back_that_it_lets_through(
    program: Path, here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(monkeypatch, tmp_path, here)
    file = _with_windows(tmp_path, datetime.now(UTC))
    text = file.read_text().replace("services: [postgres.main, api]", "mutes: [symptom]")
    file.write_text(f"{text}    HealthUnhealthy: {{priority: p2}}\n")
    whole, part = f"{program.parts[1]}-document", f"{program.parts[1]}-check"
    down = {**API, "source": "health.api", "priority": "p2"}
    check = {**down, "alertname": "HealthCheckUnhealthy", "check": "payments", "kind": "cause"}
    with alertmanager(program, file, tmp_path) as running:
        for labels, name in ((down, whole), (check, part)):
            running.post({**_alert(labels, environment="here"), "annotations": {"description": name}})
        here.wait("slack", part)
        assert not here.arrived("slack", whole)
