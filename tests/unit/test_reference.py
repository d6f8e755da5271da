"""Generated references are those of the code as it stands."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter.catalog import metric_families
from exporter.generate import catalogue
from exporter.generate.mixin import tree as documents
from exporter.reference import references
from exporter.routes_asked import Asked

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", references())
def test_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == references()[path], (
        "run: python -m exporter.reference"
    )


@pytest.mark.parametrize("file", sorted((ROOT / "platforms").glob("*.yml")), ids=lambda file: file.name)
def test_platform_files_are_valid_by_the_schema_that_they_name(file: Path) -> None:
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    assert first == "# yaml-language-server: $schema=../platform.schema.json"
    schema = json.loads((ROOT / "platform.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema)


def test_no_two_families_share_a_name() -> None:
    names = [family.name for family in metric_families()]
    assert len(names) == len(set(names))


def test_help_ends_like_a_sentence() -> None:
    assert [family.name for family in metric_families() if not family.help.endswith(".")] == []


def test_facts_of_a_runbook_name_the_route_that_the_alert_takes() -> None:
    demo = catalogue(ROOT / "platforms" / "demo.yml")
    asked = Asked(demo, documents(demo))
    routes = {
        path: [line for line in text.splitlines() if line.startswith("| Route |")]
        for path, text in references().items()
        if path.startswith("docs/runbooks/")
    }
    assert [path for path, lines in routes.items() if len(lines) != 1] == []
    for alert, step in (("DatabaseDown", ", after 15m `oncall-mail`"), ("DatabaseBlocked", "")):
        told, _ = asked.receivers({"alertname": alert, "service": "postgres.main"})
        people = ", ".join(f"`{name}`" for name in told if name != "status-page")
        [line] = routes[f"docs/runbooks/{alert}.md"]
        assert f"By the channels of platforms/demo.yml p{1 if step else 2} to {people}" in line
        assert step in line
