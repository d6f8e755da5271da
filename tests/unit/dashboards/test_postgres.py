"""What the page of a Postgres server says of a primary and of a replica, of sound data and of damaged ones."""

import copy
from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown
from tests.support.promtool import evaluate

PRIMARY = {'pg_replication_is_replica{target="main"}': "0x9"}
REPLICA = {'pg_replication_is_replica{target="main"}': "1x9"}
FAILURES = 'pg_stat_database_checksum_failures_total{target="main", datid="1", datname="shop"}'


@pytest.fixture(scope="module")
def queries(demo: Json) -> dict[str, str]:
    """Title of a panel → its first query."""
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-postgres")
    return {panel["title"]: panel["targets"][0]["expr"].replace("$target", "main") for panel in shown(board)}


def _asked(collector: str) -> dict[str, str]:
    return {f'pg_scrape_collector_success{{target="main", collector="{collector}"}}': "1x9"}


@pytest.mark.parametrize(
    ("title", "series", "labels", "wanted"),
    [
        ("From its primary", PRIMARY, "{}", -1),
        ("From its primary", REPLICA | {'pg_wal_receiver_up{target="main"}': "1x9"}, "{}", 1),
        ("From its primary", REPLICA | {'pg_wal_receiver_up{target="main"}': "0x9"}, "{}", 0),
        ("From its primary", REPLICA, "", None),
        (
            "Behind its primary",
            PRIMARY | {'pg_replication_lag_seconds{target="main"}': "0x9"},
            '{role="no replica"}',
            0,
        ),
        (
            "Behind its primary",
            REPLICA
            | {
                'pg_standby_lag_seconds{target="main"}': "7x9",
                'pg_replication_lag_seconds{target="main"}': "0x9",
            },
            '{role="behind"}',
            7,
        ),
        ("Damaged pages", _asked("stat_database_checksums"), "{}", -1),
        ("Damaged pages", _asked("stat_database_checksums") | {FAILURES: "0x9"}, "{}", 0),
        ("Damaged pages", _asked("stat_database_checksums") | {FAILURES: "2x9"}, "{}", 2),
        ("Damaged pages", {}, "", None),
        ("Sequences that run out", _asked("sequences"), '{what="half used or more"}', 0),
        (
            "Sequences that run out",
            _asked("sequences")
            | {
                'pg_sequence_used_ratio{target="main", datname="shop", schemaname="app", sequencename="ids"}': "0.8x9"
            },
            '{datname="shop", schemaname="app", sequencename="ids", what="shop.app.ids"}',
            0.8,
        ),
    ],
)
def test_a_server_is_told_as_it_is(
    queries: dict[str, str],
    tmp_path: Path,
    title: str,
    series: dict[str, str],
    labels: str,
    wanted: float | None,
) -> None:
    """What is not known is neither good nor a 0."""
    samples = [] if wanted is None else [{"labels": labels, "value": wanted}]
    evaluate(tmp_path, series, queries[title], samples)


def test_a_health_check_is_drawn_only_where_there_is_one(variant: Json, boards: list[Json]) -> None:
    checked = any(source.get("health") for source in variant["sources"] if source["kind"] == "postgres")
    titles = {
        panel["title"] for board in boards if board["uid"].endswith("-postgres") for panel in shown(board)
    }
    assert ({"Time to connect, query and write", "Health by its check"} <= titles) == checked


def _page(generated: Json, view: str) -> dict[str, Json]:
    (board,) = (board for board in dashboards(generated) if board["uid"] == f"demo-{view}")
    return {panel["title"]: panel for panel in shown(board)}


def test_a_primary_is_told_from_what_is_not_known(generated: Json) -> None:
    """Grey is kept for that."""
    card = _page(generated, "postgres")["From its primary"]["fieldConfig"]["defaults"]
    (words,) = (each["options"] for each in card["mappings"] if "-1" in each["options"])
    colours = {word["text"]: word["color"] for word in words.values()}
    assert len(set(colours.values())) == len(colours)
    (states,) = (
        each["options"]
        for each in _page(generated, "health")["Components"]["fieldConfig"]["defaults"]["mappings"]
    )
    (unknown,) = (state["color"] for state in states.values() if state["text"] == "Unknown")
    assert colours["Is a primary"] != unknown


def test_the_lane_of_a_health_check_has_the_title_of_its_server(demo: Json) -> None:
    demo = copy.deepcopy(demo)
    for source in demo["sources"]:
        if source["kind"] == "postgres":
            source["health"] = True
    lane = _page(tree(demo), "postgres")["Health by its check"]["fieldConfig"]["overrides"]
    assert [(each["matcher"]["options"], each["properties"]) for each in lane] == [
        ("main", [{"id": "displayName", "value": "Main database"}])
    ]


def test_ages_are_drawn_at_whole_minutes(generated: Json) -> None:
    """An axis in seconds goes by tens: 200 of them would be "3.33 mins"."""
    for title in ("Longest wait for a lock", "Oldest transaction and query"):
        assert _page(generated, "postgres")[title]["fieldConfig"]["defaults"]["unit"] == "dthms"


def test_a_statement_without_its_text_is_not_said_to_be_old(generated: Json, tmp_path: Path) -> None:
    """Texts are read less often than statements; what all the others say is never read."""
    table = _page(generated, "statements")["Statements that take most"]
    (said,) = (
        prop["value"]
        for override in table["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "SQL" and prop["id"] == "noValue"
    )
    assert said == "not read (yet)"
    seconds = 'pg_stat_statements_top_exec_seconds_total{target="main", user="app", queryid="%s"}'
    series = {seconds % queryid: "0+60x9" for queryid in ("1234567", "7654321", "other")}
    series['pg_stat_statements_query_info{target="main", queryid="1234567", query="select"}'] = "1x9"
    expr = table["targets"][0]["expr"].replace("$target", "main").replace("$__range", "4m")
    samples = [
        {"labels": f'{{queryid="{queryid}", user="app", id="{queryid[-5:]}"{text}}}', "value": 240}
        for queryid, text in (
            ("1234567", ', query="select"'),
            ("7654321", ""),
            ("other", ', query="all the others"'),
        )
    ]
    evaluate(tmp_path, series, expr, samples)


@pytest.mark.parametrize("at", ["2h", "2h1m", "2h4m"])
def test_checkpoints_are_told_by_the_hour(queries: dict[str, str], tmp_path: Path, at: str) -> None:
    """One in five minutes is twelve an hour at any moment, not sixty in one minute and none in the next four."""
    made = " ".join(str(minute // 5) for minute in range(130))
    series = {'pg_checkpoints_total{target="main", type="timed"}': made}
    expr = queries["Checkpoints"].replace("$__rate_interval", "2m")
    evaluate(tmp_path, series, f"round({expr})", [{"labels": '{type="timed"}', "value": 12}], at=at)
