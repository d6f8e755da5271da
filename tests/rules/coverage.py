"""Scenarios that make each alert of a platform fire and keep it silent, as promtool's rule tests.

`scenarios/TOPIC.yml` holds, for each alert, the series that decide it:

    DatabaseConnectionsHigh:
      series: {'pg_connections_used_ratio{target="$target"}': $vx$n}

`$v` is a value beyond the platform's own threshold when the alert must fire, and short of it when it must be silent;
`bad` and `good` say them for alerts without a threshold. `$n` is how many minutes there are. `$service`, `$source`,
`$target`, `$slo`, `$sli`, `$priority`, `$dependency` and `$anomaly` are labels of the generated rule, so that one
scenario serves every platform.
The alert is looked at when `for` and `lead` (minutes; what its windows need to fill) are over. `alone: true` is for
alerts that read others.

Scenarios are put together in as few tests as their series allow: those with the same series and another value exclude
each other.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any

import yaml

from exporter.generate.mixin import alert_settings
from exporter.platform.values import Duration, plain

HERE = Path(__file__).parent
# Fire for ever, or for years, by design, so there is no state in which they are silent.
ALWAYS_FIRING = {"KnownIssue", "Watchdog"}
RULE_FILES = "prometheus/rules/alerts-*.yml"


class Words(Template):
    """Text with the places that scenarios have; `$vx` is the value and an x."""

    idpattern = "anomaly|dependency|quota|priority|service|source|target|slo|sli|v|n"
    flags = re.ASCII


@dataclass(frozen=True, slots=True)
class Case:
    """One generated rule in one of the two states: the series, and the minute at which it is looked at."""

    alert: str
    minute: int
    series: tuple[tuple[str, str], ...]
    alone: bool
    """Whether it reads other alerts, so that none but its own may fire beside it."""


def scenarios() -> dict[str, dict[str, Any]]:
    """Return alert → scenario, from all topics."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((HERE / "scenarios").glob("*.yml")):
        found |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def alert_rules(folder: Path) -> list[dict[str, Any]]:
    """Return every alerting rule of a generated folder."""
    return [
        rule
        for file in sorted(folder.glob(RULE_FILES))
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def rule_test(catalogue: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return promtool's document for a platform, with no alert expected anywhere."""
    tests = [
        _test(f"{state}, {number}", batch)
        for state in ("firing", "silent")
        for number, batch in enumerate(_batches(_cases(catalogue, rules, state)), 1)
    ]
    return {"rule_files": [RULE_FILES], "evaluation_interval": "1m", "tests": tests}


def _cases(catalogue: dict[str, Any], rules: list[dict[str, Any]], state: str) -> Iterator[Case]:
    known = scenarios()
    for rule in rules:
        name = rule["alert"]
        if state == "silent" and name in ALWAYS_FIRING:
            continue
        scenario = known[name]
        bad, good = _values(catalogue, name, scenario)
        labels = rule["labels"]
        words = {**labels, "target": labels.get("source", ".").partition(".")[2], "n": "$n"}
        words["v"] = bad if state == "firing" else good
        minute = round(Duration.parse(rule.get("for", "0m")) / 60) + scenario.get("lead", 10)
        yield Case(
            name,
            minute,
            tuple(
                (Words(series).substitute(words), Words(str(values)).substitute(words))
                for series, values in (scenario.get("series") or {}).items()
            ),
            scenario.get("alone", False),
        )


def _values(catalogue: dict[str, Any], name: str, scenario: dict[str, Any]) -> tuple[str, str]:
    """Return a value that makes the alert fire at every level, and one that makes it fire at none."""
    if "bad" in scenario:
        return str(scenario["bad"]), str(scenario["good"])
    settings = {**alert_settings()[name], **catalogue["alerting"]["alerts"].get(name, {})}
    apart = settings.get("checks", {}).values()  # single checks with a threshold of their own
    levels = sorted(
        Decimal(each[key])
        for each in (settings, *apart)
        for key in ("threshold", "warn")
        if each.get(key) is not None
    )
    if not levels:
        return "1", "0"
    more, less = Decimal("1.25"), Decimal("0.75")
    values = (
        (levels[0] * less, levels[-1] * more)
        if settings.get("below")
        else (levels[-1] * more, levels[0] * less)
    )
    return plain(values[0]), plain(values[1])


def _batches(cases: Iterator[Case]) -> Iterator[list[Case]]:
    # Alerts that fire cost time in every minute: those that are seen soon do not share a test with slow ones.
    waiting = sorted(dict.fromkeys(cases), key=lambda case: case.minute)
    while waiting:
        batch: list[Case] = []
        taken: dict[str, str] = {}
        left = []
        soon = 2 * waiting[0].minute + 20
        for case in waiting:
            fits = case.minute <= soon and _company(case) == _company(waiting[0])
            if fits and all(taken.get(series, values) == values for series, values in case.series):
                batch.append(case)
                taken.update(case.series)
            else:
                left.append(case)
        yield batch
        waiting = left


def _company(case: Case) -> str:
    """Return what the cases of one test have in common."""
    return case.alert if case.alone else ""


def _test(name: str, batch: list[Case]) -> dict[str, Any]:
    minutes = max(case.minute for case in batch) + 2
    series = {series: values for case in batch for series, values in case.series}
    looks = sorted({(case.alert, case.minute) for case in batch})
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": key, "values": Words(values).substitute(n=minutes)}
            for key, values in sorted(series.items())
        ],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []} for alert, minute in looks
        ],
    }


def observed(promtool: Path, file: Path) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Return what fires in a test file that expects nothing: (test, alert, minute) → alerts as promtool writes them."""
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=600)
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    test, key = "", ("", "", "")
    for line in (done.stdout + done.stderr).splitlines():
        text = line.strip()
        if match := re.fullmatch(r"name: (.+),", text):
            test = match[1]
        elif match := re.fullmatch(r"alertname: (\w+), time: (\w+),", text):
            key = (test, match[1], match[2])
        elif text.startswith("Labels:"):
            labels = _pairs(text)
            labels.pop("alertname")
            found.setdefault(key, []).append({"exp_labels": labels})
        elif text.startswith("Annotations:"):
            found[key][-1]["exp_annotations"] = _pairs(text)
    return found


def _pairs(text: str) -> dict[str, str]:
    return {name: json.loads(f'"{value}"') for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text)}
