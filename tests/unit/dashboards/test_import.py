"""Dashboards for import by hand: Grafana asks for the data source, everything else is as provisioned."""

import json

from exporter.generate import files
from tests.support.dashboards import Json, panels


def test_only_the_data_source_is_asked_for(demo: Json) -> None:
    usual, by_hand = files(demo), files(demo, for_import=True)
    assert usual.keys() == by_hand.keys()
    for path, text in usual.items():
        if not path.startswith("dashboards/"):
            assert by_hand[path] == text
            continue
        board, asking = json.loads(text), json.loads(by_hand[path])
        (asked,) = asking.pop("__inputs")
        required = {(entry["type"], entry["id"]) for entry in asking.pop("__requires")}
        variable = asking["templating"]["list"][0]
        assert variable["current"]["value"] == "${" + asked["name"] + "}"
        assert asked["pluginId"] == "prometheus"
        assert {("panel", panel["type"]) for panel in panels(board) if panel["type"] != "row"} <= required
        board["templating"]["list"][0].pop("current")
        variable.pop("current")
        assert asking == board
