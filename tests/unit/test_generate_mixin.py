"""The mixin, as a team that has its own Jsonnet imports it."""

import json
from pathlib import Path
from typing import Any

import _jsonnet
import pytest

from exporter.generate import catalogue
from exporter.generate.mixin import folder, tree

ROOT = Path(__file__).parents[2]

CONFIG = """
platform: 'shop',
sources: [{ source: 'postgres.main', kind: 'postgres', target: 'main', title: 'Main database',
            every: '30s', every_seconds: '30', stale_after_seconds: '90' }],
"""


def _evaluate(expression: str) -> Any:
    snippet = f"local mixin = (import 'mixin.libsonnet') {{ _config+:: {{ {CONFIG} }} }}; {expression}"
    return json.loads(_jsonnet.evaluate_snippet("team.jsonnet", snippet, jpathdir=[str(folder())]))


def test_alerts_and_rules_come_with_the_conventional_names() -> None:
    alerts = _evaluate("mixin.prometheusAlerts")
    names = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    assert names >= {"DatabaseDown", "ExporterDown", "SourceStale"}
    assert names.isdisjoint({"ErrorRateHigh", "HealthUnhealthy", "CpuHigh", "Watchdog"})
    assert _evaluate("mixin.prometheusRules") == {"groups": []}


def test_dashboards_are_keyed_by_file() -> None:
    dashboards = _evaluate("mixin.grafanaDashboards")
    views = ("home", "executive", "technical", "operations", "postgres", "statements", "exporter")
    assert dashboards.keys() == {f"shop-{view}.json" for view in views}
    assert dashboards["shop-technical.json"]["uid"] == "shop-technical"


def test_configuration_reaches_the_rules() -> None:
    groups = _evaluate(
        "(mixin { _config+:: { alerting+: { alerts: { DatabaseDown: { priority: 'p3' } } } } }).prometheusAlerts"
    )
    [rule] = [r for group in groups["groups"] for r in group["rules"] if r["alert"] == "DatabaseDown"]
    assert rule["labels"]["severity"] == "warning"


def test_a_mixin_without_platform_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="must provide platform"):
        _jsonnet.evaluate_snippet(
            "x", "(import 'mixin.libsonnet').prometheusAlerts", jpathdir=[str(folder())]
        )


def test_rules_of_every_kind_come_with_it() -> None:
    """What `generate` writes for the demo, a team with its own Jsonnet gets too."""
    document = catalogue(ROOT / "platforms" / "demo.yml")
    snippet = "function(config) ((import 'mixin.libsonnet') + { _config+:: config }).prometheusRules"
    groups = json.loads(
        _jsonnet.evaluate_snippet(
            "team.jsonnet",
            snippet,
            jpathdir=[str(folder())],
            tla_codes={"config": json.dumps(document)},
        )
    )["groups"]
    written = [
        group
        for path, content in tree(document).items()
        if path.startswith("prometheus/rules/") and "/alerts-" not in path
        for group in content["groups"]
    ]
    assert sorted(groups, key=lambda group: str(group["name"])) == sorted(
        written, key=lambda group: str(group["name"])
    )
    assert {group["name"] for group in groups} >= {
        "anomaly",
        "quotas",
        "slo",
        "service-signals",
        "health-state",
    }
