"""Burn rates: each service level has windows and limits of its own, and all its limits are drawn, whatever it burns."""

import re
from pathlib import Path

import _jsonnet
import pytest

from exporter.generate.mixin import folder
from tests.support.dashboards import Json, shown
from tests.support.promtool import evaluate

WITHIN = {"$__rate_interval": "5m", "$__interval": "1m"}


def _levels(variant: Json) -> list[Json]:
    return [level for service in variant["services"] for level in service["slos"] if service["signals"]]


def _panel(boards: list[Json], view: str, title: str) -> Json:
    (panel,) = (
        panel
        for board in boards
        if board["uid"].endswith(view)
        for panel in shown(board)
        if panel["title"] == title
    )
    return panel


def _asked(target: Json, slo: str = "") -> str:
    expr = str(target["expr"]).replace("$slo", slo)
    for variable, value in WITHIN.items():
        expr = expr.replace(variable, value)
    return expr


def _properties(panel: Json, name: str) -> Json:
    return {
        prop["id"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == name
        for prop in override["properties"]
    }


def _drawn(folder: Path, panel: Json, level: Json, ratio: float) -> None:
    """All of the level's windows with their limits, and no other, while `ratio` of its events fail."""
    named = f'{{slo="{level["slo"]}"}}'
    windows = {tier["long"]: tier for tier in level["tiers"]}
    recorded = {re.sub(r".*ratio_rate(\w+)\{.*", r"\1", target["expr"]) for target in panel["targets"]}
    series = {f"slo:sli_error:ratio_rate{window}{named}": f"{ratio}x9" for window in recorded}
    series[f"slo:error_budget:ratio{named}"] = "0.001x9"
    lines = [
        f'label_replace({_asked(target, level["slo"])}, "line", "{target["legendFormat"]}", "", "")'
        for target in panel["targets"]
    ]
    burn = max(ratio / 0.001, 0.1)
    drawn = {f"over {window}": burn for window in windows}
    drawn |= {f"limit of {window}": float(tier["factor"]) for window, tier in windows.items()}
    evaluate(
        folder,
        series,
        " or ".join(lines),
        [
            {"labels": f'{{slo="{level["slo"]}", line="{line}"}}', "value": drawn[line]}
            for line in sorted(drawn)
        ],
    )


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_all_limits_are_drawn_in_quiet_hours_and_in_an_outage(
    variant: Json, boards: list[Json], tmp_path: Path, ratio: float
) -> None:
    """Grafana ends a logarithmic axis at the highest series, and leaves out what is above: limits are series."""
    for level in _levels(variant)[:2]:
        for view, title in (
            ("-slo", "Burn rate over the windows that alert"),
            ("-technical", f"{level['title']} · burn rate"),
        ):
            panel = _panel(boards, view, title)
            _drawn(tmp_path, panel, level, ratio)
            for tier in level["tiers"]:
                line = _properties(panel, f"limit of {tier['long']}")
                assert line["custom.lineStyle"]["fill"] == "dash"
                assert line["color"] == _properties(panel, f"over {tier['long']}")["color"]
                # Words beside it would be twice as many as there are windows.
                assert line["custom.hideFrom"] == {"legend": True, "tooltip": False, "viz": False}


def test_an_axis_by_powers_of_ten_has_no_bound_that_cuts(boards: list[Json]) -> None:
    """An outage burns a thousand times faster than planned."""
    found = 0
    for board in boards:
        for panel in shown(board):
            defaults = panel["fieldConfig"]["defaults"]
            if defaults.get("custom", {}).get("scaleDistribution", {}).get("type") == "log":
                assert "max" not in defaults
                assert "axisSoftMax" not in defaults["custom"]
                assert defaults["custom"]["thresholdsStyle"]["mode"] == "off"
                found += 1
    assert found or not any(board["uid"].endswith("-slo") for board in boards)


@pytest.mark.parametrize(
    "bound", ["softMax=2", "softMin=1", "thresholds=[[null, colours.good], [2, colours.bad]]"]
)
def test_bounds_that_grafana_does_not_heed_are_refused(bound: str) -> None:
    """A slip is an error here, not a line that is missing in Grafana."""
    snippet = f"""
      local colours = import 'dashboards/lib/colours.libsonnet';
      local panels = import 'dashboards/lib/panels.libsonnet';
      local t = import 'dashboards/lib/targets.libsonnet';
      panels.timeseries('key', 'Title', what='What.', good='Good.', act='Act.', targets=[t.range('1')],
        unit='none', min=0.1, log=true, {bound})
    """
    with pytest.raises(RuntimeError, match="powers of ten may end below"):
        _jsonnet.evaluate_snippet("test.jsonnet", snippet, jpathdir=[str(folder())])


def _number(panel: Json, name: str) -> list[float]:
    """The limits that a number of that name is coloured by."""
    steps = _properties(panel, name).get("thresholds", panel["fieldConfig"]["defaults"]["thresholds"])
    return [step["value"] for step in steps["steps"] if step["value"] and step["value"] > 0]


@pytest.mark.parametrize("view", ["-slo", "-technical"])
def test_a_burn_rate_is_coloured_by_what_pages_for_its_own_promise(
    variant: Json, boards: list[Json], tmp_path: Path, view: str
) -> None:
    for level in _levels(variant):
        panel = _panel(boards, view, "Burn rate, 5 minutes" if view == "-slo" else "Burn rate")
        factor = level["tiers"][0]["factor"]
        assert f"{factor}×" in panel["description"]
        named = f'{{slo="{level["slo"]}"}}'
        series = {f"slo:current_burn_rate:ratio{named}": "2x9", 'up{job="platform-exporter"}': "1x9"}
        for target in panel["targets"]:
            own = _number(panel, target["legendFormat"])[-1] == float(factor)
            answer = [{"labels": named if view == "-slo" else "{}", "value": 2}] if own else []
            if view == "-slo":
                answer = [{"labels": "slo:current_burn_rate:ratio" + named, "value": 2}] if own else []
            evaluate(tmp_path, series, _asked(target, level["slo"]), answer)


@pytest.mark.parametrize(
    ("of_factor", "word"), [(0.0, "Within plan"), (0.99, "Above plan"), (1.0, "Far above plan")]
)
def test_failures_are_far_above_plan_where_the_promise_pages(
    variant: Json, boards: list[Json], tmp_path: Path, of_factor: float, word: str
) -> None:
    for level in _levels(variant)[:2]:
        panel = _panel(boards, "-executive", "Failures, last 5 minutes")
        (target,) = panel["targets"]
        burn = of_factor * float(level["tiers"][0]["factor"])
        words = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
        (value,) = (float(key) for key, mapping in words.items() if mapping["text"] == word)
        series = {
            f'slo:current_burn_rate:ratio{{slo="{other["slo"]}"}}': f"{burn if other is level else 0}x9"
            for other in _levels(variant)
        }
        series['up{job="platform-exporter"}'] = "1x9"
        evaluate(tmp_path, series, _asked(target), [{"labels": "{}", "value": value}])
