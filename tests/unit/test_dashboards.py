"""Dashboards of whole and of partial platforms: valid, complete, and about what the platform really has."""

import copy
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest

from exporter.catalog import metric_families
from exporter.generate import catalogue
from exporter.generate.mixin import alert_settings, tree
from exporter.platform import PlatformError, load

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "platforms/demo.yml"
# What Grafana replaces before Prometheus sees a query.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__interval": "1m",
    "$__range": "1h",
    "$__from": "0",
    "$compare": "1d",
}
TARGET_LABELS = {"job", "instance", "platform", "environment"}
FROM_PROMETHEUS = {
    "up": TARGET_LABELS,
    "ALERTS": {"alertname", "alertstate", "severity", "service", "priority"},
}
UNITS = re.compile(
    r"short|none|percentunit|s|ms|bytes|Bps|reqps|ops|dateTimeFromNow|currency[A-Z]{3}|suffix:(×| /min| /day| down)"
)
WITHOUT_QUERY = {"row", "text"}

Json = dict[str, Any]


def _without(kind: str) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        found["sources"] = [source for source in found["sources"] if source["kind"] != kind]

    return change


def _probed(found: Json) -> None:
    """No Worker: the service is known through its health document alone."""
    _without("cloudflare_workers")(found)
    for service in found["services"]:
        service["signals"] = [{"kind": "health", "target": "api"}]


def _without_queries(found: Json) -> None:
    found["queries"], found["kpis"] = [], []


def _without_services(found: Json) -> None:
    found["services"] = []


def _grown(found: Json) -> None:
    """Five services, two databases, three measures: more than one line holds."""
    (service,) = found["services"]
    for name in ("web", "voice", "mail", "billing"):
        extra = copy.deepcopy(service)
        extra |= {"name": name, "title": name.title(), "question": f"Can customers use {name}?"}
        extra["slos"][0] |= {
            "slo": f"{name}-availability",
            "service": name,
            "title": f"{name.title()} availability",
        }
        found["services"].append(extra)
    database = next(source for source in found["sources"] if source["kind"] == "postgres")
    found["sources"].append(
        database | {"source": "postgres.archive", "target": "archive", "title": "Archive database"}
    )
    kpi = found["kpis"][0]
    found["kpis"] += [kpi | {"title": "Failed calls", "op": "<=", "target": "0.02"}, kpi | {"title": "Third"}]


VARIANTS: dict[str, Callable[[Json], None]] = {
    "whole": lambda found: None,
    "without Workers": _probed,
    "without Postgres": _without("postgres"),
    "without health": _without("health"),
    "without queries": _without_queries,
    "without services": _without_services,
    "grown": _grown,
}


@pytest.fixture(scope="module")
def demo() -> Json:
    return catalogue(DEMO)


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest, demo: Json) -> Json:
    found = copy.deepcopy(demo)
    VARIANTS[request.param](found)
    return found


@pytest.fixture(scope="module")
def files(variant: Json) -> Json:
    return tree(variant)


@pytest.fixture(scope="module")
def dashboards(files: Json) -> list[Json]:
    return [document for path, document in files.items() if path.startswith("dashboards/")]


