"""Grafana's own models of dashboards read what is generated, and know every key of it: a misspelt one would be lost."""

import copy
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards

with warnings.catch_warnings():
    # The package prefers its newest format; file provisioning needs the classic one.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

# The models have no options of alert lists, and none of the place where Grafana 10 looks for an annotation's query.
UNKNOWN = {"annotations.list[].expr"}


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    register_default_plugins()


def _keys(document: Any, place: str = "") -> Iterator[str]:
    """Every key, by its path; all items of a list have one path."""
    if isinstance(document, dict):
        for key, value in document.items():
            path = f"{place}.{key}" if place else key
            yield path
            yield from _keys(value, path)
    if isinstance(document, list):
        for item in document:
            yield from _keys(item, f"{place}[]")


def _written(board: Json) -> Any:
    """What the models write of what they read."""
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(copy.deepcopy(board))))


def test_no_key_is_dropped_by_grafanas_models(boards: list[Json]) -> None:
    for board in boards:
        assert set(_keys(board)) - set(_keys(_written(board))) <= UNKNOWN, board["uid"]


def test_a_misspelt_key_would_be_seen(demo: Json) -> None:
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-home")
    next(panel for panel in board["panels"] if panel["type"] == "stat")["options"]["colourMode"] = "value"
    assert "panels[].options.colourMode" in set(_keys(board)) - set(_keys(_written(board)))
