"""The team's own SQL: each query is drawn where the platform file says."""

import copy

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown


@pytest.mark.parametrize("view", ["business", "executive", "operations", "technical"])
def test_a_single_number_is_drawn_on_the_view_that_it_names(demo: Json, view: str) -> None:
    demo = copy.deepcopy(demo)
    for query in demo["queries"]:
        query |= {"view": view, "panel": "stat"}
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == f"demo-{view}")
    drawn = " ".join(target["expr"] for each in shown(board) for target in each["targets"])
    for query in demo["queries"]:
        for metric in query["metrics"]:
            assert metric["name"] in drawn
