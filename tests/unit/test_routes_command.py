"""`platform-exporter routes`: the table for people, as JSON, and where certain labels go."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.generate.matcher import Matcher

WHOLE = Path(__file__).parents[1] / "support" / "whole.yml"
COMMAND = Path(sys.executable).with_name("platform-exporter")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "routes", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "250"},
    )


def test_the_table_says_who_is_told_of_what() -> None:
    done = run("-p", str(WHOLE))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: " ".join(line.split()) for line in done.stdout.splitlines() if line.strip()}
    assert lines["DatabaseDown"] == (
        "DatabaseDown Critical postgres.main pager, critical, engineering, oncall-phone 30m – "
        "5m: critical; 15m: lead; 30m: management"
    )
    assert lines["Watchdog"] == "Watchdog Low prometheus heartbeat – – –"


def test_the_table_as_json() -> None:
    done = run("-p", str(WHOLE), "--json")
    [row] = [row for row in json.loads(done.stdout) if row["alert"] == "ExporterDown"]
    assert row["receivers"] == ["high", "engineering"]
    assert row["mutes"] == ["maintenance-weekly-maintenance"]
    assert row["escalation"] == [["15m", ["lead"]]]


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["priority=p1"], "pager,critical,engineering,oncall-phone"),
        (["priority=p2", "audience=business"], "high,engineering,support"),
        (["priority=p3", "alertname=SourceStale"], "medium"),
        (["escalation=15m", "priority=p2"], "lead"),
        (["severity=critical"], "default"),
    ],
)
def test_labels_lead_to_receivers(labels: list[str], receivers: str) -> None:
    assert run("test", "-p", str(WHOLE), *labels).stdout == f"{receivers}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the platform file with -p FILE"),
        (["test", "-p", str(WHOLE), "p1"], "'p1' is no label"),
        (["-p", "nothing.yml"], "No such file"),
    ],
)
def test_mistakes_are_told(words: list[str], message: str) -> None:
    done = run(*words)
    assert (done.returncode, message in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("matcher", "value", "holds"),
    [
        ('a = "x"', "x", True),
        ('a = "x"', "xy", False),
        ('a != "x"', "", True),
        ('a =~ "x|y"', "y", True),
        ('a =~ "x|y"', "xy", False),
        ('a !~ "x|y"', "x", False),
        ('a =~ "postgres\\\\.main"', "postgres.main", True),
        ('a =~ "postgres\\\\.main"', "postgresqmain", False),
    ],
)
def test_matchers_are_anchored(matcher: str, value: str, holds: bool) -> None:
    assert Matcher.parse(matcher).holds({"a": value}) is holds


def test_a_matcher_that_nobody_generates() -> None:
    with pytest.raises(ValueError, match="is no matcher"):
        Matcher.parse("a=b")
