"""Evaluates the Jsonnet folders, from the installed package or from a checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import _jsonnet

from exporter.generate.bundle import bundle
from exporter.platform.problems import PlatformError, Problem

_HERE = Path(__file__).parent
_PLACES = (_HERE.parent / "_mixin", _HERE.parents[1])
_GROUPS = "function(catalogue) (import 'prometheus/alerts.libsonnet').groups(catalogue)"
_SETTINGS = "(import 'prometheus/alerts.libsonnet').settings({})"
_OBJECTS = 1_000_000
"""Objects that Jsonnet makes before it first looks for garbage: a third less time than its 1,000, for 100 MB."""


@cache
def folder() -> Path:
    """Return the folder that holds prometheus/, alertmanager/ and dashboards/.

    Raises FileNotFoundError when the package was built without them.
    """
    for place in _PLACES:
        if (place / "mixin.libsonnet").is_file():
            return place
    raise FileNotFoundError(
        "mixin.libsonnet is neither in "
        + " nor in ".join(map(str, _PLACES))
        + ": reinstall platform-exporter"
    )


def tree(catalogue: dict[str, Any]) -> dict[str, Any]:
    """Return path → document (a text, or the data of a YAML or JSON file) for a catalogue.

    Raises PlatformError with Jsonnet's message when the catalogue asks for what no Jsonnet file knows.
    """
    return _documents(catalogue, "true")


def rules_and_routes(catalogue: dict[str, Any]) -> dict[str, Any]:
    """Return what `tree` does of Prometheus and Alertmanager alone: the dashboards take more than half of the time."""
    return _documents(catalogue, "false")


def _documents(catalogue: dict[str, Any], views: str) -> dict[str, Any]:
    try:
        text = _evaluate("tree.jsonnet", _program(), catalogue=json.dumps(catalogue), views=views)
    except RuntimeError as error:
        message = str(error).partition("\n")[0].removeprefix("RUNTIME ERROR: ")
        raise PlatformError([Problem(catalogue["file"], 0, "", message)]) from error
    documents: dict[str, Any] = json.loads(text)
    return documents


@cache
def _program() -> str:
    return bundle(_HERE / "tree.jsonnet", folder())


@cache
def alert_settings() -> dict[str, dict[str, str]]:
    """Return every alert's name → its own `for`, `priority` and `threshold`, as far as it has them.

    All alerts of the catalogue, whether a platform has a use for them or not.
    """
    settings: dict[str, dict[str, str]] = json.loads(
        _jsonnet.evaluate_snippet("alert settings", _SETTINGS, jpathdir=[str(folder())])
    )
    return settings


def alert_rules(catalogue: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the alerting rules of a catalogue in the order of their topics, without anything else of the tree."""
    groups: dict[str, list[dict[str, Any]]] = json.loads(
        _evaluate("alert rules", _GROUPS, catalogue=json.dumps(catalogue))
    )
    return [rule for topic in groups.values() for group in topic for rule in group["rules"]]


def _evaluate(name: str, program: str, **arguments: str) -> str:
    """Return the JSON that a program, a function, makes of arguments, as JSON. RuntimeError has Jsonnet's message."""
    text: str = _jsonnet.evaluate_snippet(
        name,
        program,
        jpathdir=[str(folder())],
        tla_codes=arguments,
        gc_min_objects=_OBJECTS,
    )
    return text
