"""Every alert of every platform file fires when it must, is silent when it must be, and says exactly what it should.

The files in `expected/` are promtool's own tests. UPDATE_GOLDEN=1 writes them anew from the scenarios: read the
difference before you commit it.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from exporter.generate import alert_settings, catalogue, files, write
from tests.rules.coverage import ALWAYS_FIRING, HERE, alert_rules, observed, rule_test, scenarios
from tests.support.dashboards import parsed, selectors, shown
from tests.support.programs import binary

ROOT = HERE.parents[1]
# Alerts of what no page draws: they lead to the page alone.
WITHOUT_PANEL = {
    "AlertmanagerReloadFailed",
    "PrometheusReloadFailed",
    "PrometheusStorageFailing",
    "RulesOutdated",
    "StatusPageBehind",
    "Watchdog",
}
# Those whose panel tells the same by another figure.
BY_ANOTHER_FIGURE = {
    "BusinessUnusual",  # the counter, of which the recorded levels are made
    "DatabaseConnectionsHigh",  # connections, beside how many there may be
    "DatabasePreparedOld",  # what a prepared transaction holds back
    "DatabaseSlotInactive",  # what the slots keep
    "DatabaseSlotUnsafe",
    "DependencyDown",  # what fires
    "ExporterRestarts",  # memory, which restarts cut
    "HealthDegraded",  # recorded from the same document
    "HealthUnhealthy",
    "KnownIssue",
    "LatencyMeanHigh",  # the same latency by quantiles
    "PageUndelivered",  # notifications rather than attempts
    "PrometheusCannotNotify",  # no notifications
    "SliMissing",  # all events rather than the failed ones
    "TrafficHigh",  # the band, whose middle is expected
    "Unresolved",
}
HASH = (
    "hash-of-the-file"  # stands in `expected/` for that of the platform file, which any comment in it changes
)
RUNBOOKS = ROOT / "docs" / "runbooks"
PLATFORMS = sorted(path.stem for path in (ROOT / "platforms").glob("*.yml"))


class Generated:
    """A platform's generated folder with its rules, and the rule test that belongs to it."""

    def __init__(self, platform: str, folder: Path) -> None:
        document = catalogue(ROOT / "platforms" / f"{platform}.yml")
        write(files(document), folder)
        self.platform, self.folder = platform, folder
        self.rules = alert_rules(folder)
        self.wanted = rule_test(document, self.rules)
        self.expected = HERE / "expected" / f"{platform}.yml"
        self.hash = document["hash"]


@pytest.fixture(scope="module", params=PLATFORMS)
def generated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Generated]:
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith(("DEMO_", "EXPORTER_", "PROMETHEUS_", "ALERTMANAGER_", "GRAFANA_", "NODE_")):
                environment.delenv(name)
        yield Generated(request.param, tmp_path_factory.mktemp(request.param))


def test_expectations_are_those_of_the_scenarios(generated: Generated) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        _update(generated)
    present = yaml.safe_load(generated.expected.read_text(encoding="utf-8"))
    for test in present["tests"]:
        for look in test["alert_rule_test"]:
            look["exp_alerts"] = []
    assert present == generated.wanted, "run with UPDATE_GOLDEN=1 and read the difference"


def test_alerts_fire_and_are_silent_as_expected(generated: Generated, promtool: Path) -> None:
    test = generated.folder / "expected.yml"
    test.write_text(
        generated.expected.read_text(encoding="utf-8").replace(HASH, generated.hash), encoding="utf-8"
    )
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_seen_in_both_states_and_has_a_runbook_page(generated: Generated) -> None:
    tests = yaml.safe_load(generated.expected.read_text(encoding="utf-8"))["tests"]
    fired = [
        (look["alertname"], alert["exp_labels"])
        for test in tests
        for look in test["alert_rule_test"]
        for alert in look["exp_alerts"]
    ]
    silent = {
        look["alertname"] for test in tests for look in test["alert_rule_test"] if not look["exp_alerts"]
    }
    rules = generated.rules
    fires = [rule for rule in rules if any(_is(rule, name, labels) for name, labels in fired)]
    silences = [rule for rule in rules if rule["alert"] in silent | ALWAYS_FIRING]
    pages = [rule for rule in rules if (RUNBOOKS / f"{rule['alert']}.md").is_file()]
    print(
        f"\n{generated.platform}: {len(rules)} rules of {len({rule['alert'] for rule in rules})} alerts; "
        f"{len(fires)} seen firing, {len(silences)} seen silent, {len(pages)} with a runbook page"
    )
    missing = [
        (rule["alert"], rule["labels"])
        for rule in rules
        if rule not in fires or rule not in silences or rule not in pages
    ]
    assert missing == []


