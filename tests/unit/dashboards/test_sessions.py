"""Sessions that wait: bars of series that exist only while somebody does."""

from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown
from tests.support.promtool import evaluate


@pytest.fixture(scope="module")
def panels(demo: Json) -> dict[str, str]:
    """Queries of the page of a database, by the title of their panel."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-postgres")
    return {panel["title"]: panel["targets"][0]["expr"] for panel in shown(board)}


@pytest.mark.parametrize(
    ("title", "metric", "label", "collector", "word"),
    [
        (
            "Active sessions that wait",
            "pg_sessions_waiting",
            "wait_event_type",
            "sessions_waiting",
            "nobody waits",
        ),
        ("Blocked sessions", "pg_blocked_sessions", "locktype", "blocked", "nobody is blocked"),
        ("Root blockers", "pg_root_blockers", "state", "root_blockers", "nobody blocks"),
    ],
)
@pytest.mark.parametrize(
    ("values", "answers", "drawn"),
    [
        ("_ 3 stale", "1x9", {"one": 0}),  # Grafana would draw the only sample as wide as it can
        ("_x4 3", "1x9", {"one": 3}),
        ("_ 3 stale", "1x4 0", {}),
        ("_x9", "1x9", {"word": 0}),
    ],
)
def test_who_waited_once_is_nobody_in_the_other_steps(
    panels: dict[str, str],
    title: str,
    metric: str,
    label: str,
    collector: str,
    word: str,
    values: str,
    answers: str,
    drawn: dict[str, float],
    tmp_path: Path,
) -> None:
    """0 rather than nothing, as long as the server answers; what never was has a word."""
    series = {
        f'{metric}{{target="main", {label}="one"}}': values,
        f'pg_scrape_collector_success{{target="main", collector="{collector}"}}': answers,
    }
    names = {"one": "one", "word": word}
    expr = panels[title].replace("$__range", "10m").replace("$target", "main")
    samples = [{"labels": f'{{{label}="{names[who]}"}}', "value": value} for who, value in drawn.items()]
    evaluate(tmp_path, series, expr, samples)


@pytest.mark.parametrize(
    ("series", "waiting", "longest"),
    [
        ({"pg_blocked_sessions": "2x9", "pg_blocked_longest_wait_seconds": "75x9"}, 2, 75),
        ({"pg_blocked_longest_wait_seconds": "0x9"}, 0, 0),
        ({}, 0, None),
    ],
)
def test_who_is_blocked_now_stands_in_a_card(
    generated: Json, tmp_path: Path, series: dict[str, str], waiting: int, longest: int | None
) -> None:
    """Of six hours, the bar of a lock is as wide as a pixel."""
    (board,) = (board for board in dashboards(generated) if board["uid"] == "demo-postgres")
    (card,) = (panel for panel in shown(board) if panel["title"] == "Blocked now")
    assert card["type"] == "stat"
    assert all(target["instant"] for target in card["targets"])
    values = {f'{metric}{{target="main", datname="shop"}}': value for metric, value in series.items()}
    values['pg_scrape_collector_success{target="main", collector="blocked"}'] = "1x9"
    for target, value in zip(card["targets"], (waiting, longest), strict=True):
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        evaluate(tmp_path, values, target["expr"].replace("$target", "main"), samples)
