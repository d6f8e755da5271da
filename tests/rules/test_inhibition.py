"""Nobody is kept from hearing what is news: every pair of alerts that the generated inhibition can bring together.

A pair is two generated rules of one platform of which one can silence the other: the matchers hold, and no label that
must be equal says two things. What series give (checks, instances) is taken as equal.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.generate import catalogue
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import tree as documents
from exporter.routes import Route, alerts, tree

ROOT = Path(__file__).parents[2]
PLATFORMS = [*sorted((ROOT / "platforms").glob("*.yml")), ROOT / "tests" / "support" / "whole.yml"]

Labels = Mapping[str, str]
Pair = tuple[Labels, Labels]

SHOP = """
platform: shop
sources:
  postgres: {main: {dsn: "${env:DATABASE_URL}"}}
  health: {web: {url: "https://shop.example/health"}}
services:
  web:
    title: Website
    question: Can customers buy?
    signals: {metrics: {total: orders_total, bad: "orders_total{state='failed'}", events: orders}}
    objectives: {availability: 99%}
    depends_on: [postgres.main, health.web]
alerting:
  channels:
    team: {slack: {webhook: "${file:slack}", channel: "#team"}, priorities: [p1, p2, p3, p4]}
    dba: {slack: {webhook: "${file:slack}", channel: "#dba"}}
  escalation: [{after: 5m, channels: [dba]}]
"""
KNOWN = "  known_issues: [{alert: ALERT, ticket: OPS-1, expires: 2036-01-01}]\n"
ELSEWHERE = "  alerts: {ALERT: {channels: [dba]}}\n"
MILDER = "  alerts: {ALERT: {priority: p4}}\n"
MUTED = """
  alerts: {ALERT: {priority: p2}}
  maintenance: [{title: Works, once: {from: 2036-01-01, to: 2036-01-02}, WINDOW}]
