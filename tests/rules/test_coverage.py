"""Every alert of every platform file fires when it must, is silent when it must be, and says exactly what it should.

The files in `expected/` are promtool's own tests. UPDATE_GOLDEN=1 writes them anew from the scenarios: read the
difference before you commit it.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.generate import alert_settings, catalogue, files, write
from tests.rules.coverage import ALWAYS_FIRING, HERE, alert_rules, observed, rule_test, scenarios
from tests.support.programs import binary

ROOT = HERE.parents[1]
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
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=300)
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


def test_no_scenario_is_without_an_alert() -> None:
    assert sorted(scenarios()) == sorted(alert_settings())


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
