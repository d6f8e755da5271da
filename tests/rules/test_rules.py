"""Every alert fires when it must, is silent when it must be, and leads to a page that helps."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.generate import alert_settings
from exporter.generate.runbooks import BEGIN, END
from tests.rules.conftest import GOLDEN

HERE = Path(__file__).parent
RUNBOOKS = HERE.parents[1] / "docs" / "runbooks"
TESTS = sorted(HERE.glob("*.yml"))
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"]
KINDS = {"symptom", "cause", "capacity", "anomaly", "security", "meta"}


def _alerts() -> list[dict[str, Any]]:
    return [
        rule
        for file in sorted((GOLDEN / "prometheus" / "rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


ALERTS = _alerts()
NAMES = sorted(alert_settings())


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_behave_as_written_down(file: Path, promtool: Path) -> None:
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_configuration_and_rules(promtool: Path) -> None:
    file = GOLDEN / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "duplicate" not in done.stdout + done.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['service']}")
def test_alerts_carry_what_people_and_routes_need(rule: dict[str, Any]) -> None:
    labels, annotations = rule["labels"], rule["annotations"]
    assert labels["severity"] in {"critical", "warning", "info", "none"}
    assert labels["priority"] in {"p1", "p2", "p3", "p4"}
    assert labels["kind"] in KINDS | {"{{ $labels.kind }}"}, "Unresolved has the kind of what it is about"
    assert labels["service"]
    assert annotations.keys() == {
        *("summary", "description", "impact", "action", "value", "threshold", "runbook_url", "dashboard_url")
    }
    assert annotations["summary"].endswith(".")
    assert "{{" not in annotations["summary"], (
        "the summary is the name of a group of messages; it stays the same"
    )
    assert "%(" not in str(rule)
    assert "for" in rule or labels["severity"] == "none", "what people hear of waits a moment"


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook_page(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert BEGIN in page, "make golden writes the facts"
    assert "```sh\n" in page or "```sql\n" in page or "```promql\n" in page.partition(END)[2], (
        "diagnosis has commands"
    )
    assert len(page.replace(page.partition(BEGIN)[2].partition(END)[0], "")) > 750, (
        "a page that says nothing helps nobody"
    )
    for link in re.findall(r"\]\((\w+)\.md", page):
        assert (RUNBOOKS / f"{link}.md").is_file(), f"{name}.md leads to {link}.md, which does not exist"


def test_no_runbook_page_is_left_without_an_alert() -> None:
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == NAMES


def test_calls_of_runbooks_that_name_labels_are_not_taken_apart_by_curl() -> None:
    """Without --globoff, curl makes several addresses of what stands between braces."""
    calls = [
        (page.name, address)
        for page in sorted(RUNBOOKS.glob("*.md"))
        for line in page.read_text().splitlines()
        if "curl " in line and "--globoff" not in line
        for address in re.findall(r"https?://[^\s'`]+", line)
    ]
    assert calls
    assert [call for call in calls if set("{}[]") & set(call[1])] == []


def test_calls_of_runbooks_name_the_port() -> None:
    """Of the parts of the stack; where the product listens, its address says."""
    parts = "PROMETHEUS|ALERTMANAGER|EXPORTER"
    assert [page.name for page in RUNBOOKS.glob("*.md") if re.search(f"//({parts})/", page.read_text())] == []
