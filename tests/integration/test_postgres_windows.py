"""Own SQL that counts by windows of time: each row once, whatever becomes of the server, the state or the clocks."""

import asyncio
import time
from typing import Any, NoReturn

import orjson
import pytest
from psycopg import sql

from exporter.engine.state import MemoryStore, StateError
from exporter.sources.postgres import PostgresSource
from exporter.sources.postgres.collector import Collector
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, collect, query

EVENTS = "select count(*) as value, kind from events where at >= {from} and at < {to} group by kind"


def windowed(**keys: Any) -> Collector:
    """Return own SQL that counts the events of each second once, when they are a second old."""
    metric = {"type": "counter", "help": "Events.", "value": "value"}
    return query(
        every="1s",
        sql=EVENTS,
        labels=["kind"],
        windows={"lag": "1s", "keeps": "1d"},
        metrics={"events_total": metric},
        **keys,
    )


async def counted(subject: PostgresSource, most: float, kind: str = "a") -> float:
    """Collect until that many events of the kind are counted, and a little longer; return how many are."""
    value, enough = -1.0, time.monotonic() + 60
    while value < most and time.monotonic() < enough:
        await asyncio.sleep(0.2)
        value = (await collect(subject)).get("events_total", {}).get(("main", kind), 0.0)
    return value


async def test_each_row_is_counted_once_whatever_becomes_of_it(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create table events (at timestamptz not null default now(), kind text)")
    own_postgres.execute("insert into events select now() - interval '2 h', 'a' from generate_series(1, 500)")
    store = MemoryStore()
    subject = source(own_postgres.dsn(), windowed())
    subject.keep_in(store)
    await collect(subject)  # the first window
    own_postgres.execute("insert into events (kind) select 'a' from generate_series(1, 7)")
    assert await counted(subject, 7) == 7
    own_postgres.execute("delete from events where at < now() - interval '1 h'")
    own_postgres.execute("update events set kind = 'b'")
    own_postgres.execute("insert into events (kind) values ('a')")
    assert await counted(subject, 8) == 8
    await subject.close()

    own_postgres.execute("insert into events (kind) values ('a'), ('b')")
    again = source(own_postgres.dsn(), windowed())  # after a restart
    again.keep_in(store)
    assert await counted(again, 9) == 9
    families = await collect(again)
    assert families["events_total"]["main", "b"] == 1


async def test_what_was_missed_is_caught_up_in_pieces_that_fit(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch, source: MakeSource
) -> None:
    """A millisecond for each second of the window: an hour of them does not fit into the time-out."""
    own_postgres.execute("create table events (at timestamptz, kind text)")
    monkeypatch.setattr(
        f"{__name__}.EVENTS",
        "select count(at) as value, 'a' as kind, pg_sleep(extract(epoch from {to} - {from}) / 1000.0) from events "
        "where at >= {from} and at < {to}",
    )
    store, key = MemoryStore(), "postgres.main/queries.mine"
    begun = int(time.time()) - 7200
    await store.write(key, orjson.dumps({"format": 1, "begun": begun, "cursor": begun, "counters": {}}), 0)
    own_postgres.execute(
        sql.SQL(
            "insert into events select to_timestamp({} + n), 'a' from generate_series(0, 7000, 10) as n"
        ).format(sql.Literal(begun))
    )
    subject = source(own_postgres.dsn(), windowed(timeout="1s"))
    subject.keep_in(store)
    assert await counted(subject, 701) == 701


@pytest.mark.parametrize(
    "off", [3 * 3600, 10, -3 * 3600], ids=["hours ahead", "a little ahead", "hours behind"]
)
async def test_a_clock_that_is_wrong_costs_no_row(
    off: float, own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch, source: MakeSource
) -> None:
    own_postgres.execute("create table events (at timestamptz not null default clock_timestamp(), kind text)")
    subject = source(own_postgres.dsn(), windowed())
    right, wrong = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: right() + wrong[-1])
    assert await counted(subject, 0) == 0
    sent = 0
    for by in (0.0, off, 0.0, off):  # it is set wrong, and put right, while rows are written
        wrong.append(by)
        for _ in range(5):
            own_postgres.execute("insert into events (kind) values ('a')")
            sent += 1
            await collect(subject)
            await asyncio.sleep(0.25)
    assert await counted(subject, sent) == sent


@pytest.mark.parametrize(
    ("sql", "keys", "says"),
    [
        ("select -1 as value, 'a' as kind where {from} < {to}", {}, "-1.0 is no count to be added"),
        ("select 'NaN'::float8 as value, 'a' as kind where {from} < {to}", {}, "nan is no count to be added"),
        (
            "select 1 as value, n::text as kind from generate_series(1, 9) as n where {from} < {to}",
            {"limit": 3},
            "more rows in a window than `limit` allows",
        ),
    ],
)
async def test_a_window_that_cannot_be_counted_whole_is_not_counted(
    sql: str,
    keys: dict[str, Any],
    says: str,
    own_postgres: PostgresCluster,
    monkeypatch: pytest.MonkeyPatch,
    source: MakeSource,
) -> None:
    own_postgres.execute("create table events (at timestamptz, kind text)")
    monkeypatch.setattr(f"{__name__}.EVENTS", sql)
    subject = source(own_postgres.dsn(), windowed(**keys), query("good"))
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    assert "events_total" not in families
    _, gaps = await subject.inspect()
    assert any(says in gap.missing for gap in gaps)


class Broken(MemoryStore):
    async def read(self, key: str) -> NoReturn:
        raise StateError("no space left on device")


class Silent(MemoryStore):
    async def read(self, key: str) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("it never answers")


@pytest.mark.parametrize("store", [Broken(), Silent()])
async def test_a_state_that_fails_is_said_and_harms_no_other_statement(
    store: MemoryStore, own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create table events (at timestamptz, kind text)")
    many = [windowed(name=f"mine_{number}") for number in range(8)]
    subject = source(own_postgres.dsn(), *many, query("good"), timeout="30s")
    subject.keep_in(store)
    started = time.monotonic()
    families = await collect(subject)
    assert time.monotonic() - started < 7, "each waits a second, all at once"
    assert families["good"] == {("main",): 1.0}
    assert set(families["pg_scrape_collector_failing"]) == {
        ("main", f"queries.mine_{number}", "state") for number in range(8)
    }
