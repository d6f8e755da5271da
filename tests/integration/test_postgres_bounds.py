"""What one's own SQL sends is bounded in bytes, by the server, before any of it is sent."""

from pathlib import Path

import pytest

from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, collect, query

TEXTS = "select n as value, n || repeat('x', {length}) as text from generate_series(1, {rows}) as n"


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (TEXTS.format(length=60_000_000, rows=1), "a row has 60,0"),
        (TEXTS.format(length=100_000, rows=1000), "a row has 100,0"),
        (
            "select 1 as value, '' as text, array_agg(n) as more from generate_series(1, 9999) as n",
            "a row has",
        ),
        (
            "select value, text, big from (select 1 as value, '' as text, '' as big) as one "
            "union all select 2, 'b', repeat('x', 20000)",
            "a row has 20,0",
        ),
    ],
)
async def test_a_row_that_is_too_long_is_refused_and_harms_nothing(
    sql: str, says: str, own_postgres: PostgresCluster, source: MakeSource
) -> None:
    long = query("long", sql=sql, labels=["text"], timeout="50s")
    subject = source(own_postgres.dsn(), query(), long, timeout="60s")
    before = _resident()
    families = await collect(subject)
    assert families["pg_up"] == {("main",): 1.0}
    assert families["mine"] == {("main",): 1.0}
    assert _resident() - before < 50_000_000
    _, gaps = await subject.inspect()
    [gap] = [gap for gap in gaps if "queries.long" in gap.missing]
    assert says in gap.missing
    assert "left(" in gap.remedy


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("letter", ["x", '"'])
async def test_long_labels_are_cut_as_before(
    letter: str, own_postgres: PostgresCluster, source: MakeSource
) -> None:
    sql = TEXTS.format(length=10_000, rows=1000).replace("'x'", f"'{letter}'")
    long = query(sql=sql, labels=["text"], timeout="50s")
    subject = source(own_postgres.dsn(), long, timeout="60s")
    families = await collect(subject)
    assert len(families["mine"]) == 1000
    assert all(len(text) < 1100 for _, text in families["mine"])


async def test_the_bound_has_nothing_worked_out_twice(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute(
        "create function slow() returns int stable language sql as 'select 1 from pg_sleep(4)'"
    )
    subject = source(own_postgres.dsn(), query(sql="select slow() as value", timeout="50s"), timeout="60s")
    families = await collect(subject)
    assert families["mine"] == {("main",): 1.0}
    assert 4 <= families["pg_scrape_collector_duration_seconds"]["main", "queries.mine"] < 8
