"""Who hears of what: routes by amtool, inhibition by its documented rule.

What people read is in tests/integration/test_notifications.py.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.conftest import GOLDEN

CONFIG = GOLDEN / "alertmanager" / "alertmanager.yml"
TEMPLATES = GOLDEN / "alertmanager" / "templates" / "*.tmpl"
RULES = yaml.safe_load(CONFIG.read_text())["inhibit_rules"]

ROUTES = [
    (
        "p1 goes to the pager, to the loud channel and to the mailbox",
        {"priority": "p1"},
        "pager,critical,oncall-mail,oncall-phone",
    ),
    (
        "support hears of business too",
        {"priority": "p2", "audience": "business"},
        "warning,oncall-mail,support-mail",
    ),
    (
        "what is unsolved goes to the step's channels alone",
        {"priority": "p1", "escalation": "30m"},
        "management",
    ),
    ("a known issue is told to nobody", {"alertname": "KnownIssue", "priority": "p4"}, "silent"),
    (
        "customers see what they feel on the status page",
        {"priority": "p1", "service": "api", "kind": "symptom"},
        "status-page,pager,critical,oncall-mail,oncall-phone",
    ),
    (
        "the page knows nothing of the monitoring",
        {"priority": "p2", "service": "api", "kind": "meta"},
        "warning,oncall-mail",
    ),
    ("p2 does not ring the phone", {"priority": "p2"}, "warning,oncall-mail"),
    ("p3 is for office hours", {"priority": "p3"}, "warning"),
    ("p4 is for whoever is curious", {"priority": "p4"}, "warning"),
    ("an alert without priority is not lost", {"severity": "critical"}, "default"),
    ("the heartbeat goes nowhere else", {"alertname": "Watchdog", "priority": "p4"}, "heartbeat"),
]

PLACE = {"platform": "demo", "environment": "demo"}
FAST = {
    "alertname": "ErrorBudgetBurnFast",
    "slo": "a",
    "slo_tier": "fast",
    "service": "api",
    "severity": "critical",
}
SLOW = {
    "alertname": "ErrorBudgetBurnSlow",
    "slo": "a",
    "slo_tier": "slow",
    "service": "api",
    "severity": "warning",
}
DATABASE = {
    "alertname": "DatabaseDown",
    "service": "postgres.main",
    "source": "postgres.main",
    "severity": "critical",
}
STALE = {
    "alertname": "SourceStale",
    "service": "postgres.main",
    "source": "postgres.main",
    "severity": "warning",
}
EXPORTER = {"alertname": "ExporterDown", "service": "platform-exporter", "severity": "critical"}
MISSING = {"alertname": "SliMissing", "service": "api", "slo": "a", "severity": "warning"}

INHIBITION = [
    ("a fast burn covers the slow one", FAST, SLOW, True),
    ("a slow burn does not hide the fast one", SLOW, FAST, False),
    ("a fast burn says nothing of another SLO", FAST, {**SLOW, "slo": "b"}, False),
    ("a fast burn does not hide a database", FAST, DATABASE, False),
    ("alerts without slo are not equal in it", FAST, {**STALE, "slo": ""}, False),
    ("a database that is down is not read either", DATABASE, STALE, True),
    ("another database is", DATABASE, {**STALE, "source": "postgres.other"}, False),
    ("a source without name is nobody's", DATABASE, {**STALE, "source": ""}, False),
    ("no exporter, no sources", EXPORTER, STALE, True),
    ("no exporter, no service levels", EXPORTER, MISSING, True),
    ("no exporter, yet the database was reported before", EXPORTER, DATABASE, False),
    ("critical covers a warning of the same name", {**STALE, "severity": "critical"}, STALE, True),
    ("the heartbeat is never covered", EXPORTER, {"alertname": "Watchdog", "severity": "none"}, False),
]


@pytest.mark.parametrize(("labels", "receivers"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES])
def test_routes(labels: dict[str, str], receivers: str, amtool: Path) -> None:
    test = ["config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}"]
    alert = [f"{name}={value}" for name, value in labels.items()]
    done = subprocess.run([amtool, *test, *alert], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_the_configuration(amtool: Path) -> None:
    done = subprocess.run([amtool, "check-config", CONFIG], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


@pytest.mark.parametrize(
    ("source", "target", "inhibited"), [row[1:] for row in INHIBITION], ids=[row[0] for row in INHIBITION]
)
def test_inhibition(source: dict[str, str], target: dict[str, str], inhibited: bool) -> None:
    assert _inhibits({**source, **PLACE}, {**target, **PLACE}) is inhibited
    elsewhere = {**target, **PLACE, "platform": "another"}
    assert not _inhibits({**source, **PLACE}, elsewhere), "one platform never silences another"


def test_every_integration_says_whether_it_tells_of_the_end() -> None:
    """A resolved heartbeat is no heartbeat; a text message for the end would break the limit of one in five minutes."""
    for receiver in yaml.safe_load(CONFIG.read_text())["receivers"]:
        for kind, integrations in receiver.items():
            for integration in integrations if isinstance(integrations, list) else ():
                quiet = receiver["name"] == "heartbeat" or kind == "sns_configs"
                assert integration["send_resolved"] is not quiet


@pytest.mark.parametrize(
    ("priority", "severity"),
    [("p1", "critical"), ("p2", "error"), ("p3", "warning"), ("p4", "info"), ("", "error")],
)
def test_pagerduty_hears_only_the_words_it_knows(
    priority: str, severity: str, amtool: Path, tmp_path: Path
) -> None:
    data = _notification("firing", priority)
    assert _rendered(amtool, "platform.pagerduty.severity", data, tmp_path) == severity


def _inhibits(source: dict[str, str], target: dict[str, str]) -> bool:
    """All matchers on both sides hold, and every label of `equal` is the same on both sides or missing on both."""
    return any(
        _matches(rule["source_matchers"], source)
        and _matches(rule["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])
        for rule in RULES
    )


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+) (=|!=|=~|!~) "(.*)"', matcher).groups()  # type: ignore[union-attr]  # no match fails the test, as it should
        pattern = value if "~" in operator else re.escape(value)
        if (re.fullmatch(pattern, labels.get(name, "")) is None) is not operator.startswith("!"):
            return False
    return True


def _notification(status: str, priority: str = "p1") -> dict[str, Any]:
    labels = {
        "alertname": "DatabaseDown",
        "service": "postgres.main",
        "severity": "critical",
        "priority": priority,
    }
    annotations = {
        "summary": "Main database does not answer.",
        "description": "Main database has refused every query (reason: connect).",
        "impact": "API fails.",
        "action": "Connect by hand.",
        "value": "pg_up 0",
        "threshold": "pg_up 0 for 1m",
        "runbook_url": "https://runbooks.example/DatabaseDown.md",
        "dashboard_url": "https://grafana.example/d/demo-technical?viewPanel=1",
    }
    return {
        "receiver": "pager",
        "status": status,
        "externalURL": "http://am:9093",
        "groupLabels": {"alertname": "DatabaseDown"},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2026-11-20T08:00:00Z",
                "endsAt": "2026-11-20T08:05:00Z",
            }
        ],
    }


def _rendered(amtool: Path, template: str, data: dict[str, Any], folder: Path, kind: str = "text") -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(data))
    done = subprocess.run(
        [
            *(amtool, "template", "render", f"--template.glob={TEMPLATES}", f"--template.type={kind}"),
            *(f"--template.data={file}", f'--template.text={{{{ template "{template}" . }}}}'),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")
