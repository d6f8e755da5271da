"""What the page of a Postgres server says of a primary and of a replica, of sound data and of damaged ones."""

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
