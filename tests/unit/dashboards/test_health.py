"""Health documents: what no usable answer is called, and whose each line is where there are several endpoints."""

import copy
import re
from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, rules, shown
from tests.support.promtool import evaluate

TITLES = ("API", "Website (EU)", "API EU")


@pytest.fixture(scope="module")
def several_views(demo: Json) -> dict[str, dict[str, Json]]:
    """The panels of three endpoints, by view and title."""
    demo = copy.deepcopy(demo)
    (endpoint,) = (source for source in demo["sources"] if source["kind"] == "health")
    for key, title in (("web", TITLES[1]), ("eu", TITLES[2])):
        demo["sources"].append(endpoint | {"source": f"health.{key}", "target": key, "title": title})
    found = tree(demo)
    return {view: _shown(found, view) for view in ("health", "technical")}


@pytest.fixture(scope="module")
def several(several_views: dict[str, dict[str, Json]]) -> dict[str, Json]:
    return several_views["health"]


def _shown(files: Json, view: str) -> dict[str, Json]:
    (board,) = (board for board in dashboards(files) if board["uid"] == f"demo-{view}")
    return {panel["title"]: panel for panel in shown(board)}


def _panels(catalogue: Json) -> dict[str, Json]:
    return _shown(tree(catalogue), "health")


def _colour(panel: Json, series: str) -> str:
    """The hue that Grafana gives a series: the last override that meets its name."""
    found = panel["fieldConfig"]["defaults"]["color"]["fixedColor"]
    for override in panel["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"]
        named = override["matcher"]["id"] == "byName" and pattern == series
        if named or (override["matcher"]["id"] == "byRegexp" and re.search(pattern[1:-1], series)):
            for prop in override["properties"]:
                if prop["id"] == "color":
                    found = prop["value"]["fixedColor"]
    assert isinstance(found, str)
    return found


def test_what_gives_no_usable_answer_is_called_so(demo: Json, boards: list[Json]) -> None:
    """By the alert, too: a 404, HTML or a status that nobody knows is an answer, but says nothing."""
    (alert,) = (rule for rule in rules(tree(demo)) if rule.get("alert") == "HealthUnhealthy")
    assert "no usable answer" in alert["annotations"]["description"]
    found = 0
    for board in boards:
        for panel in shown(board):
            said = any("health:state:code" in target["expr"] for target in panel["targets"])
            if said and panel["type"] in {"stat", "state-timeline"}:
                (words,) = (
                    m["options"] for m in panel["fieldConfig"]["defaults"]["mappings"] if m["type"] == "value"
                )
                assert words["3"]["text"] == "No usable answer", panel["title"]
                found += 1
    assert found or not any(board["uid"].endswith("-health") for board in boards)


@pytest.mark.parametrize(
    ("panel", "series"),
    [
        ("Time to fetch the health document", ""),
        ("Time of a component's check", " · database"),
        ("Changes of state", " · database"),
    ],
)
def test_endpoints_are_told_apart_by_colour(several: dict[str, Json], panel: str, series: str) -> None:
    assert len({_colour(several[panel], title + series) for title in TITLES}) == len(TITLES)


def test_states_of_a_pool_mean_the_same_for_every_endpoint(several: dict[str, Json], demo: Json) -> None:
    title = "Connections of the product's pool"
    alone = _panels(demo)[title]
    for state in ("active", "idle", "waiting"):
        wanted = _colour(alone, state)
        assert {_colour(several[title], f"{name} · {state}") for name in TITLES} == {wanted}
    assert len({_colour(alone, state) for state in ("active", "idle", "waiting")}) == 3


def test_endpoints_are_called_by_their_titles(several: dict[str, Json]) -> None:
    for panel in several.values():
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all("{{target}}" not in legend for legend in legends), panel["title"]
        if len(legends) > 1:
            assert [legend.partition(" · ")[0] for legend in legends] == list(TITLES)
        else:
            assert panel["title"].partition(" · ")[0] in TITLES


@pytest.mark.parametrize("view", ["health", "technical"])
def test_names_of_components_stand_alone(several_views: dict[str, dict[str, Json]], view: str) -> None:
    """Of "Background jobs · external_apis" a phone would show the one or the other half: each endpoint has a panel."""
    found = several_views[view]
    words = ["components", "time healthy"] if view == "health" else ["components"]
    for word in words:
        for title, key in zip(TITLES, ("api", "web", "eu"), strict=True):
            (target,) = found[f"{title} · {word}"]["targets"]
            assert target["legendFormat"] == "{{check}}"
            assert set(re.findall(r'target="(\w+)"', target["expr"])) == {key}
    assert found["HTTP status"]["gridPos"]["w"] >= 4 * len(TITLES)


@pytest.mark.parametrize(
    ("alert", "word"), [("HealthCheckUnhealthy", " · components"), ("HealthUnhealthy", "")]
)
def test_alerts_lead_to_the_panel_of_their_endpoint(demo: Json, alert: str, word: str) -> None:
    demo = copy.deepcopy(demo)
    (endpoint,) = (source for source in demo["sources"] if source["kind"] == "health")
    demo["sources"].append(endpoint | {"source": "health.web", "target": "web", "title": "Website (EU)"})
    found = tree(demo)
    panels = _shown(found, "technical")
    for key, title in (("api", "API"), ("web", "Website (EU)")):
        (rule,) = (
            rule
            for rule in rules(found)
            if rule.get("alert") == alert and rule["labels"]["source"] == f"health.{key}"
        )
        wanted = panels[title + word if word else "Health document"]["id"]
        assert rule["annotations"]["dashboard_url"].endswith(f"?viewPanel={wanted}")


def test_endpoints_of_one_title_are_told_apart_by_their_keys(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    (endpoint,) = (source for source in demo["sources"] if source["kind"] == "health")
    demo["sources"].append(endpoint | {"source": "health.web", "target": "web"})
    demo["sources"].append(endpoint | {"source": "health.shop", "target": "shop", "title": "health.shop"})
    legends = [target["legendFormat"] for target in _panels(demo)["HTTP status"]["targets"]]
    assert legends == ["API (api)", "API (web)", "shop"]


def test_what_is_not_known_of_a_check_never_hides_what_is_bad(demo: Json) -> None:
    """A step shows the worst of it."""
    components = _panels(demo)["Components"]
    (words,) = (
        m["options"] for m in components["fieldConfig"]["defaults"]["mappings"] if m["type"] == "value"
    )
    (target,) = components["targets"]
    ranks = dict(re.findall(r"""(\d) \* \(\(max_over_time\([^}]*status="(\w+)"}""", target["expr"]))
    assert [ranks[rank] for rank in sorted(ranks)] == ["healthy", "unknown", "degraded", "unhealthy"]
    assert {rank: words[rank]["text"].lower() for rank in words} == ranks


def test_a_check_is_not_healthy_while_nothing_is_said_of_it(demo: Json, tmp_path: Path) -> None:
    """Of six minutes it was healthy for two, unhealthy for one; for the other three there was no usable document."""
    (target,) = _panels(demo)["Share of the time healthy"]["targets"]
    check = '{target="api",check="redis",status="healthy"}'
    evaluate(
        tmp_path,
        {
            f"health_check_status{check}": "1 0 1 stale _ _",
            'health:state:code{target="api"}': "0 2 0 3 3 3",
        },
        target["expr"].replace("$__range", "330s"),
        [{"labels": '{check="redis", target="api"}', "value": 1 / 3}],
    )
