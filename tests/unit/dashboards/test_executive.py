"""What everyone reads: it is of now, of customers, and said only while somebody looks."""

import re

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown

ANSWERS = ' and on () (max(up{job="platform-exporter"}) == 1)'


@pytest.fixture(scope="module")
def executive(demo: Json) -> dict[str, Json]:
    """The panels of the executive page of the demo, by title."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-executive")
    return {panel["title"]: panel for panel in shown(board)}


def _expressions(panel: Json) -> str:
    return "\n".join(target["expr"] for target in panel["targets"])


def test_headlines_are_of_now_and_compared_with_the_begin_of_the_page(executive: dict[str, Json]) -> None:
    customers = executive["Customers"]
    assert all(target["instant"] for target in customers["targets"])
    now, *changes = (target["expr"] for target in customers["targets"])
    assert "offset" not in now
    assert len(changes) == 3
    assert all("offset $__range" in change for change in changes)


@pytest.mark.parametrize("title", ["Can customers place calls?", "Failures right now"])
def test_a_rate_is_no_answer_once_the_exporter_is_gone(executive: dict[str, Json], title: str) -> None:
    """It goes on for as long as its window after the last answer."""
    panel = executive[title]
    (target,) = panel["targets"]
    assert target["expr"].endswith(ANSWERS)
    assert panel["fieldConfig"]["defaults"]["noValue"] == "not known"


def test_incidents_are_those_of_customers(executive: dict[str, Json]) -> None:
    for title in ("Open incidents", "Incidents in this period", "Incidents by service"):
        for alerts in re.findall(r"ALERTS\{[^}]*\}", _expressions(executive[title])):
            assert re.search('kind!="meta"|kind="symptom"|alertname="DatabaseDown"', alerts), title


def test_minutes_of_incidents_are_those_that_customers_felt(executive: dict[str, Json]) -> None:
    minutes = [
        part
        for part in _expressions(executive["This week in numbers"]).split(" or label_replace")
        if "ALERTS" in part
    ]
    assert minutes
    assert all('kind="symptom"' in part for part in minutes)


def test_an_alert_of_the_last_day_has_its_time_however_short(executive: dict[str, Json]) -> None:
    last = executive["Incidents in this period"]["targets"][1]["expr"]
    assert re.search(r"\[1d:1m\]\) or .*\[\$__range:10m\]", last)


def test_money_is_named_as_such_and_has_its_movement(executive: dict[str, Json]) -> None:
    """A column has one unit for all its rows."""
    week = executive["This week in numbers"]
    (names,) = (
        prop["value"][0]["options"]
        for override in week["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "What" and prop["id"] == "mappings"
    )
    for name in ("Monthly recurring revenue", "Change: Monthly recurring revenue"):
        assert f'"what", "{name}"' in _expressions(week)
        assert names[name]["text"] == f"{name}, $"


def test_a_key_figure_says_its_target_where_a_phone_shows_it(executive: dict[str, Json], demo: Json) -> None:
    for kpi in demo["kpis"]:
        (verdict,) = (
            prop["value"][0]["options"]
            for override in executive[kpi["title"]]["fieldConfig"]["overrides"]
            for prop in override["properties"]
            if override["matcher"]["options"] == "verdict" and prop["id"] == "mappings"
        )
        assert re.fullmatch(r"✓ Met: [≤≥<>] .+", verdict["1"]["text"])
