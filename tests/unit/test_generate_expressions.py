"""Every expression of the generated rules is PromQL and speaks of series and labels that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from exporter.catalog import metric_families
from exporter.platform.load import load

ROOT = Path(__file__).parents[2]
RULES = ROOT / "tests" / "golden" / "demo" / "prometheus" / "rules"
# Labels that Prometheus itself puts on what it scrapes.
TARGET_LABELS = {"job", "instance", "platform", "environment"}


def _rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                name = rule.get("alert") or rule["record"]
                yield f"{file.stem}/{name}", rule


def _expressions() -> Iterator[tuple[str, str]]:
    """All expressions: of rules, and those that texts of alerts ask while they are rendered."""
    for name, rule in _rules():
        yield name, rule["expr"]
        for text in rule.get("annotations", {}).values():
            yield from ((f"{name}/text", query) for query in re.findall(r"query `([^`]+)`", text))


EXPRESSIONS = list(_expressions())


def _known() -> dict[str, set[str]]:
    """Series → its labels, declared by the exporter, recorded by a rule, or made by Prometheus."""
    families = metric_families(load(ROOT / "platforms" / "demo.yml"))
    known = {family.name: {*family.labels, *TARGET_LABELS} for family in families}
    for _, rule in _rules():
        if "record" in rule:
            labels = set(rule.get("labels", {})) or {"slo", "service", "sli", "target"}
            known.setdefault(rule["record"], set()).update(labels)
    alerts = {label for _, rule in _rules() if "alert" in rule for label in rule["labels"]}
    states = {name: {"alertname", "alertstate", *alerts} for name in ("ALERTS", "ALERTS_FOR_STATE")}
    return {**known, "up": TARGET_LABELS, **states}


def _selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_series_and_labels_exist(name: str, expression: str) -> None:
    known = _known()
    selectors = _selectors(expression)
    assert selectors or "vector(" in expression
    for selector in selectors:
        assert selector.name in known, f"{selector.name} is neither declared nor recorded"
        used = {matcher.name for matcher in selector.matchers.matchers}
        assert used <= known[selector.name], f"{selector.name} has no label {used - known[selector.name]}"


@pytest.mark.parametrize(("name", "rule"), list(_rules()), ids=[name for name, _ in _rules()])
def test_counters_are_read_as_rates_and_gauges_are_not(name: str, rule: dict[str, Any]) -> None:
    types = {family.name: family.type for family in metric_families()}
    rated = set(re.findall(r"(?:rate|increase)\(\s*(\w+)", rule["expr"]))
    for selector in _selectors(rule["expr"]):
        if selector.name in types:
            assert (selector.name in rated) is (types[selector.name] == "counter"), selector.name


def test_alerts_compare_with_something() -> None:
    """An alert without a comparison fires for as long as its series exists."""
    for name, rule in _rules():
        if "alert" in rule and not name.endswith("/Watchdog"):
            assert re.search(r"[<>]|==|absent|unless", rule["expr"]), name
