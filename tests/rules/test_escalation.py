"""When what nobody has solved is told further: counted from when people could know. By promtool."""

import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.generate import catalogue, files, write

PLATFORM = """
platform: shop
sources:
  health: {api: {url: "https://shop.example/health"}, web: {url: "https://shop.example/web"}}
services:
  api: {title: API, question: 'Can customers order?', signals: {health: api}, objectives: {availability: 99.9%}}
  web:
    title: Website
    question: Is it there?
    signals: {health: web}
    objectives: {availability: 99%}
    depends_on: [api]
alerting:
  channels: {team: {slack: {webhook: "${file:slack}", channel: "#team"}, priorities: [p1, p2, p3, p4]}}
  escalation: [{after: 30m, priorities: [p1, p2], channels: [team]}]
"""
KNOWN = """
  known_issues:
    - alert: ErrorRateHigh
      labels: {service: web, environment: production}
      ticket: OPS-1
      expires: "1970-01-01 01:00"
"""
UNEVEN = "monitoring: {evaluation_interval: 7s}\n"
WINDOW = "  maintenance: [{title: Works, once: {from: 2036-01-01, to: 2036-01-02}MORE}]\n"
OPEN = {'platform_exporter_maintenance_active{window="works"}': "1x60 0x120"}


def _alert(name: str, priority: str, **labels: str) -> str:
    said = {"alertname": name, "priority": priority, "kind": "symptom", "severity": "critical"} | labels
    return "{" + ", ".join(f'{label}="{value}"' for label, value in said.items()) + "}"


ERRORS = _alert("ErrorRateHigh", "p2", service="web")
MEDIUM = _alert("ErrorBudgetBurnMedium", "p1", service="web", slo="web-availability", slo_tier="medium")


def _firing(labels: str, values: str = "1x180") -> dict[str, str]:
    return {"ALERTS" + labels[:-1] + ', alertstate="firing"}': values}


@pytest.mark.parametrize(
    ("more", "about", "series", "from_minute"),
    [
        ("", ERRORS, {}, 30),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "1x60"), 93),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p3", service="api"), "1x60"), 30),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "_x33 1x20 stale"), 30),
        (UNEVEN, ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "_x33 1x20 stale"), 30),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "_x40 1x29 stale"), 30),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "_x10 1x140"), 30),
        ("", ERRORS, _firing(_alert("HealthUnhealthy", "p1", service="api"), "_x5" + " 1 stale _x9" * 7), 30),
        (
            "",
            _alert("ErrorRateHigh", "p2", service="api"),
            _firing(
                _alert("ErrorBudgetBurnFast", "p1", service="api", sli="availability", slo_tier="fast"),
                "1x60",
            ),
            90,
        ),
        (
            "",
            ERRORS,
            _firing(
                _alert("ErrorBudgetBurnFast", "p1", service="web", sli="availability", slo_tier="fast"),
                "1x60",
            ),
            30,
        ),
        (
            "",
            MEDIUM,
            _firing(
                _alert("ErrorBudgetBurnFast", "p1", service="web", slo="web-availability", slo_tier="fast"),
                "1x60",
            ),
            90,
        ),
        (
            "",
            MEDIUM,
            _firing(
                _alert("ErrorBudgetBurnFast", "p1", service="web", slo="web-latency", slo_tier="fast"), "1x60"
            ),
            30,
        ),
        (KNOWN, ERRORS, {}, 90),
        (WINDOW.replace("MORE", ""), ERRORS, OPEN, 90),
        (WINDOW.replace("MORE", ""), MEDIUM, OPEN, 30),
        (WINDOW.replace("MORE", ", services: [web]"), ERRORS, OPEN, 90),
        (WINDOW.replace("MORE", ", services: [api]"), ERRORS, OPEN, 30),
        (WINDOW.replace("MORE", ", mutes: [symptom]"), ERRORS, OPEN, 90),
        (WINDOW.replace("MORE", ", mutes: [performance]"), ERRORS, OPEN, 30),
        (
            WINDOW.replace("MORE", ", mutes: [performance]"),
            _alert("LatencyHigh", "p2", service="web"),
            OPEN,
            90,
        ),
        (
            WINDOW.replace("MORE", ", mutes: [symptom]"),
            _alert("LatencyHigh", "p2", service="web"),
            OPEN,
            30,
        ),
    ],
    ids=[
        "told at once",
        "a dependency was down",
        "a dependency that was told as less urgent",
        "a dependency that goes down when it was told further",
        "… with another interval of evaluation",
        "… for as long as a step",
        "… when it was told, and stays down",
        "a dependency that comes and goes",
        "a burning budget spoke for it",
        "… of a service that depends on another, which may hide that",
        "a faster burn spoke for it",
        "a faster burn of another service level",
        "it was known",
        "in a window",
        "p1 in a window",
        "in a window of its service",
        "in a window of another service",
        "in a window for its kind",
        "in a window for another kind",
        "slow in a window for that",
        "slow in a window for what fails",
    ],
)
def test_it_counts_from_when_people_could_know(
    more: str, about: str, series: dict[str, str], from_minute: int, promtool: Path, tmp_path: Path
) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM + more)
    write(files(catalogue(file)), tmp_path)
    series = {**_firing(about), "ALERTS_FOR_STATE" + about: "0x180", **series}
    name = about.partition('"')[2].partition('"')[0]
    test = {
        "rule_files": ["prometheus/rules/*escalation.yml"],
        "group_eval_order": ["escalation", "alerts-escalation"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="Unresolved", alert="{name}", alertstate="firing"}})',
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if minute > from_minute else [],
                    }
                    # Series end five minutes after their last value. Whatever was told further stays so.
                    for minute in (from_minute - 2, *range(from_minute + 8, 150))
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
