"""Who hears of what in the demo, by amtool. Every alert of every platform is in test_every_route.py.

What people read is in tests/integration/test_notifications.py, what is kept back in test_kept_back.py beside it.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.generate import catalogue, files
from exporter.platform.values import Duration
from tests.rules.conftest import GOLDEN

CONFIG = GOLDEN / "alertmanager" / "alertmanager.yml"
EXPECTED = Path(__file__).parent / "expected"
TEMPLATES = GOLDEN / "alertmanager" / "templates" / "*.tmpl"

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


@pytest.mark.parametrize(("labels", "receivers"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES])
def test_routes(labels: dict[str, str], receivers: str, amtool: Path) -> None:
    test = ["config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}"]
    alert = [f"{name}={value}" for name, value in labels.items()]
    done = subprocess.run([amtool, *test, *alert], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


DOCUMENT = {"service": "health.all", "source": "health.all"}


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({**DOCUMENT, "alertname": "HealthUnhealthy", "kind": "symptom", "priority": "p1"}, "pager,critical"),
        ({**DOCUMENT, "alertname": "HealthDegraded", "kind": "symptom", "priority": "p3"}, "warning"),
        ({**DOCUMENT, "check": "redis", "kind": "cause", "priority": "p2"}, "pager,critical"),
        ({"service": "postgres.main", "kind": "cause", "priority": "p2"}, "pager,critical"),
    ],
    ids=["the document", "the document, degraded", "one check", "the database"],
)
def test_the_page_of_pitchey_follows_its_health_document(
    labels: dict[str, str], receivers: str, amtool: Path, tmp_path: Path
) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(files(catalogue(Path("platforms/pitchey.yml")))["alertmanager/alertmanager.yml"])
    test = ["config", "routes", "test", f"--config.file={config}"]
    expected = f"--verify.receivers=status-page,{receivers}"
    alert = [f"{name}={value}" for name, value in labels.items()]
    done = subprocess.run([amtool, *test, expected, *alert], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_the_configuration(amtool: Path) -> None:
    done = subprocess.run([amtool, "check-config", CONFIG], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_critical_covers_warnings_about_the_same_thing_alone() -> None:
    """A label that a rule can have and the table of inhibition does not know would let one script hide another."""
    said = {"alertname", "escalation", "kind", "priority", "severity", "ticket"}
    documents = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in EXPECTED.glob("*.yml")]
    labels = {
        label
        for document in documents
        for test in document["tests"]
        for tried in test.get("alert_rule_test", ())
        for alert in tried.get("exp_alerts") or ()
        for label in alert["exp_labels"]
    }
    assert {"script_name", "mountpoint", "queryid"} <= labels
    known = [
        set(rule["equal"])
        for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]
        if 'severity = "critical"' in rule["source_matchers"]
    ]
    assert [labels - said - equal for equal in known] == [set()]


def test_the_end_reaches_the_status_page_at_the_next_tick() -> None:
    """Alertmanager forgets what it told after twice repeat_interval; what it has forgotten does not end."""
    routes = yaml.safe_load(CONFIG.read_text())["route"]["routes"]
    [page] = [route for route in routes if route.get("receiver") == "status-page"]
    tick, repeat = (Duration.parse(page[key]) for key in ("group_interval", "repeat_interval"))
    assert repeat < tick < 2 * repeat


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


def test_a_text_message_names_what_is_new(amtool: Path, tmp_path: Path) -> None:
    """Alertmanager sorts alerts by their labels; the newest is why the message is sent."""
    notification = _notification("firing")
    [first] = notification["alerts"]

    def since(name: str, service: str, began: str) -> dict[str, Any]:
        labels = {**first["labels"], "alertname": name, "service": service}
        annotations = {"summary": f"{name} it is."}
        return {**first, "labels": labels, "annotations": annotations, "startsAt": began, "fingerprint": name}

    alone = since("ApiDown", "api", "2026-11-20T08:00:00Z")
    new = since("QueueFull", "queue", "2026-11-20T09:00:00Z")
    sibling = since("WebSlow", "web", "2026-11-20T08:56:00Z")
    for alerts, text in (
        ([alone], "[P0] ApiDown api: ApiDown it is."),
        ([alone, new], "[P0] QueueFull queue: QueueFull it is. 2 alerts fire."),
        ([alone, new, sibling], "[P0] QueueFull queue: QueueFull it is. Also: WebSlow web. 3 alerts fire."),
        (
            [new, *(since(f"Web{number}", "web", "2026-11-20T08:59:00Z") for number in range(200))],
            "[P0] QueueFull queue: QueueFull it is. Also: Web0 web, Web1 web, Web2 web, Web3 web, Web4 web. "
            "201 alerts fire.",
        ),
    ):
        assert _rendered(amtool, "platform.sms", {**notification, "alerts": alerts}, tmp_path) == text


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
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")
