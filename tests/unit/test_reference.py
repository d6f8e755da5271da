"""Generated references are those of the code as it stands."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter.catalog import metric_families
from exporter.reference import references

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
