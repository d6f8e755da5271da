"""A known issue fires until it expires, and then it ends by itself: in 1970, where promtool's clock begins."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import yaml

from exporter.generate import catalogue, files, write
from exporter.planned import KNOWN_ISSUE, planned
from exporter.platform.load import load

PLATFORM = """
platform: shop
alerting:
  known_issues:
    - {alert: DatabaseDown, ticket: OPS-42, expires: "1970-01-01 02:30", timezone: Europe/Berlin}
    - {labels: {service: legacy}, ticket: "https://tickets.example/7", expires: "1970-01-02"}
"""
TEST = """
rule_files: [prometheus/rules/alerts-escalation.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: up, values: 1x180}]
    alert_rule_test:
      - eval_time: 89m
        alertname: KnownIssue
        exp_alerts: &all
          - exp_labels:
              alert: DatabaseDown
              issue: DatabaseDown-1
              ticket: OPS-42
              service: alerting
              severity: none
              priority: p4
              kind: meta
            exp_annotations: &first
              summary: An issue is known, and its alerts are silent.
              description: 'Silent until 1970-01-01 02:30 Europe/Berlin because of OPS-42: DatabaseDown, everywhere.'
              impact: None by itself; what it silences is still broken.
              action: Solve the ticket, then take the issue out of the platform file.
              value: OPS-42
              threshold: until 1970-01-01 02:30 Europe/Berlin
              runbook_url: https://github.com/platform-exporter/platform-exporter/blob/main/docs/runbooks/KnownIssue.md
              dashboard_url: LINK
          - exp_labels: &second
              issue: labels-2
              ticket: https://tickets.example/7
              service: legacy
              severity: none
              priority: p4
              kind: meta
            exp_annotations: &other
              <<: *first
              description: >-
                Silent until 1970-01-02 00:00 UTC because of https://tickets.example/7: all alerts, with service legacy.
              value: https://tickets.example/7
              threshold: until 1970-01-02 00:00 UTC
      - eval_time: 90m
        alertname: KnownIssue
        exp_alerts: [{exp_labels: *second, exp_annotations: *other}]
"""


def test_it_ends_by_itself(promtool: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM)
    write(files(catalogue(file)), tmp_path)
    rules = (tmp_path / "prometheus/rules/alerts-escalation.yml").read_text()
    [link] = {line.split(": ", 1)[1] for line in rules.splitlines() if "dashboard_url" in line}
    test = tmp_path / "test.yml"
    test.write_text(
        yaml.safe_dump(yaml.safe_load(TEST.replace("LINK", link)))
    )  # promtool refuses a key that is merged
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_issues_are_listed_by_a_metric(tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM)
    assert dict(planned(load(file), datetime.now(UTC))) == {
        KNOWN_ISSUE: {("DatabaseDown", "OPS-42"): 5400.0, ("", "https://tickets.example/7"): 86400.0}
    }
