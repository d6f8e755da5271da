"""Words where data are missing never claim that all is well, what is drawn as limit is one, and durations are exact."""

import re
from collections.abc import Iterator

from tests.support.dashboards import Json, shown

# Said by panels that know nothing; none of them says that there is no failure, nobody waiting, no traffic.
SILENT = re.compile(
    r"no data|not (known|read|reported|measured)|no drill known|no invocations, or none that failed"
)
MINE = ("postgres", "statements", "health", "workers", "exporter", "business")


def _pages(boards: list[Json]) -> list[Json]:
    return [board for board in boards if board["uid"].rpartition("-")[2] in MINE]


def test_a_panel_without_data_claims_nothing(boards: list[Json]) -> None:
    """Nothing there is a 0 with a word to it, asked of a source that answers; otherwise nothing is known."""
    for board in _pages(boards):
        for panel in shown(board):
            assert SILENT.fullmatch(panel["fieldConfig"]["defaults"]["noValue"]), panel["title"]


def test_nobody_waits_is_said_only_by_a_server_that_answers(variant: Json, boards: list[Json]) -> None:
    for board in boards:
        if board["uid"] != f"{variant['platform']}-postgres":
            continue
        exprs = {panel["title"]: panel["targets"][0]["expr"] for panel in shown(board)}
        for title, word in (
            ("Active sessions that wait", "nobody waits"),
            ("Blocked sessions", "nobody is blocked"),
            ("Root blockers", "nobody blocks"),
            ("Replication lag", "no standby"),
            ("Log kept for replication slots", "no slot"),
        ):
            silent = exprs[title].partition(" or on () ")[2]
            assert word in silent
            assert 'pg_scrape_collector_success{target="$target", collector=' in silent
            assert "vector(" not in silent


def test_what_is_called_dashed_is_drawn(boards: list[Json]) -> None:
    for board in boards:
        for panel in shown(board):
            if panel["type"] != "timeseries" or "dashed" not in panel["description"].lower():
                continue
            drawn = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps")
            lines = [
                prop
                for override in panel["fieldConfig"]["overrides"]
                for prop in override["properties"]
                if prop["id"] == "custom.lineStyle"
            ]
            assert drawn or lines, panel["title"]


def _formats(panel: Json) -> Iterator[tuple[str, int | None]]:
    """Unit and decimals of the panel and of each field that has its own."""
    defaults = panel["fieldConfig"]["defaults"]
    yield defaults["unit"], defaults.get("decimals")
    for override in panel["fieldConfig"]["overrides"]:
        own = {prop["id"]: prop["value"] for prop in override["properties"]}
        yield own.get("unit", defaults["unit"]), own.get("decimals", defaults.get("decimals"))


def test_a_duration_is_not_rounded_to_whole_hours(boards: list[Json]) -> None:
    """Grafana takes the largest unit: without decimals everything from 60 to 89 minutes is "1 hours"."""
    for board in boards:
        for panel in shown(board):
            assert ("s", 0) not in _formats(panel), panel["title"]
