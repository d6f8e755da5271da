"""Single views: the numbers that a platform file gives reach the panels that show them."""

import copy
import re

import pytest

from exporter.generate.mixin import tree
from exporter.platform.problems import PlatformError
from tests.support.dashboards import Json, dashboards, shown


def _panel(files: Json, view: str, title: str, type_: str = "") -> Json:
    (board,) = (board for board in dashboards(files) if board["uid"] == f"demo-{view}")
    return next(p for p in shown(board) if p["title"] == title and p["type"] in (type_ or p["type"]))


def _steps(panel: Json) -> list[float | None]:
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def test_thresholds_are_those_of_the_objective(demo: Json) -> None:
    """The dashed lines are the numbers that alert, not a copy of them."""
    demo = copy.deepcopy(demo)
    slo = next(level for level in demo["services"][0]["slos"] if level["sli"] == "availability")
    slo |= {"objective": "0.98", "budget": "0.02", "objective_text": "98%"}
    slo["tiers"][0] |= {"factor": "12.5", "threshold": "0.25"}
    found = tree(demo)
    drawn = [t["expr"] for t in _panel(found, "technical", "API availability · burn rate")["targets"]]
    assert any(expr.startswith("12.5 + 0 * ") for expr in drawn)
    assert 12.5 in _steps(_panel(found, "technical", "Burn rate"))
    assert 0.02 in _steps(_panel(found, "technical", "API · failed share"))
    assert 0.98 in _steps(_panel(found, "executive", "API availability"))


def test_own_sql_is_shown_by_type_unit_and_label(demo: Json) -> None:
    """No metric is known by name: a made-up query gets panels that fit it."""
    demo = copy.deepcopy(demo)
    metric = {"help": "Pitches", "title": None, "unit": ""}
    demo["queries"] = [
        {
            "name": "pitches",
            "title": "Pitches",
            "database": "main",
            "every": "5m",
            "every_seconds": "300",
            "view": "executive",
            "panel": None,
            "metrics": [
                metric | {"name": "pitches_total", "type": "counter", "labels": ["target", "genre"]},
                metric | {"name": "pitch_budget_dollars", "type": "gauge", "labels": ["target"]},
            ],
        }
    ]
    found = tree(demo)
    assert (
        "sum by (genre) (rate(pitches_total"
        in (_panel(found, "business", "Pitches per minute")["targets"][0]["expr"])
    )
    budget = _panel(found, "business", "Pitch budget", "timeseries")
    assert budget["fieldConfig"]["defaults"]["unit"] == "currencyUSD"
    assert {target["interval"] for target in budget["targets"]} == {"300s"}
    assert _panel(found, "executive", "Pitch budget")


