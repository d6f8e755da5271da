"""Values of labels that people write into a platform file reach Alertmanager as they are, whatever they hold."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from exporter.generate import catalogue, files
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import tree as documents
from exporter.routes import tree

VALUES = ['a"b\\c', '"', "\\", "two\nlines", "a\\nb", " spaces ", "{a, b}=~'c'", "a|b.*", "ünïcode ☃"]


def quoted(value: str) -> str:
    """As Alertmanager reads it, and as the Prometheus operator writes it (openMetricsEscape)."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Documents, and Alertmanager's file: a channel for each value, and a known issue of it."""
    folder = tmp_path_factory.mktemp("hostile")
    team = {"slack": {"webhook": "${file:slack_webhook}", "channel": "#team"}, "priorities": ["p1"]}
    channels = {
        "team": team,
        **{f"only-{number}": {**team, "only": {"team": value}} for number, value in enumerate(VALUES)},
    }
    issues = [
        {"labels": {"team": value}, "ticket": "OPS-1", "expires": "2036-01-01 00:00"} for value in VALUES
    ]
    file = folder / "shop.yml"
    # JSON is YAML.
    file.write_text(
        json.dumps({"platform": "shop", "alerting": {"channels": channels, "known_issues": issues}})
    )
    found = catalogue(file)
    config = folder / "alertmanager.yml"
    config.write_text(files(found)["alertmanager/alertmanager.yml"])
    return documents(found)["alertmanager/alertmanager.yml"], config


def test_alertmanager_takes_the_file(generated: tuple[dict[str, Any], Path], amtool: Path) -> None:
    done = subprocess.run([amtool, "check-config", generated[1]], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("number", "value"), list(enumerate(VALUES)), ids=map(repr, VALUES))
def test_each_value_is_itself_and_no_other(
    number: int, value: str, generated: tuple[dict[str, Any], Path], amtool: Path
) -> None:
    document, config = generated
    receivers = f"team,only-{number}"
    test = ["config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receivers}"]
    done = subprocess.run(
        [amtool, *test, "priority=p1", f"team={quoted(value)}"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ours = tree(document).match({"priority": "p1", "team": value})
    assert ",".join(end.receiver for end in ours) == receivers


def test_known_issues_name_the_value(generated: tuple[dict[str, Any], Path]) -> None:
    document, _ = generated
    silenced = [
        Matcher.parse(text).value
        for rule in document["inhibit_rules"]
        for text in rule["target_matchers"]
        if text.startswith("team = ")
    ]
    assert silenced == VALUES


def test_names_on_the_status_page_are_no_patterns() -> None:
    """The operator gets values without quotes and escapes; the pattern for a name with a dot has one backslash."""
    found = documents(catalogue(Path(__file__).parents[2] / "platforms" / "pitchey.yml"))
    [page] = [
        route
        for route in found["alertmanager/alertmanager.yml"]["route"]["routes"]
        if route.get("receiver") == "status-page"
    ]
    [service] = [matcher for text in page["matchers"] if (matcher := Matcher.parse(text)).label == "service"]
    assert service.holds({"service": "postgres.main"})
    assert not service.holds({"service": "postgresqmain"})
    assert "\\\\" not in service.value
