"""The static checks find what is wrong with bad rules, and nothing in what is generated for any platform."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from exporter.catalog import metric_families
from exporter.engine.families import Family
from exporter.generate import catalogue
from exporter.generate.mixin import tree
from exporter.platform.load import load
from tests.rules.checks import FOREIGN, Known, findings, of_query

ROOT = Path(__file__).parents[2]
PLATFORMS = sorted((ROOT / "platforms").glob("*.yml"))
LEVELS = Path(__file__).parent / "levels" / "platform.yml"
FAMILIES = (
    Family("shop_orders_total", "counter", "Orders.", ("status",)),
    Family("shop_stock", "gauge", "Stock.", ("item", "shelf")),
    Family("shop_capacity", "gauge", "Room.", ("item",)),
    Family("shop_wait_seconds", "histogram", "Time at the till.", ("till",)),
)
BAD: list[tuple[str, dict[str, Any]]] = [
    ("promql/syntax", {"alert": "A", "expr": "sum(shop_stock"}),
    ("alerts/comparison", {"alert": "A", "expr": "sum(shop_stock)"}),
    ("alerts/comparison", {"alert": "A", "expr": "sum(shop_stock) > bool 3"}),
    (
        "promql/aggregate",
        {
            "alert": "A",
            "expr": "sum by (item) (shop_stock) > 3",
            "annotations": {"summary": "{{ $labels.shelf }} is full."},
        },
    ),
    ("promql/aggregate", {"alert": "A", "expr": "sum by (aisle) (shop_stock) > 3"}),
    ("promql/vector_matching", {"alert": "A", "expr": "sum by (item) (shop_stock) / shop_capacity > 0.9"}),
    ("promql/vector_matching", {"alert": "A", "expr": "shop_stock > on (shelf) shop_capacity"}),
    ("promql/vector_matching", {"alert": "A", "expr": "shop_stock / ignoring (item) shop_capacity > 1"}),
    ("promql/rate", {"alert": "A", "expr": "rate(shop_stock[5m]) > 0"}),
    ("promql/rate", {"alert": "A", "expr": "deriv(shop_orders_total[5m]) > 0"}),
    ("promql/counter", {"alert": "A", "expr": "shop_orders_total > 100"}),
    ("promql/range_query", {"alert": "A", "expr": "rate(shop_orders_total[45s]) > 0"}),
    ("promql/range_query", {"alert": "A", "expr": "changes(shop_stock[45s:5s]) > 0"}),
    (
        "promql/histogram",
        {"alert": "A", "expr": "histogram_quantile(0.9, sum(rate(shop_wait_seconds_bucket[5m]))) > 1"},
    ),
    ("promql/impossible", {"alert": "A", "expr": "count(shop_stock) < 0"}),
    ("promql/impossible", {"alert": "A", "expr": "count by (item) (shop_stock) < 1"}),
    ("promql/impossible", {"alert": "A", "expr": "absent(shop_stock) > 1"}),
    ("promql/impossible", {"alert": "A", "expr": "(absent(shop_stock)) == 0"}),
    (
        "promql/aggregate",
        {
            "alert": "A",
            "expr": "sum by (item) (shop_stock) > 3",
            "annotations": {"summary": '{{ index $labels "shelf" }} is full.'},
        },
    ),
    (
        "alerts/template",
        {"alert": "A", "expr": "shop_stock > 3", "annotations": {"summary": "{{ .Labels.item }} is full."}},
    ),
    ("promql/series", {"alert": "A", "expr": "shop_orders_failed_total > 0"}),
    (
        "promql/series",
        {"record": "shop:orders:rate5m", "expr": 'sum(rate(shop_orders_total{state="new"}[5m]))'},
    ),
    (
        "promql/series",
        {
            "alert": "A",
            "expr": "shop_stock > 3",
            "annotations": {"description": "{{ with query `shop_shelves` }}{{ end }}"},
        },
    ),
]
GOOD: list[dict[str, Any]] = [
    {"alert": "A", "expr": "sum by (item) (shop_stock) / on (item) shop_capacity > 0.9"},
    {"alert": "A", "expr": "absent(shop_stock)"},
    {"alert": "A", "expr": "count by (item) (shop_stock) < 2"},
    {"alert": "A", "expr": "histogram_quantile(0.9, sum by (le) (rate(shop_wait_seconds_bucket[5m]))) > 1"},
    {
        "alert": "A",
        "expr": "shop_stock > 3 or shop_capacity == 0",
        "annotations": {"summary": "{{ $labels.item }}"},
    },
    {"record": "shop:orders:rate5m", "expr": "sum by (status) (rate(shop_orders_total[5m]))"},
    {"alert": "A", "expr": 'shop:orders:rate5m{status="failed"} > 1'},
]


@pytest.mark.parametrize(("check", "rule"), BAD, ids=[f"{check} {rule['expr']}" for check, rule in BAD])
def test_a_bad_rule_is_found(check: str, rule: dict[str, Any]) -> None:
    good = [{"labels": {}, **other} for other in GOOD]
    known = Known.of(FAMILIES, good, scrape_interval=15)
    found = findings([{"labels": {}, **rule}], known)
    assert found, "nothing was found"
    assert found[0].startswith(f"{check}: ")


def test_good_rules_are_left_alone() -> None:
    rules = [{"labels": {}, **rule} for rule in GOOD]
    assert findings(rules, Known.of(FAMILIES, rules, scrape_interval=15)) == []


@cache
def _generated(path: Path) -> tuple[list[dict[str, Any]], Known]:
    document = catalogue(path)
    rules = [
        rule
        for name, content in tree(document).items()
        if name.startswith("prometheus/rules/")
        for group in content["groups"]
        for rule in group["rules"]
    ]
    platform = load(path)
    families = [*metric_families(platform)]
    if path == LEVELS:  # what it reads besides is of an imagined application
        families += [
            Family("business_calls_total", "counter", "Calls.", ("status",)),
            Family("call_setup_seconds", "histogram", "Time to the first ring.", ("region",)),
            Family("backup_last_success_timestamp_seconds", "gauge", "Last backup.", ()),
            Family("mails_sent_this_month", "gauge", "Mails of this month.", ()),
        ]
    return rules, Known.of(families, rules, platform.monitoring.scrape_interval)


@pytest.mark.parametrize("path", [*PLATFORMS, LEVELS], ids=lambda path: path.stem)
def test_nothing_is_wrong_with_generated_rules(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("DEMO_", "NODE_")):
            monkeypatch.delenv(name)
    rules, known = _generated(path)
    assert len(rules) > 20
    assert findings(rules, known) == []
    alike = [
        (rule.get("alert", rule.get("record")), *sorted(rule.get("labels", {}).items())) for rule in rules
    ]
    assert len(alike) == len(set(alike)), "promtool calls rules of one name and the same labels duplicates"


def test_queries_of_runbooks_speak_of_what_exists() -> None:
    """Those of every page, over what all platforms together have."""
    metrics: dict[str, Any] = {}
    for path in PLATFORMS:
        _, known = _generated(path)
        for name, metric in known.metrics.items():
            labels = metric.labels | (metrics[name].labels if name in metrics else frozenset())
            metrics[name] = type(metric)(metric.type, labels)
    known = Known(metrics)
    wrong = [
        f"{page.stem}: {text}"
        for page in sorted((ROOT / "docs" / "runbooks").glob("*.md"))
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for query in _queries(block)
        for check, text in of_query(query, known)
        if check != "promql/counter"  # people look at the values of counters, too
    ]
    assert wrong == []


def _queries(block: str) -> list[str]:
    """One query over several lines, or one on each."""
    try:
        promql_parser.parse(block)
    except ValueError:
        return [line.strip() for line in block.splitlines() if line.strip()]
    return [block]


def test_foreign_metrics_are_all_needed() -> None:
    used: set[str] = set()
    for path in PLATFORMS:
        rules, _ = _generated(path)
        used |= {name for rule in rules for name in re.findall(r"\w+", rule["expr"])}
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        used |= set(re.findall(r"\w+", page.read_text(encoding="utf-8")))
    foreign = yaml.safe_load(FOREIGN.read_text(encoding="utf-8"))
    assert set(foreign) - used == set()
