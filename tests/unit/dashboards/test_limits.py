"""Limits: what is drawn and what is said ascend together; the library refuses what Grafana would misread."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import _jsonnet
import pytest

from exporter.generate.mixin import folder, tree
from exporter.platform.problems import PlatformError
from tests.support.dashboards import Json, dashboards, shown

STAT = """
  local colours = import 'dashboards/lib/colours.libsonnet';
  local panels = import 'dashboards/lib/panels.libsonnet';
  local t = import 'dashboards/lib/targets.libsonnet';
  panels.%s('key', 'Title', what='What.', good='Good.', act='Act.', targets=[t.instant('1')],
    unit='none', thresholds=%s)
"""
GREEN, RED = "colours.good", "colours.bad"


def _panel(kind: str, thresholds: str) -> Json:
    panel: Json = json.loads(
        _jsonnet.evaluate_snippet("test.jsonnet", STAT % (kind, thresholds), jpathdir=[str(folder())])
    )
    return panel


def _steps(document: Any) -> Iterator[list[Json]]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "steps":
                yield value
            else:
                yield from _steps(value)
    if isinstance(document, list):
        for item in document:
            yield from _steps(item)


def test_steps_ascend_from_no_lower_bound(boards: list[Json]) -> None:
    for board in boards:
        for steps in _steps(board["panels"]):
            first, *rest = (step["value"] for step in steps)
            assert first is None
            assert rest == sorted(rest), board["uid"]


LOW = {"DatabaseConnectionsHigh": "0.5", "QuotaHigh": "0.7", "CpuHigh": "0.8", "DatabaseLatencyHigh": "0.1"}


def test_a_platform_may_alert_earlier_than_it_warns(demo: Json) -> None:
    """Then there is one limit, drawn once, and said as what is good."""
    demo = copy.deepcopy(demo)
    demo["monitoring"]["node_exporters"] = ["node:9100"]
    demo["alerting"]["alerts"] |= {alert: {"threshold": limit} for alert, limit in LOW.items()}
    demo["alerting"]["alerts"]["ErrorBudgetLow"] = {"threshold": "0.4"}
    found = [(board["uid"], panel) for board in dashboards(tree(demo)) for panel in shown(board)]
    for uid, title, limit in (
        ("demo-postgres", "Connections used", 0.5),
        ("demo-operations", "Is it filling up?", 0.7),
        ("demo-technical", "CPU", 0.8),
    ):
        (panel,) = (panel for board, panel in found if (board, panel["title"]) == (uid, title))
        defaults = panel["fieldConfig"]["defaults"]
        drawn = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert [value for value in drawn if value is not None and value > 0] == [limit]
        assert f"{limit * 100:.0f} %" in panel["description"] or title == "Is it filling up?"
    for uid, panel in found:
        for steps in _steps(panel):
            values = [step["value"] for step in steps][1:]
            assert values == sorted(values), (uid, panel["title"])


def _words(mappings: list[Json], value: float) -> str:
    """What Grafana writes for `value`: the first range that holds it."""
    for mapping in mappings:
        limits = mapping["options"]
        low, high = limits.get("from"), limits.get("to")
        if mapping["type"] == "range" and (low is None or low <= value) and (high is None or value <= high):
            return str(limits["result"]["text"])
    raise AssertionError(f"no word for {value}")


def test_a_question_is_answered_as_its_description_says(boards: list[Json]) -> None:
    """Yes while few fail, No when most do; what is between has its place, whatever was promised."""
    for board in boards:
        for panel in shown(board):
            said = re.search(
                r"Yes: at most ([\d.]+) % failed\. Partly: up to 50 %\. No: more\.", panel["description"]
            )
            mappings = panel["fieldConfig"]["defaults"]["mappings"]
            if said is None:
                assert all(m["options"].get("result", {}).get("text") != "Partly" for m in mappings)
                continue
            limit = float(said[1]) / 100
            assert 0 < limit <= 0.1
            answers = [_words(mappings, share) for share in (0, limit, limit + 1e-6, 0.5, 0.51, 0.65, 1)]
            assert answers == ["Yes", "Yes", "Partly", "Partly", "No", "No", "No"], panel["title"]
            drawn = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
            assert drawn[-2:] == pytest.approx([limit, 0.5])


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("target", ["0", "2", "0.95", "-3", "1000000"])
def test_the_colour_of_a_key_figure_agrees_with_its_verdict(demo: Json, op: str, target: str) -> None:
    """At the target itself, too: no open incidents, `<= 0`, is met nowhere else."""
    demo = copy.deepcopy(demo)
    demo["kpis"] = [demo["kpis"][0] | {"op": op, "target": target, "unit": "short"}]
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-executive")
    (card,) = (panel for panel in shown(board) if panel["title"] == demo["kpis"][0]["title"])
    (verdicts,) = (
        prop["value"][0]["options"]
        for override in card["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "mappings"
    )
    limit = float(target)
    for value in (limit - 0.001, limit, limit + 0.001):
        met = {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[op]
        steps = card["fieldConfig"]["defaults"]["thresholds"]["steps"]
        *_, reached = (step["color"] for step in steps if step["value"] is None or step["value"] <= value)
        assert reached == verdicts[str(int(met))]["color"], value


@pytest.mark.parametrize("kind", ["stat", "timeseries", "bars"])
def test_thresholds_in_order_are_taken(kind: str) -> None:
    steps = _panel(kind, f"[[null, {GREEN}], [0.5, colours.warn], [0.9, {RED}]]")["fieldConfig"]["defaults"]
    assert [step["value"] for step in steps["thresholds"]["steps"]][-2:] == [0.5, 0.9]


@pytest.mark.parametrize("kind", ["stat", "timeseries", "bars"])
@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        (f"[[0, {GREEN}], [1, {RED}]]", "no lower bound, write null"),
        (
            f"[[null, {GREEN}], [0.9, colours.warn], [0.5, {RED}]]",
            "thresholds ascend, and 0.5 comes after 0.9",
        ),
        (f"[[null, {GREEN}], ['5', {RED}]]", "a threshold is a number, not 5"),
        (f"[[null, {GREEN}], [null, {RED}]]", "a threshold is a number, not null"),
        (f"[[null, {GREEN}], [1, 'green']]", "green is no colour of"),
        (f"[[null, '#123456'], [1, {RED}]]", "#123456 is no colour of"),
    ],
)
def test_thresholds_that_grafana_would_misread_are_refused(kind: str, thresholds: str, message: str) -> None:
    with pytest.raises(RuntimeError, match="key: .*" + re.escape(message)):
        _panel(kind, thresholds)


@pytest.mark.parametrize(
    "ranges",
    [
        "[[null, 0.72, 'Yes', 1], [0.72, 0.5, 'Partly', 1], [0.5, null, 'No', 1]]",
        "[[null, 0.7, 'Yes', 1], [0.5, null, 'No', 1]]",
        "[[null, null, 'Yes', 1], [0.5, null, 'No', 1]]",
    ],
)
def test_words_that_hide_each_other_are_refused(ranges: str) -> None:
    program = f"(import 'dashboards/lib/fields.libsonnet').ranges({ranges})"
    with pytest.raises(RuntimeError, match="they ascend without lying over each other, unlike"):
        _jsonnet.evaluate_snippet("test.jsonnet", program, jpathdir=[str(folder())])


@pytest.mark.parametrize("part", ["what", "good", "act"])
@pytest.mark.parametrize("text", ["", "Word", "Word!"])
def test_what_is_no_sentence_is_refused_by_its_panel_and_name(part: str, text: str) -> None:
    program, changed = re.subn(rf"\b{part}='\w+\.'", f"{part}='{text}'", STAT % ("stat", "[]"))
    assert changed == 1
    with pytest.raises(
        RuntimeError, match=f'key: "{part}" must be a sentence with its full stop, not "{text}"'
    ):
        _jsonnet.evaluate_snippet("test.jsonnet", program, jpathdir=[str(folder())])


def test_two_panels_of_one_key_are_refused_by_their_page_and_key(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["kpis"].append(demo["kpis"][0])
    with pytest.raises(PlatformError, match=f"demo-[a-z]+: a second panel .*{demo['kpis'][0]['kpi']}"):
        tree(demo)
