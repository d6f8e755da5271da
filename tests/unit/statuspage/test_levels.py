"""How bad a component is, from the alerts about it and about what it stands on."""

from pathlib import Path
from typing import Any

import pytest

from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.statuspage.levels import Level, component_levels, group_key, group_labels, impact, level_of

PLATFORM = """
platform: shop
services:
  web: {title: Website, question: "Does it load?", signals: {health: web}, depends_on: [api]}
  api: {title: API, question: "Does it answer?", signals: {health: api}, depends_on: [postgres.main]}
  docs: {title: Documentation, question: "Can people read?", signals: {health: web}}
sources:
  postgres: {main: {title: Main database, dsn: "${env:DATABASE_URL}"}}
  health:
    web: {title: Website, url: "https://shop.example/health"}
    api: {title: API, url: "https://api.shop.example/health"}
alerting:
  status_page:
    page: shop
    api_key: "${env:STATUSPAGE_API_KEY}"
    token: "${file:token}"
    components: {web: cmpweb, api: cmpapi, docs: cmpdocs}
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    file = tmp_path_factory.mktemp("platform") / "shop.yml"
    file.write_text(PLATFORM)
    return load(file)


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    return {"status": status, "labels": labels}


@pytest.mark.parametrize(
    ("alerts", "level"),
    [
        ([], "operational"),
        ([alert(priority="p1")], "major_outage"),
        ([alert(priority="p2")], "partial_outage"),
        ([alert(priority="p3")], "degraded_performance"),
        ([alert(priority="p4")], "operational"),
        ([alert()], "operational"),
        ([alert("resolved", priority="p1")], "operational"),
        ([alert("resolved", priority="p1"), alert(priority="p3")], "degraded_performance"),
        ([alert(priority="p3"), alert(priority="p2")], "partial_outage"),
        ([alert(priority="p1", slo_tier="fast")], "partial_outage"),
        ([alert(priority="p1", slo_tier="medium")], "degraded_performance"),
        ([alert(priority="p3", slo_tier="slow")], "operational"),
    ],
)
def test_alerts_say_how_bad_it_is(alerts: list[dict[str, Any]], level: str) -> None:
    assert level_of(alerts) == level


@pytest.mark.parametrize(
    ("groups", "web", "api", "docs"),
    [
        ({}, "operational", "operational", "operational"),
        ({"api p3 health.api": "degraded_performance"}, "operational", "degraded_performance", "operational"),
        (
            {"api p1": "partial_outage", "api p3": "operational"},
            "partial_outage",
            "partial_outage",
            "operational",
        ),
        ({"postgres.main p1": "major_outage"}, "major_outage", "major_outage", "operational"),
        (
            {"postgres.main p1 postgres.main": "major_outage", "docs p2": "partial_outage"},
            "major_outage",
            "major_outage",
            "partial_outage",
        ),
        ({"unknown p1": "major_outage"}, "operational", "operational", "operational"),
    ],
)
def test_an_outage_reaches_all_that_depends_on_it(
    platform: Platform, groups: dict[str, Level], web: str, api: str, docs: str
) -> None:
    assert component_levels(platform, groups) == {"web": web, "api": api, "docs": docs}


CHECKS = PLATFORM.replace(
    "components: {web: cmpweb, api: cmpapi, docs: cmpdocs}",
    "components: {api: cmpapi, health.api: cmpapi, health.api/worker: cmpapi, health.api/cache: cmpcache,"
    " health.web: cmpweb}",
)
"""Alerts about health.api and health.web carry service=api and service=web, as these are the services' own signals."""


