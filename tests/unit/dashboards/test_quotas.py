"""Alerts about quotas, which share one service: tables say which quota each is about."""

import copy
from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown
from tests.support.promtool import evaluate

# The second has the name of a service.
QUOTAS = {"requests": "Requests", "api": "Calls of the vendor"}


@pytest.fixture(scope="module")
def found(demo: Json) -> Json:
    """What is generated for a platform with two quotas."""
    return tree(_with_quotas(demo))


@pytest.fixture(scope="module")
def unfelt(demo: Json) -> Json:
    """The same, but nothing tells what customers feel: whatever is critical is an incident."""
    changed = _with_quotas(demo) | {"services": []}
    return tree(changed | {"sources": [each for each in changed["sources"] if each["kind"] != "health"]})


def _with_quotas(demo: Json) -> Json:
    quota = {"used": "sum(up)", "limit": "1000", "written": "1000", "resets": "never"}
    return copy.deepcopy(demo) | {"quotas": [{"name": n, "title": t} | quota for n, t in QUOTAS.items()]}


def _panel(found: Json, view: str, title: str) -> Json:
    (board,) = (board for board in dashboards(found) if board["uid"] == f"demo-{view}")
    return next(panel for panel in shown(board) if panel["title"] == title)


@pytest.mark.parametrize(
    ("view", "title", "column", "query"),
    [
        ("operations", "What fires now", "Concerns", 0),
        ("executive", "Incidents in this period", "Service", 0),
        ("executive", "Incidents in this period", "Service", 1),
        ("executive", "Incidents in this period", "Service", 2),
    ],
)
def test_each_quota_that_alerts_has_a_row_and_its_title(
    found: Json, unfelt: Json, view: str, title: str, column: str, query: int, tmp_path: Path
) -> None:
    panel = _panel(unfelt if view == "executive" else found, view, title)
    (words,) = (
        prop["value"][0]["options"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == column and prop["id"] == "mappings"
    )
    labels = 'alertname="QuotaHigh", kind="capacity", priority="p1", severity="critical"'
    alerts = {
        name: f'{{{labels}, {more}service="{service}"}}'
        for name, more, service in (
            *((name, f'quota="{name}", ', "quotas") for name in QUOTAS),
            ("", "", "api"),
        )
    }
    series = {"up{job='platform-exporter'}": "1x9"}
    series |= {"ALERTS" + of.replace("{", '{alertstate="firing", ', 1): "1x9" for of in alerts.values()}
    series |= {"ALERTS_FOR_STATE" + of: "0x9" for of in alerts.values()}
    expr = panel["targets"][query]["expr"].replace("$__range", "3m")
    value = {("operations", 0): 300, ("executive", 0): 1, ("executive", 1): 4, ("executive", 2): 0}[
        view, query
    ]
    priority = ', priority="p1"' if view == "operations" else ""
    named = {"quota requests": "Requests", "quota api": QUOTAS["api"], "api": "API"}
    for service, said in named.items():
        if service != "api" or view == "operations":  # there is no such service in the other
            assert words[service]["text"] == said
    evaluate(
        tmp_path,
        series,
        expr,
        [
            {"labels": f'{{alertname="QuotaHigh"{priority}, service="{service}"}}', "value": value}
            for service in named
        ],
    )
