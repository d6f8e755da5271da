"""Every generated alert of every platform file has a row: its receivers by amtool, of both versions, and by ours.

Printed: how many rules have one, of how many.
"""

import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.generate import catalogue, files
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import tree as documents
from exporter.routes import Route, alerts, rows, tree

ROOT = Path(__file__).parents[2]
PLATFORMS = sorted((ROOT / "platforms").glob("*.yml"))
WHOLE = ROOT / "tests" / "support" / "whole.yml"

Json = dict[str, Any]


@pytest.fixture(scope="module", params=PLATFORMS, ids=lambda path: path.stem)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Json, Json, Path]:
    """Catalogue, documents, and Alertmanager's file on disk."""
    found = catalogue(request.param)
    folder = tmp_path_factory.mktemp(request.param.stem)
    config = folder / "alertmanager.yml"
    config.write_text(files(found)["alertmanager/alertmanager.yml"])
    return found, documents(found), config


def _as_it_comes(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels that are templates say what an alert of an API would make of them."""
    made = {"alert": "HealthUnhealthy", "dependency": "postgres.main", "kind": "symptom", "service": "api"}
    return {name: made.get(name, "x") if "{{" in value else value for name, value in labels.items()}


def _same(amtool: Path, config: Path, root: Route, labels: Mapping[str, str]) -> None:
    receivers = ",".join(end.receiver for end in root.match(labels))
    assert receivers, "an alert that goes nowhere"
    test = ["config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receivers}"]
    alert = [f"{name}={value}" for name, value in labels.items() if value]
    done = subprocess.run([amtool, *test, *alert], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{labels}: we say {receivers}; {done.stdout}{done.stderr}"


def test_every_alert_has_a_row_and_amtool_agrees(generated: tuple[Json, Json, Path], amtool: Path) -> None:
    found, tree_documents, config = generated
    root, rules = tree(tree_documents["alertmanager/alertmanager.yml"]), alerts(tree_documents)
    place = {"platform": found["platform"], "environment": found["environment"]}
    # Rules that agree in all labels that a matcher names go the same way; one of them is asked for.
    named = sorted({matcher.label for route in root.walk() for matcher in route.matchers})
    asked: dict[tuple[str, ...], dict[str, str]] = {}
    for rule in rules:
        labels = {**_as_it_comes(rule), **place}
        asked.setdefault(tuple(labels.get(name, "") for name in named), labels)
    for labels in asked.values():
        _same(amtool, config, root, labels)
    shown = {(row.alert, service) for row in rows(found, tree_documents) for service in row.services}
    with_row = [rule for rule in rules if (rule["alertname"], rule["service"]) in shown]
    print(
        f"\n{found['platform']}: {len(with_row)} of {len(rules)} rules have a row; "
        f"{len(asked)} ways asked of {amtool}"
    )
    assert with_row == rules


def test_every_alert_reaches_somebody(generated: tuple[Json, Json, Path]) -> None:
    """By its priority, not because nothing else matched; what is for nobody is said to be so."""
    found, tree_documents, _ = generated
    wrong = [
        (row.alert, row.priority, row.receivers)
        for row in rows(found, tree_documents)
        if "default" in row.receivers
    ]
    assert wrong == []


def test_p1_is_never_muted_and_never_waits(generated: tuple[Json, Json, Path]) -> None:
    for row in rows(generated[0], generated[1]):
        if row.priority == "p1":
            assert (row.mutes, row.hours) == ((), ())


def test_text_messages_have_one_group_and_five_minutes(generated: tuple[Json, Json, Path]) -> None:
    found, tree_documents, _ = generated
    phones = {channel["name"] for channel in found["alerting"]["channels"] if channel["kind"] == "sms"}
    root = tree(tree_documents["alertmanager/alertmanager.yml"])
    routes: list[Route] = [
        route
        for route in root.walk()
        if route.receiver in phones and Matcher("alertname", "=", "Drill") not in route.matchers
    ]
    assert len(routes) == len(phones)
    for route in routes:
        assert route.group_by == ("platform",)
        assert route.group_interval in {"5m", "10m"}
        assert route.children == ()


PHONE = """
platform: shop
alerting:
  channels:
    team: {{slack: {{webhook: "${{file:slack_webhook}}", channel: "#team"}}, priorities: [p1, p2, p3, p4]}}
    phone: {{sms: {{numbers: ["+15550100123"], region: eu-west-1}}}}
  {hours}
  alerts:
    DiskFull: {{channels: [phone], priority: {priority}}}
"""
HOURS = "business_hours: {priorities: [p4], from: '09:00', to: '18:00'}"
WINDOW = "maintenance: [{title: Weekly, weekly: {days: [sunday], from: '02:00', to: '04:00'}}]"


@pytest.mark.parametrize("hours", ["", HOURS, WINDOW], ids=["", "hours", "window"])
def test_an_alert_of_two_levels_is_one_group_on_the_phone(hours: str, tmp_path: Path) -> None:
    """An urgent level and a milder one in two groups would be two messages in five minutes."""
    file = tmp_path / "shop.yml"
    file.write_text(PHONE.format(hours=hours, priority="p2"))
    root = tree(documents(catalogue(file))["alertmanager/alertmanager.yml"])
    ends = [
        root.match({"alertname": "DiskFull", "priority": priority, "service": "node"})
        for priority in ("p2", "p3")
    ]
    assert ends[0] == ends[1]
    assert [end.receiver for end in ends[0]] == ["phone"]
    assert ends[0][0].group_by == ("platform",)
    assert ends[0][0].mutes == (("maintenance-weekly",) if hours == WINDOW else ())


def test_alerts_of_all_kinds_go_where_amtool_says(amtool: Path, tmp_path: Path) -> None:
    """Forty alerts made of every value that a matcher of the whole platform file names, and some that none does."""
    found = catalogue(WHOLE)
    config = tmp_path / "alertmanager.yml"
    config.write_text(files(found)["alertmanager/alertmanager.yml"])
    root = tree(documents(found)["alertmanager/alertmanager.yml"])
    values: dict[str, set[str]] = {}
    for route in root.walk():
        for matcher in route.matchers:
            values.setdefault(matcher.label, {"", "other"}).update(matcher.value.split("|"))
    dice = random.Random(5)
    for _ in range(40):
        _same(amtool, config, root, {label: dice.choice(sorted(known)) for label, known in values.items()})