@pytest.mark.parametrize(
    ("groups", "api", "cache", "web"),
    [
        ({}, "operational", "operational", "operational"),
        ({"api p1 health.api": "major_outage"}, "major_outage", "operational", "operational"),
        ({"api p2 health.api cache": "major_outage"}, "operational", "major_outage", "operational"),
        ({"api p2 health.api worker": "major_outage"}, "major_outage", "operational", "operational"),
        ({"api p2 health.api mail": "partial_outage"}, "partial_outage", "operational", "operational"),
        ({"web p2 health.web cache": "partial_outage"}, "operational", "operational", "operational"),
        ({"web p1 health.web": "major_outage"}, "operational", "operational", "major_outage"),
        ({"docs p1 health.web": "major_outage"}, "operational", "operational", "major_outage"),
    ],
)
def test_a_check_has_a_component_of_its_own(
    tmp_path: Path, groups: dict[str, Level], api: str, cache: str, web: str
) -> None:
    """Names with the id of another are the same component, as bad as the worst of them."""
    file = tmp_path / "shop.yml"
    file.write_text(CHECKS)
    found = component_levels(load(file), groups)
    assert found == {"api": api, "health.api/cache": cache, "health.web": web}


@pytest.mark.parametrize(
    ("name", "priority", "of_whole", "of_part"),
    [
        ("HealthCheckUnhealthy", "p3", "degraded_performance", "major_outage"),
        ("HealthCheckDegraded", "p2", "partial_outage", "degraded_performance"),
        ("HealthCheckSlow", "p3", "degraded_performance", "degraded_performance"),
    ],
)
def test_a_check_that_is_shown_by_itself_is_as_bad_as_its_document_says(
    name: str, priority: str, of_whole: Level, of_part: Level
) -> None:
    alerts = [alert(alertname=name, priority=priority, check="cache")]
    assert level_of(alerts) == of_whole
    assert level_of(alerts, part=True) == of_part
    assert level_of([*alerts, alert("resolved", alertname=name, priority="p1")], part=True) == of_part


@pytest.mark.parametrize(
    "labels",
    [
        {"service": "api", "priority": "p1", "source": "", "check": ""},
        {"service": "api", "priority": "p1", "source": "health.api", "check": ""},
        {"service": "api", "priority": "p2", "source": "health.api", "check": "job queue"},
        {"service": "api", "priority": "p2", "source": "", "check": "cache"},
    ],
)
def test_a_group_is_known_by_its_labels(labels: dict[str, str]) -> None:
    assert group_labels(group_key({name: value for name, value in labels.items() if value})) == labels


def test_an_incident_is_as_bad_as_its_worst_component() -> None:
    assert impact(["partial_outage", "operational"]) == "major"
    assert impact(["partial_outage", "major_outage"]) == "critical"
    assert impact([]) == "none"


@pytest.mark.parametrize(
    ("groups", "out"),
    [
        ({"health.all p1 health.all": "major_outage"}, {"api": "major_outage"}),  # overall: unhealthy
        ({"health.all p3 health.all": "degraded_performance"}, {"api": "degraded_performance"}),
        ({"health.all p2 health.all worker": "major_outage"}, {"api": "major_outage"}),
        ({"health.all p2 health.all database": "major_outage"}, {"postgres.main": "major_outage"}),
        ({"health.all p2 health.all redis": "major_outage"}, {"health.all/redis": "major_outage"}),
        ({"health.all p2 health.all websocket": "major_outage"}, {"health.all/websocket": "major_outage"}),
        ({"health.all p2 health.all integration": "partial_outage"}, {}),  # it sums up redis and websocket
        (
            {"postgres.main p1 postgres.main": "major_outage"},
            {"api": "major_outage", "postgres.main": "major_outage"},
        ),
    ],
)
def test_pitchey_shows_what_its_document_maps(groups: dict[str, Level], out: dict[str, Level]) -> None:
    platform = load(Path("platforms/pitchey.yml"))
    page = platform.alerting.status_page
    assert page is not None
    well: dict[str, Level] = dict.fromkeys(page.shown_as(), "operational")
    assert {page.components[name] for name in well} == {
        *("cmp_api_123", "cmp_db_456", "cmp_cache_789", "cmp_ws_012"),
    }
    assert component_levels(platform, groups) == {**well, **out}
    assert page.dry_run is False


def test_the_demo_shows_its_components() -> None:
    page = load(Path("platforms/demo.yml")).alerting.status_page
    assert page is not None
    assert set(page.components) == {"api", "postgres.main"}
