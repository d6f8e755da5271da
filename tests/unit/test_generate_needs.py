"""What a service needs: everything that can be reached, and never itself."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.duties import duties
from exporter.engine.engine import build_sources
from exporter.generate import catalogue
from exporter.generate.mixin import alert_rules
from exporter.generate.needs import reached
from exporter.platform.load import load
from exporter.platform.problems import PlatformError
from exporter.platform.routing import sources

SHOP = """
platform: shop
sources:
  postgres: {main: {dsn: "${env:DATABASE_URL}"}, other: {dsn: "${env:OTHER_URL}"}, spare: {dsn: "${env:SPARE_URL}"}}
  health: {web: {url: "https://shop.example/web"}, other: {url: "https://shop.example/other"}}
  cloudflare: {account: 0123456789abcdef0123456789abcdef, token: "${env:TOKEN}", workers: {scripts: [edge]}}
services:
  web: {title: Web, question: Up, signals: {health: web}, depends_on: [postgres.main]}
  twin: {title: Twin, question: Up, signals: {health: web}}
  fresh: {title: Fresh, question: Up, signals: {freshness: {source: postgres.other, within: 5m}}}
  stale: {title: Stale, question: Up, signals: {freshness: {source: cloudflare.workers, within: 5m}}}
  edge: {title: Edge, question: Up, signals: {cloudflare_worker: edge}}
  whole: {title: All, question: Up, signals: {services: [twin, edge]}}
  asker: {title: Asker, question: Up, signals: {health: other}, depends_on: [DEPENDENCY]}
"""


@given(st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4), max_size=10))
def test_all_that_links_lead_to_is_reached_and_nothing_else(links: dict[int, list[int]]) -> None:
    """Whatever the links are, circles included: the least set that holds the start and all that its members name."""

    def follow(name: str) -> list[str]:
        return [str(other) for other in links.get(int(name), ())]

    least = {"0"}
    for _ in range(10):
        least |= {other for name in least for other in follow(name)}
    assert reached(["0"], follow) == least


@pytest.mark.parametrize(
    ("dependency", "needs"),
    [
        ("postgres.main", ["postgres.main"]),
        ("web", ["postgres.main", "web"]),
        ("health.web", ["postgres.main", "web"]),
        ("twin", ["postgres.main", "twin", "web"]),
        ("fresh", ["fresh", "postgres.other"]),
        ("edge", ["edge"]),
        ("whole", ["edge", "postgres.main", "twin", "web", "whole"]),
        ("stale", ["stale"]),
    ],
    ids=[
        "a database",
        "a service and its database",
        "the document that a service is measured on",
        "another service of the same document",
        "the age of a source",
        "a Worker, whose source says of nothing that it is down",
        "several services as one, and their sources",
        "the age of a source without an outage",
    ],
)
def test_what_a_service_needs(dependency: str, needs: list[str], tmp_path: Path) -> None:
    assert _services(SHOP.replace("DEPENDENCY", dependency), tmp_path)["asker"]["needs"] == needs


@pytest.mark.parametrize(
    ("named", "dependency", "concerned"),
    [
        ("web", "health.web", ["web", "twin", "asker"]),
        ("postgres.other", "health.web", ["fresh"]),
        ("postgres.main", "health.web", ["web", "twin", "asker"]),
        ("cloudflare.workers", "health.web", ["stale", "edge"]),
        ("edge", "whole", ["edge", "asker"]),
        ("postgres.main", "whole", ["web", "twin", "asker"]),
        ("whole", "whole", ["whole", "asker"]),
    ],
)
def test_work_on_what_a_service_is_read_from_or_needs_is_work_on_it(
    named: str, dependency: str, concerned: list[str], tmp_path: Path
) -> None:
    """Several services as one leave out each part by itself; whatever depends on them does not."""
    window = "{title: Works, once: {from: 2036-01-01, to: 2036-01-02}, services: [%s]}"
    text = SHOP.replace("DEPENDENCY", dependency)
    services = _services(f"{text}alerting: {{maintenance: [{window % named}]}}\n", tmp_path)
    assert [name for name, service in services.items() if service["maintenance"] == ["works"]] == concerned


def test_a_ladder_of_services_is_walked_once(tmp_path: Path) -> None:
    """Thirty layers of two: a billion ways."""
    base = {"title": "S", "question": "Up", "signals": {"health": "other"}}
    document = yaml.safe_load(SHOP.replace("DEPENDENCY", "web"))
    for layer in range(30):
        below = [f"a{layer - 1}", f"b{layer - 1}"] if layer else ["web"]
        document["services"] |= {f"{side}{layer}": {**base, "depends_on": below} for side in "ab"}
    assert len(_services(yaml.safe_dump(document), tmp_path)["a29"]["needs"]) == 2 * 29 + 3


def test_services_that_need_each_other_by_what_they_are_read_from_are_refused(tmp_path: Path) -> None:
    text = SHOP.replace("DEPENDENCY", "twin").replace("depends_on: [postgres.main]", "depends_on: [asker]")
    with pytest.raises(PlatformError) as caught:
        _services(text, tmp_path)
    [problem] = caught.value.problems
    assert problem.key == "services.web.depends_on"
    assert "asker needs it too" in problem.message


def test_alerts_of_a_database_name_all_that_need_it_or_are_measured_on_it(tmp_path: Path) -> None:
    """Alerts of the former are silent meanwhile, so nobody would hear that the farther ones fail."""
    file = tmp_path / "shop.yml"
    file.write_text(SHOP.replace("DEPENDENCY", "twin").replace("cloudflare_worker: edge", "postgres: other"))
    impact = {
        rule["labels"]["service"]: rule["annotations"]["impact"].partition(": ")[2]
        for rule in alert_rules(catalogue(file))
        if rule["alert"] == "DatabaseDown"
    }
    assert impact == {
        "postgres.main": "Web, Twin, All, Asker.",
        "postgres.other": "Fresh, Edge, All.",
        "postgres.spare": "no service names it as a dependency.",
    }


@pytest.mark.parametrize("file", sorted(Path("platforms").glob("*.yml")), ids=lambda file: file.stem)
def test_sources_are_called_as_their_alerts_call_them(file: Path) -> None:
    """But for the exporter's own duties, on which nothing else depends."""
    platform = load(file)
    built = {source.name for source in build_sources(platform)} - {duty.name for duty in duties(platform)}
    assert built
    assert sorted(sources(platform)) == sorted(built)


def _services(text: str, folder: Path) -> dict[str, dict[str, list[str]]]:
    file = folder / "shop.yml"
    file.write_text(text)
    return {service["name"]: service for service in catalogue(file)["services"]}
