"""The Postgres source's statements: what one may do, what it costs, and that none harms another."""

import asyncio
import time
from typing import Any

import pytest
from psycopg import sql

from exporter.engine.source import SourceError
from exporter.sources.postgres.collector import builtin
from tests.support.distance import distant
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, collect, query
from tests.support.process import wait_until


async def test_own_sql_sees_the_search_path_of_its_role(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create table things (id int)")
    own_postgres.execute("insert into things values (1), (2)")
    subject = source(own_postgres.dsn(), query(sql="select count(*) as value from things"))
    assert (await collect(subject))["mine"] == {("main",): 2.0}


async def test_a_statement_for_where_a_function_may_not_be_executed_runs_there(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create role bare login password 'bare'")
    without = query(when=["not function pg_ls_waldir"])
    subject = source(own_postgres.dsn(user="bare", password="bare"), without)
    assert (await collect(subject))["mine"] == {("main",): 1.0}


async def test_what_was_altered_meanwhile_is_found_out(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    choice = {"kind": {"pg_stat_io": "'new'", "else": "'old'"}, "none": {"pg_no_such_view": "1"}}
    chosen = query(
        choose=choice,
        sql="select {kind} as kind, 1 as value, {none}::int as nothing, '{}' as braces",
        labels=["kind", "braces"],
    )
    gone = query("gone", when=["pg_no_such_view"])
    subject = source(own_postgres.dsn(), chosen, gone)
    families = await collect(subject)
    assert families["mine"] == {("main", "old", "{}"): 1.0}
    assert ("main", "queries.gone") not in families["pg_scrape_collector_success"]


async def test_rows_beyond_the_limit_are_cut_off_and_said(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    many = query(
        sql="select n as value, n::text as n from generate_series(1, 10) as n", labels=["n"], limit=3
    )
    subject = source(own_postgres.dsn(), many)
    families = await collect(subject)
    assert families["mine"] == {("main", str(n)): float(n) for n in (1, 2, 3)}
    assert families["pg_scrape_collector_truncated"] == {("main", "queries.mine"): 1.0}
    _, gaps = await subject.inspect()
    [gap] = [gap for gap in gaps if "queries.mine" in gap.missing]
    assert "cut at its limit of 3 rows" in gap.missing
    assert gap.optional, "it works as it was told to"


async def test_a_row_that_a_fold_did_not_see_for_the_limit_counts_from_where_it_stands(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create table usage as select n, 1000 as calls from generate_series(1, 6) as n")
    folded = query(
        sql="select n::text as customer, calls from usage order by usage.n",
        labels=["customer"],
        fold={"keep": 1, "by": "calls", "other": "customer"},
        limit=3,
        metrics={"calls_total": {"type": "counter", "help": "Calls.", "value": "calls"}},
    )
    subject = source(own_postgres.dsn(), folded)
    gained = []
    for first in range(1, 5):
        own_postgres.execute(f"delete from usage where n < {first}")
        own_postgres.execute("update usage set calls = calls + 1 where n = 4")
        await asyncio.sleep(0.1)  # until it is due again
        gained.append(sum((await collect(subject))["calls_total"].values()))
    assert gained == [0, 0, 1, 2], "customer 4 is seen from the second time on"


async def test_own_sql_may_be_called_like_a_built_in_collector(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    roles = query("roles", sql="select rolname, 99 as value from pg_roles", labels=["rolname"])
    subject = source(own_postgres.dsn(), *builtin(), roles, timeout="30s")
    families = await collect(subject)
    assert set(families["roles"].values()) == {99.0}
    assert 99.0 not in families["pg_roles_connection_limit"].values()
    assert families["pg_scrape_collector_success"]["main", "queries.roles"] == 1.0


async def test_own_sql_that_ends_its_session_is_put_off(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    deadly = query("deadly", sql="select pg_terminate_backend(pg_backend_pid())::int as value")
    subject = source(own_postgres.dsn(), query("before"), deadly, query("after"))
    with pytest.raises(SourceError):
        await subject.collect()
    families = await collect(subject)
    assert families["after"] == {("main",): 1.0}
    assert families["pg_scrape_collector_success"]["main", "queries.deadly"] == 0.0


async def test_own_sql_that_begins_to_end_its_session_is_no_server_that_is_down(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """As on a standby whose conflicts with recovery end the session of a long statement."""
    own_postgres.execute("create table wanted ()")
    deadly = query("deadly", sql="select pg_terminate_backend(pg_backend_pid())::int as value from wanted")
    subject = source(own_postgres.dsn(), query("before"), deadly, query("after"))
    await collect(subject)
    own_postgres.execute("insert into wanted default values")
    await asyncio.sleep(0.1)  # until all are due again
    families = await collect(subject)
    assert families["pg_up"] == {("main",): 1.0}
    assert families["after"] == {("main",): 1.0}
    assert families["pg_scrape_collector_success"]["main", "queries.deadly"] == 0.0


async def test_own_sql_that_ran_when_others_ended_its_session_is_not_blamed(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """Two restarts of the server that meet the same statement, with good collections between them."""
    slow = query("slow", sql="select 1 as value from pg_sleep(1.5)", timeout="20s")
    subject = source(own_postgres.dsn(), slow, timeout="60s")
    await collect(subject)

    def kill() -> list[tuple[Any, ...]]:
        return own_postgres.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where query like '%pg_sleep(1.5)%' and state = 'active' and pid <> pg_backend_pid()"
        )

    for _ in range(2):
        await asyncio.sleep(0.1)  # until it is due again
        collecting = asyncio.create_task(collect(subject))
        await asyncio.to_thread(wait_until, kill, 30, "the statement to run")
        families = await collecting
        assert families["pg_up"] == {("main",): 1.0}
        assert families["pg_scrape_collector_success"]["main", "queries.slow"] == 1.0


@pytest.mark.parametrize(
    "sql",
    [
        "delete from t returning 1 as value",
        "with gone as (delete from t returning 1 as value) select value from gone",
        "/* w */ insert into t values (2) returning 1 as value",
        "with n as (select 2 as i) insert into t select i from n",
        "update t set i = 2",
        "drop table t",
        "select i as value into u from t",
        "select nextval('s') as value",
    ],
)
async def test_own_sql_that_writes_is_told_that_it_may_not(
    sql: str, own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create table t as select 1 as i")
    own_postgres.execute("create sequence s")
    subject = source(own_postgres.dsn(), query(sql=sql))
    await collect(subject)
    _, gaps = await subject.inspect()
    assert [gap.remedy for gap in gaps if "queries.mine" in gap.missing] == [
        "Take out what writes: statements run read-only."
    ]
    assert own_postgres.execute("select i from t") == [(1,)]


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
    keys: dict[str, Any], says: str, own_postgres: PostgresCluster, source: MakeSource
) -> None:
    subject = source(own_postgres.dsn(), query(**keys), query("good"))
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    _, gaps = await subject.inspect()
    assert any(says in gap.missing for gap in gaps)


async def test_many_statements_cost_one_round_trip(own_postgres: PostgresCluster, source: MakeSource) -> None:
    queries = [query(f"query_{number}") for number in range(50)]
    async with distant(own_postgres.port, 0.0) as relay:
        dsn = own_postgres.dsn().replace(f":{own_postgres.port}/", f":{relay.port}/")
        subject = source(dsn, *queries, timeout="60s")
        await collect(subject)
        await asyncio.sleep(0.2)
        relay.round_trip = 5.0
        started = time.monotonic()
        families = await collect(subject)
        took = time.monotonic() - started
        assert families["query_49"] == {("main",): 1.0}
        assert 5 <= took < 10, "50 statements, 50 savepoints and the frame, of five seconds each"
        assert relay.connections == 1


async def test_the_isolation_level_of_the_role_does_not_count(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("alter database postgres set default_transaction_isolation = serializable")
    level = query(sql="select (current_setting('transaction_isolation') = 'read committed') as value")
    subject = source(own_postgres.dsn(), level)
    assert (await collect(subject))["mine"] == {("main",): 1.0}


async def test_what_the_server_writes_is_taken_as_it_is(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    long = query(
        "long",
        sql="select n as value, repeat('x', 5000) || n as text from generate_series(1, 2) as n",
        labels=["text"],
    )
    empty = query("empty", sql="select '' as value")
    twice = query("twice", sql="select 1 as value, 2 as value")
    subject = source(own_postgres.dsn(), long, empty, twice)
    families = await collect(subject)
    assert sorted(families["long"].values()) == [1.0, 2.0]
    assert all(len(labels[1]) <= 1024 for labels in families["long"])
    assert "empty" not in families, "nothing is not 0"
    assert "twice" not in families, "which of the two is meant?"


async def test_slow_statements_take_turns_and_what_is_quick_waits_for_none_of_them(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """However long they take: together more than there is time for, one of them more than there ever is."""
    speeds = {"endless": 30, "slow_a": 0.7, "slow_b": 0.6, "slow_c": 0.5, "slow_d": 0.9, "slow_e": 0.2}
    slow = [
        query(name, sql=f"select 1 as value from pg_sleep({seconds})", timeout="1m")
        for name, seconds in speeds.items()
    ]
    quick, seldom = query("quick"), query("seldom", every="1h")
    subject = source(own_postgres.dsn(), *slow, quick, seldom, timeout="1300ms")
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


async def test_a_quick_statement_has_its_first_turn_before_slow_ones_in_every_database(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute("create database other")
    keys = {"sql": "select 1 as value from pg_sleep(30)", "timeout": "2s", "scope": "database"}
    slow = [query(f"slow_{n}", **keys) for n in range(12)]
    subject = source(own_postgres.dsn(), *slow, query("last", scope="database"), timeout="8s", health={})
    for _ in range(2):  # on a busy machine a first try may be cut off
        families = await collect(subject)
    assert families["last"] == {("main", "postgres"): 1.0, ("main", "other"): 1.0}
    assert families["pg_health_status"]["main", "unhealthy"] == 0.0
    failing = families["pg_scrape_collector_failing"]
    assert set(failing) == {("main", f"queries.slow_{n}", "timeout") for n in range(12)}


async def test_built_in_collectors_wait_for_no_slow_statement(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """Not at the start, when nobody knows what is slow, nor when what is seldom asked for is due again."""
    slow = [
        query(f"slow_{n}", sql="select 1 as value from pg_sleep(0.6)", timeout="1m", every="3s")
        for n in range(8)
    ]
    own_postgres.execute("create extension pg_stat_statements")
    subject = source(own_postgres.dsn(), *slow, *builtin(), timeout="2500ms")
    for _ in range(8):
        success = (await collect(subject))["pg_scrape_collector_success"]
        failed = {name for (_, name), value in success.items() if not value}
        assert {name for name in failed if not name.startswith("queries.")} == set()


async def test_slow_statements_take_no_time_from_other_databases_and_make_nobody_unhealthy(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    for number in range(6):
        own_postgres.execute(f"create database other_{number}")
    slow = [query(f"slow_{n}", sql="select 1 as value from pg_sleep(9)", timeout="1m") for n in range(3)]
    everywhere = query("everywhere", scope="database", sql="select 1 as value from pg_sleep(0.1)")
    subject = source(own_postgres.dsn(), *slow, everywhere, timeout="2s", health={}, connections=3)
    others, reached = {f"other_{number}" for number in range(6)}, set[str]()
    enough = time.monotonic() + 90
    while not reached >= others and time.monotonic() < enough:
        families = await collect(subject)
        assert families["pg_health_status"]["main", "unhealthy"] == 0.0
        reached = {labels[1] for labels in families.get("everywhere", ())}
    assert reached >= others
    assert families["pg_exporter_databases"]["main", "scraped"] == 7


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
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    own_postgres.execute(RAISE)
    failing = [
        query(f"error_{state.lower()}", sql=f"select boom('{state}', '{message}') as value")
        for state, (message, _, _) in ERRORS.items()
    ]
    subject = source(own_postgres.dsn(), query("good"), *failing)
    families = await collect(subject)
    assert families["good"] == {("main",): 1.0}
    assert set(families["pg_scrape_collector_failing"]) == {
        ("main", f"queries.error_{state.lower()}", reason) for state, (_, reason, _) in ERRORS.items()
    }
    _, gaps = await subject.inspect()
    told = {gap.missing: gap.remedy for gap in gaps}
    for state, (message, _, remedy) in ERRORS.items():
        assert remedy in told[f"queries.error_{state.lower()}: {message}"]


async def test_what_spills_beyond_its_limit_is_refused_with_the_limit_as_remedy(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    for setting in ("temp_file_limit = '64kB'", "work_mem = '64kB'"):
        own_postgres.execute(sql.SQL("alter database postgres set ") + sql.SQL(setting))
    own_postgres.execute("create role reader login password 'reader-password'")
    spilling = query(
        "spilling",
        sql="select count(*) as value from (select n from generate_series(1, 50000) as n order by -n offset 0) as s",
    )
    dsn = own_postgres.dsn("postgres", user="reader", password="reader-password")
    subject = source(dsn, query("good"), spilling)
    deadline = time.monotonic() + 30
    while not (failing := (await collect(subject)).get("pg_scrape_collector_failing")):
        assert time.monotonic() < deadline
    assert set(failing) == {("main", "queries.spilling", "rejected")}
    _, gaps = await subject.inspect()
    [gap] = [gap for gap in gaps if gap.missing.startswith("queries.spilling")]
    assert "temp_file_limit" in gap.missing
    assert "limit that the message names" in gap.remedy


async def test_what_the_server_could_not_do_now_is_asked_again_when_it_is_due(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """Not a minute later, as what is refused for what it is."""
    own_postgres.execute(RAISE)
    failing = query("failing", sql="select boom('40P01', 'deadlock detected') as value")
    subject = source(own_postgres.dsn(), failing)
    for _ in range(3):
        await collect(subject)
        await asyncio.sleep(0.1)
    own_postgres.execute(
        "create or replace function boom(state text, message text) returns int language sql as 'select 1'"
    )
    assert (await collect(subject))["failing"] == {("main",): 1.0}


@pytest.mark.parametrize(
    "refused", ["select value from wanted", "select value from forbidden"], ids=["rejected", "permission"]
)
async def test_what_runs_seldom_and_is_refused_is_asked_again_long_before_it_is_due(
    refused: str, own_postgres: PostgresCluster, source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a deploy drops a table and creates it anew, or a GRANT was forgotten."""
    monkeypatch.setattr("exporter.sources.postgres.turns._FIRST_WAIT", 0.1)  # a minute
    own_postgres.execute("create role visitor login password 'visitor'")
    own_postgres.execute("create table forbidden as select 1 as value")
    dsn = own_postgres.dsn(user="visitor", password="visitor")
    subject = source(dsn, query(sql=refused, every="1h"))
    assert "mine" not in await collect(subject)
    own_postgres.execute("create table wanted as select 1 as value")
    own_postgres.execute("grant select on wanted, forbidden to visitor")
    deadline = time.monotonic() + 30
    while "mine" not in (families := await collect(subject)):
        assert time.monotonic() < deadline
    assert families["mine"] == {("main",): 1.0}


async def test_what_takes_more_than_its_source_has_is_said_with_the_key_to_raise(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    endless = query("endless", sql="select 1 as value from pg_sleep(30)", timeout="1m")
    subject = source(own_postgres.dsn(), endless, timeout="2s")
    remedy, deadline = "", time.monotonic() + 60
    while "the source's `timeout:`" not in remedy:
        assert time.monotonic() < deadline, remedy
        await collect(subject)
        _, gaps = await subject.inspect()
        [remedy] = [gap.remedy for gap in gaps if gap.missing.startswith("queries.endless")]


async def test_a_limit_of_the_pooler_is_said_with_its_name(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    slow = query("slow", sql="select 1 as value from pg_sleep(30)", timeout="4s")
    with pgbouncer(own_postgres, query_timeout="1") as pooler:
        subject = source(pooler.dsn(), slow, databases={"include": []})
        remedies, deadline = set[str](), time.monotonic() + 60
        while "Raise pgbouncer's query_timeout, or make it faster." not in remedies:
            assert time.monotonic() < deadline, remedies
            await collect(subject)
            _, gaps = await subject.inspect()
            remedies |= {gap.remedy for gap in gaps if gap.missing.startswith("queries.slow")}