def test_a_unit_that_grafana_does_not_know_is_an_error(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["queries"][0]["metrics"][0]["unit"] = "bananas"
    with pytest.raises(PlatformError, match='business_organizations: "bananas" is no unit of Grafana'):
        tree(demo)


def test_key_figures_are_read_as_they_are_recorded(demo: Json) -> None:
    found = tree(demo)
    rules = found["prometheus/rules/kpis.yml"]["groups"][0]["rules"]
    kpi = demo["kpis"][0]
    assert {rule["labels"]["kpi"] for rule in rules} == {kpi["kpi"] for kpi in demo["kpis"]}
    course = _panel(found, "business", kpi["title"], "timeseries")
    assert course["targets"][0]["expr"] == f'kpi_value{{kpi="{kpi["kpi"]}"}}'
    assert float(kpi["target"]) in _steps(course)


def test_what_is_marked_for_operations_stands_there(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["kpis"][0]["view"] = "operations"
    tickets = next(query for query in demo["queries"] if query["name"] == "tickets")
    tickets["view"] = "operations"
    found = tree(demo)
    assert _panel(found, "operations", demo["kpis"][0]["title"])
    assert "$compare" in _panel(found, "operations", tickets["title"])["targets"][1]["expr"]


def test_a_threshold_of_the_platform_file_moves_line_and_words(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["alerting"]["alerts"]["DatabaseConnectionsHigh"] = {"threshold": "0.6", "warn": "0.48"}
    found = tree(demo)
    used = _panel(found, "technical", "Connections used")
    assert 0.6 in _steps(used)
    assert "Under 48 %" in used["description"]


def test_many_promises_share_a_table(demo: Json) -> None:
    grown = copy.deepcopy(demo)
    service = grown["services"][0]
    level = service["slos"][0]
    service["slos"] = [level | {"slo": f"api-{n}", "title": f"API {n}"} for n in range(5)]
    columns = _panel(tree(grown), "executive", "Promises")["transformations"][-1]["options"]["renameByName"]
    assert list(columns.values()) == ["Promised", "Kept", "Budget left", "Promise"]


def test_provisioning_points_at_the_same_data_source_and_folder(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["monitoring"]["grafana_dashboards"] = "/srv/dashboards"
    found = tree(demo)
    (prometheus, _) = found["grafana/provisioning/datasources/prometheus.yml"]["datasources"]
    assert prometheus["url"] == demo["monitoring"]["prometheus"]
    assert prometheus["jsonData"]["timeInterval"] == demo["monitoring"]["scrape_interval"]
    for board in dashboards(found):
        assert board["templating"]["list"][0]["current"]["value"] == prometheus["uid"]
    (provider,) = found["grafana/provisioning/dashboards/dashboards.yml"]["providers"]
    assert provider["options"] == {"path": "/srv/dashboards", "foldersFromFilesStructure": True}


def test_what_ended_badly_is_a_share_of_all(demo: Json) -> None:
    """On top of all that went well it would be too thin to be seen."""
    ends = _panel(tree(demo), "business", "Calls that did not end well")
    assert ends["fieldConfig"]["defaults"]["unit"] == "percentunit"
    (target,) = ends["targets"]
    assert 'status!~"completed|' in target["expr"]
    assert " / on () group_left () (60 * sum (rate(business_calls_total" in target["expr"]


def test_headlines_of_the_business_view_are_compared_with_earlier(demo: Json) -> None:
    found = tree(demo)
    for title in ("Customers", "Calls", "Sign-ups", "Average call"):
        headline = _panel(found, "business", title)
        now, more, less, same = (target["expr"] for target in headline["targets"])
        assert "offset" not in now
        change = more.removesuffix(" > 0")
        assert "offset $compare" in change
        assert change.startswith("round(")
        assert (less, same) == (f"-{change} > 0", f"{change} == 0")


def test_the_statements_that_take_most_are_chosen_once_and_the_rest_is_other(demo: Json) -> None:
    """Each rank is a query of its own; chosen at each step anew, there would be more lines than places."""
    targets = _panel(tree(demo), "statements", "Time by statement")["targets"]
    assert len(targets) == 7
    for target in targets[:-1]:
        assert "[$__range] @ end()" in target["expr"]
    assert targets[-1]["legendFormat"] == "other"
    assert targets[-1]["expr"].startswith("clamp_min(sum(rate(pg_stat_statements_exec_seconds_total")


def test_what_fires_is_ranked_in_the_teams_own_words(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["alerting"]["priorities"]["p1"]["word"] = "Emergency"
    found = tree(demo)
    table = _panel(found, "operations", "What fires now")
    assert table["options"]["sortBy"] == [
        {"displayName": "Urgency", "desc": False},
        {"displayName": "For", "desc": True},
    ]
    (words,) = (
        prop["value"][0]["options"]
        for override in table["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "Urgency" and prop["id"] == "mappings"
    )
    assert words["p1"]["text"] == "● Emergency"
    assert "Emergency is alerted" in _panel(found, "technical", "API availability · burn rate")["description"]


@pytest.mark.parametrize("view", ["executive", "slo", "health"])
def test_long_windows_weigh_each_minute_once(demo: Json, view: str) -> None:
    """What is recorded each five seconds today must not outweigh what was recorded once a minute last month."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == f"demo-{view}")
    found = [target["expr"] for panel in shown(board) for target in panel["targets"]]
    long = [expr for expr in found if "[$__range" in expr or "[7d" in expr]
    assert long
    for expr in long:
        for function in ("avg_over_time", "sum_over_time"):
            assert f"{function}(" not in expr or "[$__range:1m]" in expr or "[7d:1m]" in expr, expr


def test_alerts_are_counted_only_where_somebody_looks(demo: Json) -> None:
    found = tree(demo)
    for view, title in (
        ("executive", "Open incidents"),
        ("home", "Critical alerts"),
        ("operations", "Warnings"),
        ("operations", "About to fire"),
        ("service", "Alerts"),
    ):
        panel = _panel(found, view, title)
        (target,) = panel["targets"]
        assert target["expr"].endswith(' or 0 * (max(up{job="platform-exporter"}) == 1)'), title
        assert panel["fieldConfig"]["defaults"]["noValue"] == "not known"


def test_a_limit_of_its_own_colours_each_share(demo: Json) -> None:
    """Connections are orange here where they are on the page of the database."""
    found = tree(demo)
    full = _panel(found, "operations", "How full is it?")
    own = {
        override["matcher"]["options"]: [step["value"] for step in prop["value"]["steps"]]
        for override in full["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "thresholds"
    }
    assert own["Main database: connections"][1:] == [0.8, 0.9]
    assert own["API availability: error budget"][1:] == [0.75, 1]
    assert all(target["expr"].endswith(" or vector(NaN)") for target in full["targets"])


FAILED = r"service:error_ratio:\w+|service:latency_seconds:\w+|slo:current_burn_rate:ratio|slo:sli_error:ratio_rate\w+"


def test_no_width_skips_a_short_failure(boards: list[Json]) -> None:
    """A point of a week on a phone stands for an hour: it is as bad as the worst of it."""
    for board in boards:
        for panel in shown(board):
            for target in panel["targets"]:
                for name in re.findall(FAILED, target["expr"]) if target.get("range") else ():
                    assert f"max_over_time({name}" in target["expr"], (board["uid"], panel["title"])


def test_failures_are_coloured_by_what_the_objective_allows(demo: Json) -> None:
    """Each service by its own, as its chart is: one may fail a hundred times as often as the other."""
    card = _panel(tree(demo), "service", "Failed")
    assert _steps(card)[-2:] == [0.001, 0.0144]
    assert card["options"]["graphMode"] == "area"

    demo = copy.deepcopy(demo)
    demo["services"].append(demo["services"][0] | {"name": "web", "title": "Web", "slos": []})
    found = tree(demo)
    card = _panel(found, "service", "Failed")
    own = {
        override["matcher"]["options"]: override["properties"][0]["value"]["steps"]
        for override in card["fieldConfig"]["overrides"]
    }
    usual = card["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for target, name, title in zip(card["targets"], ("api", "web"), ("API", "Web"), strict=True):
        assert f'service=~"{name}"' in target["expr"]
        limits = [step["value"] for step in own.get(target["legendFormat"], usual)]
        assert limits[-2:] == _steps(_panel(found, "technical", f"{title} · failed share"))[-2:]


def test_what_began_to_fail_a_moment_ago_is_seen_in_a_week(demo: Json) -> None:
    """A bar is half as wide as its step at the right edge: a thousand steps would be hairlines."""
    assert _panel(tree(demo), "slo", "Failed")["maxDataPoints"] <= 100
