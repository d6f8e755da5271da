"""Numbers in words and in headlines: nothing that counts is rounded away, and text and line agree."""

import json
from pathlib import Path

import _jsonnet
import pytest

from exporter.generate.mixin import folder, tree
from tests.support.dashboards import Json, dashboards, shown
from tests.support.promtool import evaluate


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("text(14.4)", "14.4"),
        ("text(0.0004)", "0.0004"),
        ("text(-0.00021)", "−0.00021"),
        ("text(0)", "0"),
        ("text(0.1)", "0.1"),
        ("text(43.21, 0)", "43"),
        ("text(1058202)", "1058202"),
        ("percent(0.995)", "99.5 %"),
        ("percent(0.9)", "90 %"),
        ("percent(0.000004)", "0.0004 %"),
        ("seconds(0.00015)", "0.15 ms"),
        ("seconds(0.2)", "200 ms"),
        ("seconds(1.25)", "1.25 s"),
        ("seconds(150)", "2.5 min"),
        ("seconds(300)", "5 min"),
        ("seconds(8100)", "2.25 hours"),
        ("seconds(216000)", "2.5 days"),
        ("of(0.0004, 'short')", "0.0004"),
        ("of(1450000, 'currencyUSD')", "1450000"),
    ],
)
def test_a_limit_in_words_is_the_one_that_is_drawn(call: str, said: str) -> None:
    program = f"(import 'dashboards/lib/numbers.libsonnet').{call}"
    assert json.loads(_jsonnet.evaluate_snippet("test.jsonnet", program, jpathdir=[str(folder())])) == said


def test_a_headline_is_not_rounded_to_whole_millions(demo: Json) -> None:
    """Grafana makes 1,058,202 "1.06 Mil", and with decimals of 0 "1 Mil"; events are whole as they are asked."""
    titles = {"Calls", "Monthly recurring revenue"}
    found = set()
    for board in dashboards(tree(demo)):
        for panel in shown(board):
            if panel["type"] == "stat" and panel["title"] in titles:
                assert "decimals" not in panel["fieldConfig"]["defaults"]
                counted = "increase(" in (expr := panel["targets"][0]["expr"])
                assert expr.startswith("round(sum(increase(") == counted
                found.add(panel["title"])
    assert found == titles


def test_the_change_of_a_few_events_is_a_whole_percentage(demo: Json, tmp_path: Path) -> None:
    """Seven cancellations against two are 250 % more: an increase says 7.1 of the one and 2 of the other."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-business")
    panel = next(panel for panel in shown(board) if panel["title"] == "Cancellations")
    expr = panel["targets"][1]["expr"].replace("$__range", "60m").replace("$compare", "1h")
    counted = "0x40 1x10 2x40 4x10 9x40"
    series = {'business_subscriptions_cancelled_total{target="main"}': counted}
    evaluate(tmp_path, series, expr, [{"labels": "{}", "value": 250}], at="2h10m30s")
    decimals = {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "decimals"
    }
    assert decimals == {"up": 0, "down": 0}


def test_an_axis_of_hours_minutes_and_seconds_is_one_of_minutes(demo: Json) -> None:
    """Its steps are tens and hundreds of seconds: 00:01:40 and 00:03:20 are no places that anybody looks for."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-business")
    found = {panel["type"]: panel for panel in shown(board) if panel["title"] == "Average call"}
    assert found["stat"]["fieldConfig"]["defaults"]["unit"] == "dthms"
    assert found["timeseries"]["fieldConfig"]["defaults"]["unit"] == "suffix: min"
    assert all(target["expr"].endswith(") / 60") for target in found["timeseries"]["targets"])
