"""The Postgres source's statements: what one may do, what it costs, and that none harms another."""

import asyncio
import time
from typing import Any, NoReturn

import orjson
import pytest
from psycopg import sql

from exporter.engine.source import SourceError
from exporter.engine.state import MemoryStore, StateError
from exporter.sources.postgres import PostgresSource
from exporter.sources.postgres.collector import Collector, builtin
from tests.support.distance import distant
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import collect, query, source


async def test_own_sql_sees_the_search_path_of_its_role(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create table things (id int)")
    own_postgres.execute("insert into things values (1), (2)")
    subject = source(monkeypatch, own_postgres.dsn(), query(sql="select count(*) as value from things"))
    assert (await collect(subject))["mine"] == {("main",): 2.0}
    await subject.close()


async def test_what_was_altered_meanwhile_is_found_out(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"kind": {"pg_stat_io": "'new'", "else": "'old'"}, "none": {"pg_no_such_view": "1"}}
    chosen = query(
        choose=choice,
        sql="select {kind} as kind, 1 as value, {none}::int as nothing, '{}' as braces",
        labels=["kind", "braces"],
    )
    gone = query("gone", when=["pg_no_such_view"])
    subject = source(monkeypatch, own_postgres.dsn(), chosen, gone)
    families = await collect(subject)
    assert families["mine"] == {("main", "old", "{}"): 1.0}
    assert ("main", "queries.gone") not in families["pg_scrape_collector_success"]
    await subject.close()


async def test_rows_beyond_the_limit_are_cut_off_and_said(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = query(
        sql="select n as value, n::text as n from generate_series(1, 10) as n", labels=["n"], limit=3
    )
    subject = source(monkeypatch, own_postgres.dsn(), many)
    families = await collect(subject)
    assert families["mine"] == {("main", str(n)): float(n) for n in (1, 2, 3)}
    assert families["pg_scrape_collector_truncated"] == {("main", "queries.mine"): 1.0}
    await subject.close()


async def test_own_sql_may_be_called_like_a_built_in_collector(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = query("roles", sql="select rolname, 99 as value from pg_roles", labels=["rolname"])
    subject = source(monkeypatch, own_postgres.dsn(), *builtin(), roles)
    families = await collect(subject)
    assert set(families["roles"].values()) == {99.0}
    assert 99.0 not in families["pg_roles_connection_limit"].values()
    assert families["pg_scrape_collector_success"]["main", "queries.roles"] == 1.0
    await subject.close()


async def test_own_sql_that_ends_its_session_is_put_off(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = query("deadly", sql="select pg_terminate_backend(pg_backend_pid())::int as value")
    subject = source(monkeypatch, own_postgres.dsn(), query("before"), deadly, query("after"))
    for _ in range(2):
        with pytest.raises(SourceError):
            await subject.collect()
    families = await collect(subject)
    assert families["after"] == {("main",): 1.0}
    assert families["pg_scrape_collector_success"]["main", "queries.deadly"] == 0.0
    await subject.close()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"pivot": "nope"}, "no column nope"),
        ({"pivot": "value", "sql": "select 1 as value"}, "no column value"),
        (
            {
                "sql": "select 'zz' as value, 'a' as kind",
                "labels": ["kind"],
                "fold": {"by": "value", "other": "kind"},
            },
            "not a number",
        ),
    ],
)
async def test_rubbish_from_one_statement_harms_it_alone(
    keys: dict[str, Any], says: str, own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = source(monkeypatch, own_postgres.dsn(), query(**keys), query("good"))
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    _, gaps = await subject.inspect()
    assert any(says in gap.missing for gap in gaps)
    await subject.close()


async def test_many_statements_cost_one_round_trip(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [query(f"query_{number}") for number in range(50)]
    async with distant(own_postgres.port, 0.5) as relay:
        dsn = own_postgres.dsn().replace(f":{own_postgres.port}/", f":{relay.port}/")
        subject = source(monkeypatch, dsn, *queries, timeout="30s")
        await collect(subject)
        await asyncio.sleep(0.2)
        started = time.monotonic()
        families = await collect(subject)
        took = time.monotonic() - started
        assert families["query_49"] == {("main",): 1.0}
        assert 0.5 <= took < 1.5, "50 statements, 50 savepoints and the frame, of half a second each"
        assert relay.connections == 1
        await subject.close()


async def test_the_isolation_level_of_the_role_does_not_count(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("alter database postgres set default_transaction_isolation = serializable")
    level = query(sql="select (current_setting('transaction_isolation') = 'read committed') as value")
    subject = source(monkeypatch, own_postgres.dsn(), level)
    assert (await collect(subject))["mine"] == {("main",): 1.0}
    await subject.close()


async def test_what_the_server_writes_is_taken_as_it_is(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = query(
        "long",
        sql="select n as value, repeat('x', 5000) || n as text from generate_series(1, 2) as n",
        labels=["text"],
    )
    empty = query("empty", sql="select '' as value")
    twice = query("twice", sql="select 1 as value, 2 as value")
    subject = source(monkeypatch, own_postgres.dsn(), long, empty, twice)
    families = await collect(subject)
    assert sorted(families["long"].values()) == [1.0, 2.0]
    assert all(len(labels[1]) <= 1024 for labels in families["long"])
    assert "empty" not in families, "nothing is not 0"
    assert "twice" not in families, "which of the two is meant?"
    await subject.close()


async def test_slow_statements_take_turns_and_what_is_quick_waits_for_none_of_them(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long they take: together more than there is time for, one of them more than there ever is."""
    speeds = {"endless": 30, "slow_a": 0.7, "slow_b": 0.6, "slow_c": 0.5, "slow_d": 0.9, "slow_e": 0.2}
    slow = [
        query(name, sql=f"select 1 as value from pg_sleep({seconds})", timeout="1m")
        for name, seconds in speeds.items()
    ]
    quick, seldom = query("quick"), query("seldom", every="1h")
    subject = source(monkeypatch, own_postgres.dsn(), *slow, quick, seldom, timeout="1300ms")
    seen: list[set[str]] = []
    for _ in range(20):
        families = await collect(subject)
        success = families["pg_scrape_collector_success"]
        seen.append({name for (_, name), value in success.items() if value})
    turns = {name: sum(f"queries.{name}" in names for names in seen) for name in (*speeds, "quick", "seldom")}
    assert turns["seldom"] >= 15, turns
    assert turns["quick"] >= 15, turns
    assert all(turns[name] >= 2 for name in speeds if name != "endless"), turns
    assert turns["endless"] == 0
    await subject.close()


async def test_a_quick_statement_has_its_first_turn_before_slow_ones_in_every_database(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create database other")
    keys = {"sql": "select 1 as value from pg_sleep(30)", "timeout": "2s", "scope": "database"}
    slow = [query(f"slow_{n}", **keys) for n in range(12)]
    subject = source(
        monkeypatch, own_postgres.dsn(), *slow, query("last", scope="database"), timeout="8s", health={}
    )
    for _ in range(2):  # on a busy machine a first try may be cut off
        families = await collect(subject)
    assert families["last"] == {("main", "postgres"): 1.0, ("main", "other"): 1.0}
    assert families["pg_health_status"]["main", "unhealthy"] == 0.0
    failing = families["pg_scrape_collector_failing"]
    assert set(failing) == {("main", f"queries.slow_{n}", "timeout") for n in range(12)}
    await subject.close()


async def test_built_in_collectors_wait_for_no_slow_statement(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the start, when nobody knows what is slow, nor when what is seldom asked for is due again."""
    slow = [
        query(f"slow_{n}", sql="select 1 as value from pg_sleep(0.6)", timeout="1m", every="3s")
        for n in range(8)
    ]
    own_postgres.execute("create extension pg_stat_statements")
    subject = source(monkeypatch, own_postgres.dsn(), *slow, *builtin(), timeout="2500ms")
    for _ in range(8):
        success = (await collect(subject))["pg_scrape_collector_success"]
        failed = {name for (_, name), value in success.items() if not value}
        assert {name for name in failed if not name.startswith("queries.")} == set()
    await subject.close()


async def test_slow_statements_take_no_time_from_other_databases_and_make_nobody_unhealthy(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        own_postgres.execute(f"create database other_{number}")
    slow = [query(f"slow_{n}", sql="select 1 as value from pg_sleep(9)", timeout="1m") for n in range(3)]
    everywhere = query("everywhere", scope="database", sql="select 1 as value from pg_sleep(0.1)")
    subject = source(
        monkeypatch, own_postgres.dsn(), *slow, everywhere, timeout="2s", health={}, connections=3
    )
    others, reached = {f"other_{number}" for number in range(6)}, set[str]()
    enough = time.monotonic() + 90
    while not reached >= others and time.monotonic() < enough:
        families = await collect(subject)
        assert families["pg_health_status"]["main", "unhealthy"] == 0.0
        reached = {labels[1] for labels in families.get("everywhere", ())}
    assert reached >= others
    assert families["pg_exporter_databases"]["main", "scraped"] == 7
    await subject.close()


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
    value, enough = -1.0, time.monotonic() + 20
    while value < most and time.monotonic() < enough:
        await asyncio.sleep(0.2)
        value = (await collect(subject)).get("events_total", {}).get(("main", kind), 0.0)
    return value


async def test_each_row_is_counted_once_whatever_becomes_of_it(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create table events (at timestamptz not null default now(), kind text)")
    own_postgres.execute("insert into events select now() - interval '2 h', 'a' from generate_series(1, 500)")
    store = MemoryStore()
    subject = source(monkeypatch, own_postgres.dsn(), windowed())
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
    again = source(monkeypatch, own_postgres.dsn(), windowed())  # after a restart
    again.keep_in(store)
    assert await counted(again, 9) == 9
    families = await collect(again)
    assert families["events_total"]["main", "b"] == 1
    await again.close()


async def test_what_was_missed_is_caught_up_in_pieces_that_fit(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
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
    subject = source(monkeypatch, own_postgres.dsn(), windowed(timeout="1s"))
    subject.keep_in(store)
    assert await counted(subject, 701) == 701
    await subject.close()


@pytest.mark.parametrize(
    "off", [3 * 3600, 10, -3 * 3600], ids=["hours ahead", "a little ahead", "hours behind"]
)
async def test_a_clock_that_is_wrong_costs_no_row(
    off: float, own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create table events (at timestamptz not null default clock_timestamp(), kind text)")
    subject = source(monkeypatch, own_postgres.dsn(), windowed())
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
    await subject.close()


@pytest.mark.parametrize(
    ("sql", "keys", "says"),
    [
        ("select -1 as value, 'a' as kind where {from} < {to}", {}, "-1 is to be added"),
        ("select 'NaN'::float8 as value, 'a' as kind where {from} < {to}", {}, "nan is to be added"),
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
) -> None:
    own_postgres.execute("create table events (at timestamptz, kind text)")
    monkeypatch.setattr(f"{__name__}.EVENTS", sql)
    subject = source(monkeypatch, own_postgres.dsn(), windowed(**keys), query("good"))
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    assert "events_total" not in families
    _, gaps = await subject.inspect()
    assert any(says in gap.missing for gap in gaps)
    await subject.close()


class Broken(MemoryStore):
    async def read(self, key: str) -> NoReturn:
        raise StateError("no space left on device")


class Silent(MemoryStore):
    async def read(self, key: str) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("it never answers")


@pytest.mark.parametrize("store", [Broken(), Silent()])
async def test_a_state_that_fails_is_said_and_harms_no_other_statement(
    store: MemoryStore, own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute("create table events (at timestamptz, kind text)")
    many = [windowed(name=f"mine_{number}") for number in range(8)]
    subject = source(monkeypatch, own_postgres.dsn(), *many, query("good"))
    subject.keep_in(store)
    started = time.monotonic()
    families = await collect(subject)
    assert time.monotonic() - started < 4, "each waits a second, all at once"
    assert families["good"] == {("main",): 1.0}
    assert set(families["pg_scrape_collector_failing"]) == {
        ("main", f"queries.mine_{number}", "state") for number in range(8)
    }
    await subject.close()


RAISE = """
create function boom(state text, message text) returns int language plpgsql as
$$ begin raise exception using errcode = state, message = message; end $$"""


ERRORS = {
    "40001": ("canceling statement due to conflict with recovery", "rejected", "hot_standby_feedback"),
    "40P01": ("deadlock detected", "rejected", "tried again"),
    "53100": ("could not extend file: No space left on device", "rejected", "disk space"),
    "53200": ("out of shared memory", "rejected", "max_locks_per_transaction"),
    "53400": ("no more of it", "rejected", "limit that the message names"),
    "54001": ("stack depth limit exceeded", "rejected", "simpler"),
    "55P03": ("could not obtain lock on relation", "timeout", "pg_locks"),
    "57014": ("canceling statement due to user request", "rejected", "pg_cancel_backend"),
    "58030": ("could not read block 3 in file base/1/2", "rejected", "its log and its disks"),
    "XX001": ("invalid page in block 3", "rejected", "damaged"),
    "XX000": ("unexpected data beyond EOF", "rejected", "server's log"),
    "25006": ("cannot execute INSERT in a read-only transaction", "permission", "run read-only"),
}


async def test_an_error_of_the_server_is_no_connection_that_fails(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_postgres.execute(RAISE)
    failing = [
        query(f"error_{state.lower()}", sql=f"select boom('{state}', '{message}') as value")
        for state, (message, _, _) in ERRORS.items()
    ]
    subject = source(monkeypatch, own_postgres.dsn(), query("good"), *failing)
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    assert set(families["pg_scrape_collector_failing"]) == {
        ("main", f"queries.error_{state.lower()}", reason) for state, (_, reason, _) in ERRORS.items()
    }
    _, gaps = await subject.inspect()
    told = {gap.missing: gap.remedy for gap in gaps}
    for state, (message, _, remedy) in ERRORS.items():
        assert remedy in told[f"queries.error_{state.lower()}: {message}"]
    await subject.close()


async def test_what_spills_beyond_its_limit_is_refused_with_the_limit_as_remedy(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("temp_file_limit = '64kB'", "work_mem = '64kB'"):
        own_postgres.execute(sql.SQL("alter database postgres set ") + sql.SQL(setting))
    own_postgres.execute("create role reader login password 'reader-password'")
    spilling = query(
        "spilling",
        sql="select count(*) as value from (select n from generate_series(1, 50000) as n order by -n offset 0) as s",
    )
    dsn = own_postgres.dsn("postgres", user="reader", password="reader-password")
    subject = source(monkeypatch, dsn, query("good"), spilling)
    deadline = time.monotonic() + 30
    while not (failing := (await collect(subject)).get("pg_scrape_collector_failing")):
        assert time.monotonic() < deadline
    assert set(failing) == {("main", "queries.spilling", "rejected")}
    _, gaps = await subject.inspect()
    [gap] = [gap for gap in gaps if gap.missing.startswith("queries.spilling")]
    assert "temp_file_limit" in gap.missing
    assert "limit that the message names" in gap.remedy
    await subject.close()


async def test_what_the_server_could_not_do_now_is_asked_again_when_it_is_due(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a minute later, as what is refused for what it is."""
    own_postgres.execute(RAISE)
    failing = query("failing", sql="select boom('40P01', 'deadlock detected') as value")
    subject = source(monkeypatch, own_postgres.dsn(), failing)
    for _ in range(3):
        await collect(subject)
        await asyncio.sleep(0.1)
    own_postgres.execute(
        "create or replace function boom(state text, message text) returns int language sql as 'select 1'"
    )
    assert (await collect(subject))["failing"] == {("main",): 1.0}
    await subject.close()


async def test_what_takes_more_than_its_source_has_is_said_with_the_key_to_raise(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = query("endless", sql="select 1 as value from pg_sleep(30)", timeout="1m")
    subject = source(monkeypatch, own_postgres.dsn(), endless, timeout="2s")
    remedy, deadline = "", time.monotonic() + 60
    while "the source's `timeout:`" not in remedy:
        assert time.monotonic() < deadline, remedy
        await collect(subject)
        _, gaps = await subject.inspect()
        [remedy] = [gap.remedy for gap in gaps if gap.missing.startswith("queries.endless")]
    await subject.close()