def _panels(dashboard: Json) -> Iterator[Json]:
    """All panels with those inside collapsed rows."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _shown(dashboard: Json) -> Iterator[Json]:
    yield from (panel for panel in _panels(dashboard) if panel["type"] not in WITHOUT_QUERY)


def _parsed(expr: str) -> Any:
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr, f"unknown variable in {expr}"
    return promql_parser.parse(expr)


def _selectors(node: Any) -> Iterator[Any]:
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield node.vector_selector
        case promql_parser.BinaryExpr():
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:  # aggregations, parentheses, subqueries, signs
            yield from _selectors(node.expr)


def _known(files: Json) -> dict[str, set[str]]:
    """Every metric that a query may name, with its labels: declared by the exporter or recorded by a rule."""
    known = {family.name: set(family.labels) | TARGET_LABELS for family in metric_families(load(DEMO))}
    known |= FROM_PROMETHEUS
    for path, document in files.items():
        if path.startswith("prometheus/rules/"):
            for group in document["groups"]:
                for rule in group["rules"]:
                    if "record" in rule:
                        known.setdefault(rule["record"], {"target"}).update(rule.get("labels", {}))
    # Series made from other recorded series carry the labels of these.
    levels = known.get("slo:objective:ratio", set())
    return {name: labels | levels if name.startswith("slo:") else labels for name, labels in known.items()}


def test_one_file_for_each_view(files: Json) -> None:
    assert {path for path in files if path.startswith("dashboards/")} == {
        "dashboards/Executive/demo-executive.json",
        "dashboards/Technical/demo-technical.json",
        "dashboards/Business/demo-business.json",
    }


def test_uids_and_panel_ids_are_unique(dashboards: list[Json]) -> None:
    uids = [dashboard["uid"] for dashboard in dashboards]
    assert sorted(uids) == ["demo-business", "demo-executive", "demo-technical"]
    for dashboard in dashboards:
        ids = [panel["id"] for panel in _panels(dashboard)]
        assert len(set(ids)) == len(ids)
        assert dashboard["schemaVersion"] == 42


def test_panels_fill_the_grid_without_overlap(dashboards: list[Json]) -> None:
    for dashboard in dashboards:
        for panels in [dashboard["panels"], *(panel.get("panels", []) for panel in dashboard["panels"])]:
            cells: dict[tuple[int, int], str] = {}
            for panel in panels:
                grid = panel["gridPos"]
                for x in range(grid["x"], grid["x"] + grid["w"]):
                    for y in range(grid["y"], grid["y"] + grid["h"]):
                        assert 0 <= x < 24
                        assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                        cells[x, y] = panel["title"]
            lines = {y for _, y in cells}
            assert len(cells) == 24 * len(lines), f"{dashboard['uid']} has holes"


def test_reading_order_is_order_of_panels(dashboards: list[Json]) -> None:
    """A phone stacks panels by place, a screen reader by order: both tell the same story."""
    for dashboard in dashboards:
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in dashboard["panels"]]
        assert places == sorted(places)


def test_every_query_parses_and_names_only_what_exists(files: Json, dashboards: list[Json]) -> None:
    known = _known(files)
    for dashboard in dashboards:
        exprs = [target["expr"] for panel in _shown(dashboard) for target in panel["targets"]]
        exprs += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
        for expr in exprs:
            for selector in _selectors(_parsed(expr)):
                assert selector.name in known, f"{selector.name} does not exist, in: {expr}"
                labels = {matcher.name for matcher in selector.matchers.matchers}
                assert labels <= known[selector.name], (
                    f"{selector.name} has no {labels - known[selector.name]}: {expr}"
                )


def test_rates_use_the_rate_interval(variant: Json, dashboards: list[Json]) -> None:
    teams = [kpi["expr"] for kpi in variant["kpis"]]  # written by the team, with windows of its own
    for dashboard in dashboards:
        for panel in _shown(dashboard):
            for expr in (target["expr"] for target in panel["targets"]):
                assert "$__interval" not in expr
                if not any(theirs in expr for theirs in teams):
                    for window in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", expr):
                        assert window == "$__rate_interval", expr


def test_every_panel_explains_itself_and_has_a_unit(dashboards: list[Json]) -> None:
    for dashboard in dashboards:
        assert dashboard["description"]
        for panel in _panels(dashboard):
            if panel["type"] != "row":
                assert panel["title"]
                assert len(panel["description"]) > 20
        for panel in _shown(dashboard):
            what, good, act = panel["description"].split("\n\n")
            assert what
            assert good.startswith("**Good:** ")
            assert act.startswith("**Otherwise:** ")
            assert UNITS.fullmatch(panel["fieldConfig"]["defaults"]["unit"]), panel["title"]


def test_data_source_is_always_the_variable(dashboards: list[Json]) -> None:
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for dashboard in dashboards:
        assert dashboard["templating"]["list"][0]["name"] == "datasource"
        for panel in _shown(dashboard):
            assert panel["datasource"] == wanted
            assert all(target["datasource"] == wanted for target in panel["targets"])
            assert [target["refId"] for target in panel["targets"]] == sorted(
                {t["refId"] for t in panel["targets"]}
            )
        assert all(annotation["datasource"] == wanted for annotation in dashboard["annotations"]["list"])


def test_nine_panels_of_ten_lead_on_and_no_link_is_dead(variant: Json, dashboards: list[Json]) -> None:
    uids = {dashboard["uid"] for dashboard in dashboards}
    monitoring = variant["monitoring"]
    outside = (monitoring["prometheus_external"], monitoring["alertmanager_external"])
    for dashboard in dashboards:
        panels = list(_shown(dashboard))
        assert sum(1 for panel in panels if panel["links"]) >= 0.9 * len(panels)
        links = [
            link for panel in panels for link in (*panel["links"], *panel["fieldConfig"]["defaults"]["links"])
        ]
        for link in links:
            if link["url"].startswith("/d/"):
                assert urlsplit(link["url"]).path.removeprefix("/d/") in uids
                assert "${__url_time_range}" in link["url"]
            elif link["url"].startswith(monitoring["runbooks"]):
                alert = link["url"].removeprefix(monitoring["runbooks"] + "/").removesuffix(".md")
                assert alert in alert_settings(), f"{link['title']}: no such alert"
            else:
                assert link["url"].startswith(outside), link["url"]


def test_panels_that_alerts_point_to_exist(files: Json, dashboards: list[Json]) -> None:
    ids = {dashboard["uid"]: {panel["id"] for panel in _panels(dashboard)} for dashboard in dashboards}
    rules = [
        rule
        for path, document in files.items()
        if path.startswith("prometheus/rules/")
        for group in document["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert rules
    for rule in rules:
        url = urlsplit(rule["annotations"]["dashboard_url"])
        uid = url.path.rsplit("/", 1)[-1]
        assert uid in ids, rule["alert"]
        for panel in parse_qs(url.query).get("viewPanel", []):
            assert int(panel) in ids[uid], f"{rule['alert']} links to a panel that is not there"


def test_alerts_and_restarts_are_marked_on_every_dashboard(dashboards: list[Json]) -> None:
    for dashboard in dashboards:
        exprs = [
            annotation["expr"] for annotation in dashboard["annotations"]["list"] if annotation["enable"]
        ]
        assert any(expr.startswith("ALERTS{") for expr in exprs)
        assert any("start_time_seconds" in expr for expr in exprs)


def test_nothing_is_shown_of_what_the_platform_lacks(variant: Json, dashboards: list[Json]) -> None:
    kinds = {source["kind"] for source in variant["sources"]}
    for kind, prefix in (
        ("postgres", "pg_"),
        ("health", "health_check"),
        ("cloudflare_workers", "cloudflare_"),
    ):
        used = [
            target["expr"]
            for dashboard in dashboards
            for panel in _shown(dashboard)
            for target in panel["targets"]
            if prefix in target["expr"]
        ]
        signals = {signal["kind"] for service in variant["services"] for signal in service["signals"]}
        expected = kind in kinds or (kind == "cloudflare_workers" and "cloudflare_worker" in signals)
        assert bool(used) == expected, used
    for dashboard in dashboards:
        for panel in dashboard["panels"]:
            assert panel["type"] != "row" or not panel["collapsed"] or panel["panels"], (
                "a heading over nothing"
            )


def test_thresholds_are_those_of_the_objective(demo: Json) -> None:
    """The dashed lines are the numbers that alert, not a copy of them."""
    demo = copy.deepcopy(demo)
    slo = demo["services"][0]["slos"][0]
    slo |= {"objective": "0.98", "budget": "0.02", "objective_text": "98%"}
    slo["tiers"][0]["factor"] = "12.5"
    found = tree(demo)
    technical = found["dashboards/Technical/demo-technical.json"]
    executive = found["dashboards/Executive/demo-executive.json"]

    def steps(dashboard: Json, title: str) -> list[float | None]:
        panel = next(panel for panel in _shown(dashboard) if panel["title"] == title)
        return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert 12.5 in steps(technical, "API availability · burn rate")
    assert 0.02 in steps(technical, "API · failed share")
    assert 0.98 in steps(executive, "API availability, last 30 days")


def test_nothing_known_is_never_green(dashboards: list[Json]) -> None:
    """Grafana paints a panel without a value in the colour of its lowest step."""
    for dashboard in dashboards:
        for panel in _shown(dashboard):
            if panel["type"] in {"stat", "bargauge"}:
                lowest = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]
                assert lowest == {"value": None, "color": "#8E9297"}, panel["title"]


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
    business = {panel["title"]: panel for panel in _shown(found["dashboards/Business/demo-business.json"])}
    assert "sum by (genre) (rate(pitches_total" in business["Pitches per minute"]["targets"][0]["expr"]
    assert business["Pitch budget"]["fieldConfig"]["defaults"]["unit"] == "currencyUSD"
    assert {target["interval"] for target in business["Pitch budget"]["targets"]} == {"300s"}
    executive = [panel["title"] for panel in _shown(found["dashboards/Executive/demo-executive.json"])]
    assert "Pitch budget" in executive


def test_a_unit_that_grafana_does_not_know_is_an_error(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["queries"][0]["metrics"][0]["unit"] = "bananas"
    with pytest.raises(PlatformError, match='business_organizations: "bananas" is no unit of Grafana'):
        tree(demo)


def test_provisioning_points_at_the_same_data_source_and_folder(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    demo["monitoring"]["grafana_dashboards"] = "/srv/dashboards"
    found = tree(demo)
    (prometheus, _) = found["grafana/provisioning/datasources/prometheus.yml"]["datasources"]
    assert prometheus["url"] == demo["monitoring"]["prometheus"]
    assert prometheus["jsonData"]["timeInterval"] == demo["monitoring"]["scrape_interval"]
    variable = found["dashboards/Executive/demo-executive.json"]["templating"]["list"][0]
    assert variable["current"]["value"] == prometheus["uid"]
    (provider,) = found["grafana/provisioning/dashboards/dashboards.yml"]["providers"]
    assert provider["options"] == {"path": "/srv/dashboards", "foldersFromFilesStructure": True}


def test_generation_is_deterministic(demo: Json, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.perf_counter()
    first = tree(demo)
    took = time.perf_counter() - started
    assert first == tree(demo)
    panels = sum(1 for path, found in first.items() if path.startswith("dashboards/") for _ in _shown(found))
    with capsys.disabled():
        print(f"\n{panels} panels and everything else generated in {took:.2f} s")