def test_alerts_lead_to_a_panel_that_exists(generated: Generated) -> None:
    """And the page is about what the alert is about."""
    pages = {
        page["uid"]: page
        for file in (generated.folder / "dashboards").rglob("*.json")
        for page in [json.loads(file.read_text(encoding="utf-8"))]
    }
    without = set()
    for rule in generated.rules:
        url = urlsplit(rule["annotations"]["dashboard_url"])
        page, asked = pages[url.path.rpartition("/d/")[2]], dict(parse_qsl(url.query))
        panel = asked.pop("viewPanel", None)
        if panel is None:
            without.add(rule["alert"])
        else:
            panels = [inner for outer in page["panels"] for inner in (outer, *outer.get("panels", ()))]
            assert panel in {str(each["id"]) for each in panels if each["type"] != "row"}, rule["alert"]
        choices = {
            f"var-{variable['name']}": {option["value"] for option in variable["options"]}
            for variable in page["templating"]["list"]
            if variable["type"] == "custom" and variable["name"] != "compare"
        }
        assert asked.keys() == choices.keys(), f"{rule['alert']}: {page['title']} asks for its subject"
        assert all(value in choices[name] for name, value in asked.items()), rule["alert"]
        if "var-target" in asked:
            assert rule["labels"]["source"] == f"postgres.{asked['var-target']}"
    assert without <= WITHOUT_PANEL


def test_the_panel_shows_what_the_alert_is_about(generated: Generated) -> None:
    """It asks for something that the alert asks for: no other curve moves for certain while the alert fires."""
    drawn = {
        (page["uid"], str(panel["id"])): _asked(target["expr"] for target in panel["targets"])
        for file in (generated.folder / "dashboards").rglob("*.json")
        for page in [json.loads(file.read_text(encoding="utf-8"))]
        for panel in shown(page)
    }
    for rule in generated.rules:
        url = urlsplit(rule["annotations"]["dashboard_url"])
        panel = dict(parse_qsl(url.query)).get("viewPanel")
        if panel is not None and rule["alert"] not in BY_ANOTHER_FIGURE:
            page = url.path.rpartition("/d/")[2]
            assert _asked([rule["expr"]]) & drawn[page, panel], f"{rule['alert']}: {url.geturl()}"


def test_no_scenario_is_without_an_alert() -> None:
    assert sorted(scenarios()) == sorted(alert_settings())


def _asked(expressions: Iterable[str]) -> set[str]:
    return {selector.name for expr in expressions for selector in selectors(parsed(expr))}


def _is(rule: dict[str, Any], name: str, labels: dict[str, str]) -> bool:
    """Tell whether an alert is one of the rule's; labels that are templates may say anything."""
    fixed = {label: value for label, value in rule["labels"].items() if "{{" not in value}
    return bool(rule["alert"] == name and fixed.items() <= labels.items())


def _update(generated: Generated) -> None:
    """Ask promtool what fires where nothing is expected, and expect that."""
    test = generated.folder / "wanted.yml"
    test.write_text(yaml.safe_dump(generated.wanted), encoding="utf-8")
    found = observed(binary("promtool"), test)
    for part in generated.wanted["tests"]:
        for look in part["alert_rule_test"]:
            key = (part["name"], look["alertname"], _go(look["eval_time"]))
            look["exp_alerts"] = found.get(key, []) if part["name"].startswith("firing") else []
    text = yaml.safe_dump(generated.wanted, sort_keys=False, allow_unicode=True, width=110)
    text = text.replace(generated.hash, HASH)
    generated.expected.write_text(
        f"# Made by UPDATE_GOLDEN=1 pytest tests/rules/test_coverage.py; do not edit.\n{text}",
        encoding="utf-8",
    )
    for part in generated.wanted["tests"]:
        for look in part["alert_rule_test"]:
            look["exp_alerts"] = []


def _go(minutes: str) -> str:
    """Write minutes as promtool prints them: 90m is 1h30m."""
    hours, rest = divmod(int(minutes.removesuffix("m")), 60)
    days, hours = divmod(hours, 24)
    return (
        "".join(f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "m")) if number)
        or "0s"
    )
