"""The Postgres source's statements: what one may do, what it costs, and that none harms another."""

import asyncio
import time
from typing import Any

import pytest

from exporter.engine.source import SourceError
from exporter.sources.postgres.collector import builtin
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


async def test_what_had_no_turn_comes_next(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = query("slow", sql="select 1 as value from pg_sleep(30)", timeout="1m", every="1h")
    slower = query("slower", sql="select 1 as value from pg_sleep(30)", timeout="1m", every="1h")
    subject = source(monkeypatch, own_postgres.dsn(), slow, slower, query("seldom", every="1h"), timeout="1s")
    assert "seldom" not in await collect(subject)
    assert (await collect(subject))["seldom"] == {("main",): 1.0}
    await subject.close()


async def test_what_is_slow_each_time_starves_nothing(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, slower = (
        query(name, sql="select 1 as value from pg_sleep(30)", timeout="1m") for name in ("slow", "slower")
    )
    subject = source(monkeypatch, own_postgres.dsn(), slow, slower, query("seldom", every="1h"), timeout="1s")
    assert "seldom" not in await collect(subject)
    assert (await collect(subject))["seldom"] == {("main",): 1.0}
    await subject.close()