"""
WINDOWS = (
    "mutes: [symptom]",
    "mutes: [cause]",
    "mutes: [performance]",
    "services: [postgres.main]",
    "services: [web]",
    "services: []",
)
OF_ALERTS = ("KnownIssue", "DependencyDown", "Watchdog")
"""Alerts about the monitoring of alerts, which are not escalated."""
SPEAKERS = ("DatabaseDown", "HealthUnhealthy", "ErrorBudgetBurnFast", "ErrorBudgetBurnMedium", "ExporterDown")


def _pairs(found: dict[str, Any], generated: dict[str, Any]) -> Iterator[Pair]:
    rules = _alerts(found, generated)
    for rule in generated["alertmanager/alertmanager.yml"]["inhibit_rules"]:
        sources, targets = (
            [labels for labels in rules if all(map(_holds(labels), rule[f"{side}_matchers"]))]
            for side in ("source", "target")
        )
        for source in sources:
            for target in targets:
                if source is not target and all(_equal(source, target, name) for name in rule["equal"]):
                    yield source, target


def _alerts(found: dict[str, Any], generated: dict[str, Any]) -> list[Labels]:
    place = {"platform": found["platform"], "environment": found["environment"]}
    return [{**rule, **place} for rule in alerts(generated)]


def _holds(labels: Labels) -> Any:
    def one(written: str) -> bool:
        matcher = Matcher.parse(written)
        return "{{" in labels.get(matcher.label, "") or matcher.holds(labels)

    return one


def _equal(source: Labels, target: Labels, name: str) -> bool:
    one, other = source.get(name, ""), target.get(name, "")
    return one == other or "{{" in one + other


def _kept_back(found: dict[str, Any]) -> tuple[list[str], int]:
    """Return what is wrong with the pairs of a platform, and how many there are."""
    generated = documents(found)
    root = tree(generated["alertmanager/alertmanager.yml"])
    wrong, count = [], 0
    for source, target in _pairs(found, generated):
        if source["alertname"] in ("KnownIssue", "Unresolved") or target["alertname"] == "Unresolved":
            continue  # its own purpose; as the alert that it is about
        count += 1
        name = f"{source['alertname']} {source['service']} → {target['alertname']} {target['service']}"
        told = source["priority"]
        if source["alertname"] == "DependencyDown":
            if target["priority"] != source["hides"]:
                wrong.append(f"{name}: {target['priority']} is not {source['hides']}")
            continue  # speaks for the alerts of its dependency, which are among the sources
        if target["priority"] < told:
            wrong.append(f"{name}: {target['priority']} is more urgent than {told}")
        missed = _people(root, {**target, "priority": told}) - _people(root, source)
        if missed:
            wrong.append(f"{name}: {', '.join(sorted(missed))} would not know")
        if hidden := _windows(root, source) - _windows(root, target):
            wrong.append(f"{name}: nobody would know in {', '.join(sorted(hidden))}")
    return sorted(set(wrong)), count


def _windows(root: Route, labels: Labels) -> set[str]:
    return {window for end in root.match(labels) for window in end.mutes}


def _people(root: Route, labels: Labels) -> set[str]:
    return {end.receiver for end in root.match(labels)} - {"status-page", "silent"}


@pytest.mark.parametrize("file", PLATFORMS, ids=lambda path: path.stem)
def test_what_is_kept_back_was_told_as_urgently_to_the_same_people(file: Path) -> None:
    wrong, count = _kept_back(catalogue(file))
    print(f"\n{file.stem}: {count} pairs")
    assert count
    assert wrong == []


@pytest.mark.parametrize("alert", SPEAKERS)
@pytest.mark.parametrize("change", [ELSEWHERE, MILDER], ids=["told elsewhere", "told less urgently"])
def test_whatever_a_platform_changes(alert: str, change: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(SHOP + change.replace("ALERT", alert))
    assert _kept_back(catalogue(file))[0] == []


@pytest.mark.parametrize("only", ["alertname: ErrorBudgetBurnMedium", "slo_tier: medium", "slo_tier: slow"])
def test_whatever_a_channel_asks_for(only: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    slack = "slack: {webhook: '${file:slack}', channel: '#few'}"
    channel = f"    few: {{{slack}, priorities: [p1, p2, p3, p4], only: {{{only}}}}}\n"
    file.write_text(SHOP.replace("  channels:\n", "  channels:\n" + channel))
    assert _kept_back(catalogue(file))[0] == []


@pytest.mark.parametrize("alert", SPEAKERS)
@pytest.mark.parametrize("window", WINDOWS)
def test_whatever_a_window_mutes(alert: str, window: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(SHOP + MUTED.replace("ALERT", alert).replace("WINDOW", window))
    assert _kept_back(catalogue(file))[0] == []


@pytest.mark.parametrize("alert", ["DatabaseDown", "HealthUnhealthy", "ExporterDown"])
def test_what_is_known_silences_nothing_but_itself(alert: str, tmp_path: Path) -> None:
    """Of a known issue nobody is told, yet its alert is there for Alertmanager."""
    file = tmp_path / "shop.yml"
    file.write_text(SHOP + KNOWN.replace("ALERT", alert))
    found = catalogue(file)
    others = {
        target["alertname"]
        for source, target in _pairs(found, documents(found))
        if source["alertname"] == alert != target["alertname"]
    }
    assert others <= {"Unresolved"}


@pytest.mark.parametrize("file", PLATFORMS, ids=lambda path: path.stem)
def test_what_nobody_was_told_is_not_escalated(file: Path) -> None:
    """Unresolved is kept back by what keeps its alert back, and by nothing else; a milder level by the worse one's."""
    found = catalogue(file)
    generated = documents(found)
    rules = [rule for rule in _alerts(found, generated) if rule["alertname"] != "Unresolved"]
    escalated = [
        {**rule, "alertname": "Unresolved", "alert": rule["alertname"], "escalation": "5m"}
        for rule in rules
        if rule["alertname"] not in OF_ALERTS
    ]
    kept_back: set[tuple[str, str]] = set()
    not_escalated: set[tuple[str, str]] = set()
    for rule in generated["alertmanager/alertmanager.yml"]["inhibit_rules"]:
        sources, targets, later = (
            [labels for labels in among if all(map(_holds(labels), matchers))]
            for among, matchers in (
                (rules, rule["source_matchers"]),
                (rules, rule["target_matchers"]),
                (escalated, rule["target_matchers"]),
            )
        )
        for pairs, others in ((kept_back, targets), (not_escalated, later)):
            pairs |= {
                (_name(source), _name(target))
                for source in sources
                for target in others
                if _alert(source) != _alert(target)
                and _alert(target) not in OF_ALERTS
                and all(_equal(source, target, name) for name in rule["equal"])
            }
    assert kept_back
    assert not_escalated == kept_back


def _alert(labels: Labels) -> str:
    return (
        labels.get("alert") or labels["alertname"]
        if labels["alertname"] == "Unresolved"
        else labels["alertname"]
    )


def _name(labels: Labels) -> str:
    parts = (labels.get(name, "") for name in ("priority", "service", "slo", "check"))
    return " ".join([_alert(labels), *parts])
