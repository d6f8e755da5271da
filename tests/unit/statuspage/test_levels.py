"""How bad a component is, from the alerts about it and about what it stands on."""

from pathlib import Path
from typing import Any

import pytest

from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.statuspage.levels import Level, component_levels, impact, level_of

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
    ("services", "web", "api", "docs"),
    [
        ({}, "operational", "operational", "operational"),
        ({"api": "degraded_performance"}, "operational", "degraded_performance", "operational"),
        ({"api": "partial_outage"}, "partial_outage", "partial_outage", "operational"),
        ({"postgres.main": "major_outage"}, "major_outage", "major_outage", "operational"),
        (
            {"postgres.main": "major_outage", "docs": "partial_outage"},
            "major_outage",
            "major_outage",
            "partial_outage",
        ),
        ({"unknown": "major_outage"}, "operational", "operational", "operational"),
    ],
)
def test_an_outage_reaches_all_that_depends_on_it(
    platform: Platform, services: dict[str, Level], web: str, api: str, docs: str
) -> None:
    assert component_levels(platform, services) == {"web": web, "api": api, "docs": docs}


def test_an_incident_is_as_bad_as_its_worst_component() -> None:
    assert impact(["partial_outage", "operational"]) == "major"
    assert impact(["partial_outage", "major_outage"]) == "critical"
    assert impact([]) == "none"


def test_the_demo_shows_its_components() -> None:
    page = load(Path("platforms/demo.yml")).alerting.status_page
    assert page is not None
    assert set(page.components) == {"api", "postgres.main"}
