"""The rules and routes of every platform as objects that the Prometheus operator's definitions allow."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from exporter.cli import app
from exporter.generate import catalogue, operator_files
from exporter.generate.mixin import tree
from exporter.platform.problems import PlatformError

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "support" / "operator"
# The demo has a window in a time zone, which these objects cannot say.
PLATFORMS = [path for path in sorted((ROOT / "platforms").glob("*.yml")) if path.stem != "demo"]
CLOUDGREET = ROOT / "platforms" / "cloudgreet.yml"


def _schema(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    return schema


def _strict(schema: Any) -> Any:
    """Refuse keys that the definition does not have: the API server would drop them without a word."""
    if isinstance(schema, dict):
        closed = {key: _strict(value) for key, value in schema.items()}
        if "properties" in schema:
            closed.setdefault("additionalProperties", False)
        # RE2 and Python's re differ in where flags may stand.
        if isinstance(closed.get("pattern"), str):
            closed["pattern"] = re.sub(r"\(\?i\)", "", closed["pattern"])
        return closed
    return [_strict(item) for item in schema] if isinstance(schema, list) else schema


@pytest.fixture(params=PLATFORMS, ids=lambda path: path.stem)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in operator_files(catalogue(request.param)).values()]


def test_objects_are_as_the_definitions_say(objects: list[dict[str, Any]]) -> None:
    kinds = {item["kind"] for item in objects}
    assert kinds == {"PrometheusRule", "AlertmanagerConfig", "ConfigMap"}
    for item in objects:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", item["metadata"]["name"])
        if item["kind"] != "ConfigMap":
            schema = _strict(_schema(item["kind"])["properties"]["spec"])
            jsonschema.Draft202012Validator(schema).validate(item["spec"])


def test_routes_below_the_first_are_as_the_definition_of_the_first(objects: list[dict[str, Any]]) -> None:
    """The definition leaves nested routes open, since a schema cannot name itself."""
    schema = _strict(_schema("AlertmanagerConfig")["properties"]["spec"]["properties"]["route"])
    [config] = [item for item in objects if item["kind"] == "AlertmanagerConfig"]
    receivers = {receiver["name"] for receiver in config["spec"]["receivers"]}
    intervals = {entry["name"] for entry in config["spec"].get("muteTimeIntervals", [])}
    waiting = [config["spec"]["route"]]
    while waiting:
        route = waiting.pop()
        waiting += route.get("routes", [])
        jsonschema.Draft202012Validator(schema).validate({**route, "routes": []})
        assert route.get("receiver", next(iter(receivers))) in receivers
        assert set(route.get("muteTimeIntervals", [])) <= intervals


def _matchers(route: dict[str, Any]) -> Iterator[list[Any]]:
    yield route.get("matchers", [])
    for child in route.get("routes", []):
        yield from _matchers(child)


@pytest.mark.parametrize("file", PLATFORMS, ids=lambda path: path.stem)
def test_the_operator_makes_the_matchers_that_alertmanager_has(file: Path) -> None:
    """It puts each value into quotes, with escapes, by itself: Matcher.String of its v1alpha1."""

    def made(matcher: dict[str, str]) -> str:
        value = matcher["value"].replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{matcher["name"]} {matcher["matchType"]} "{value}"'

    document = catalogue(file)
    written = tree(document)["alertmanager/alertmanager.yml"]
    config = yaml.safe_load(operator_files(document)["kubernetes/alertmanagerconfig.yml"])["spec"]
    found = [[made(matcher) for matcher in matchers] for matchers in _matchers(config["route"])]
    assert found == list(_matchers(written["route"]))
    for rule, wanted in zip(config["inhibitRules"], written["inhibit_rules"], strict=True):
        assert list(map(made, rule["sourceMatch"])) == wanted["source_matchers"]
        assert list(map(made, rule["targetMatch"])) == wanted["target_matchers"]


def test_rules_are_those_that_prometheus_reads() -> None:
    document = catalogue(CLOUDGREET)
    written = {
        path.removesuffix(".yml").rpartition("/")[2]: content["groups"]
        for path, content in tree(document).items()
        if path.startswith("prometheus/rules/")
    }
    objects = [yaml.safe_load(text) for text in operator_files(document).values()]
    found = {
        item["metadata"]["name"].removeprefix("cloudgreet-"): item["spec"]["groups"]
        for item in objects
        if item["kind"] == "PrometheusRule"
    }
    assert found == written


def test_secrets_are_named_by_key() -> None:
    text = "\n".join(operator_files(catalogue(CLOUDGREET)).values())
    assert "/run/secrets" not in text
    config = yaml.safe_load(operator_files(catalogue(CLOUDGREET))["kubernetes/alertmanagerconfig.yml"])
    [pager] = [item for item in config["spec"]["receivers"] if item["name"] == "pager"]
    assert pager["pagerdutyConfigs"][0]["routingKey"] == {
        "name": "cloudgreet-secrets",
        "key": "pagerduty_routing_key",
    }


def test_hours_of_another_zone_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(
        "platform: shop\nalerting:\n  maintenance:\n"
        '    - {title: Night, weekly: {from: "02:00", to: "03:00", timezone: Europe/Berlin}}\n'
    )
    with pytest.raises(PlatformError, match="knows no time zones"):
        operator_files(catalogue(file))


def test_the_command_writes_them(tmp_path: Path) -> None:
    command = [
        "generate",
        "-p",
        str(CLOUDGREET),
        "-o",
        str(tmp_path),
        "--format",
        "operator",
    ]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (tmp_path / "kubernetes" / "alertmanagerconfig.yml").is_file()
    assert not (tmp_path / "prometheus").exists()
    assert CliRunner().invoke(app, [*command, "--check"]).exit_code == 0
