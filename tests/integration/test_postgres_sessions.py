"""The Postgres source's connections: how many, to which databases, within which time, and what they may see."""

import asyncio
import time

import psycopg
import pytest

from exporter.engine.source import SourceError
from exporter.sources.postgres.collector import builtin
from exporter.sources.postgres.connection import failure
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, collect, query
from tests.support.process import wait_until

OURS = "select count(*) from pg_stat_activity where application_name = 'platform-exporter'"


@pytest.fixture
def databases(own_postgres: PostgresCluster) -> PostgresCluster:
    """A server with the databases alpha, beta, gamma and an invalid one."""
    for name in ("alpha", "beta", "gamma", "broken"):
        own_postgres.execute(f"create database {name}")
    own_postgres.execute("update pg_database set datconnlimit = -2 where datname = 'broken'")
    return own_postgres


async def test_every_database_is_visited_over_few_connections(
    databases: PostgresCluster, source: MakeSource
) -> None:
    each = query(scope="database", sql="select 1 as value")
    subject = source(databases.dsn(), each, connections=2)
    families = await collect(subject)
    assert families["mine"] == {("main", name): 1.0 for name in ("postgres", "alpha", "beta", "gamma")}
    assert families["pg_exporter_databases"] == {
        ("main", "scraped"): 4.0,
        ("main", "unreachable"): 1.0,
        ("main", "excluded"): 0.0,
        ("main", "waiting"): 0.0,
        ("main", "failed"): 0.0,
        ("main", "capped"): 0.0,
    }
    assert families["pg_exporter_connections"] == {("main",): 2.0}
    wait_until(lambda: databases.execute(OURS) == [(2,)], 30, "sessions in databases that were left to end")
    databases.execute("drop database gamma with (force)")
    databases.execute("create database delta")
    await asyncio.sleep(0.2)
    subject._session().look_again()  # as it does every minute
    families = await collect(subject)
    assert {labels[1] for labels in families["mine"]} == {"postgres", "alpha", "beta", "delta"}
    await subject.close()
    wait_until(lambda: databases.execute(OURS) == [(0,)], 30, "no session to be left")


async def test_databases_are_chosen_and_capped(databases: PostgresCluster, source: MakeSource) -> None:
    each = query(scope="database")
    rules = {"include": ["*a"], "exclude": ["gam*"], "most": 1}
    subject = source(databases.dsn(), each, databases=rules)
    families = await collect(subject)
    assert {labels[1] for labels in families["mine"]} == {"postgres", "alpha"}
    assert families["pg_exporter_databases"]["main", "capped"] == 1.0


async def test_a_database_that_refuses_takes_nothing_from_the_others(
    databases: PostgresCluster, source: MakeSource
) -> None:
    databases.execute("create role visitor login password 'visitor-password'")
    databases.execute("alter database beta connection limit 0")
    subject = source(
        databases.dsn("postgres", user="visitor", password="visitor-password"),
        query(scope="database"),
    )
    families = await collect(subject)
    assert {labels[1] for labels in families["mine"]} == {"postgres", "alpha", "gamma"}
    assert families["pg_exporter_databases"]["main", "failed"] == 1.0
    _, gaps = await subject.inspect()
    assert any("database beta" in gap.missing for gap in gaps)


async def test_at_the_deadline_what_arrived_is_kept_and_the_rest_is_ended_on_the_server(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    slow, slower = (
        query(name, sql="select 1 as value from pg_sleep(30)", timeout="1m") for name in ("slow", "slower")
    )
    subject = source(own_postgres.dsn(), query("before"), slow, slower, query("after"), timeout="6s")
    started = time.monotonic()
    families = await collect(subject)
    assert time.monotonic() - started < 15
    assert families["before"] == {("main",): 1.0}
    assert families["pg_up"] == {("main",): 1.0}
    assert families["after"] == {("main",): 1.0}, "what is quick waits for nothing"
    assert {labels[1:] for labels in families["pg_scrape_collector_failing"]} == {
        ("queries.slow", "timeout"),
        ("queries.slower", "timeout"),
    }
    await subject.close()
    wait_until(lambda: own_postgres.execute(OURS) == [(0,)], 30, "no session to be left")


async def test_a_frozen_server_is_a_timeout_and_is_asked_again(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    subject = source(own_postgres.dsn(), query(), timeout="30s")
    await collect(subject)
    own_postgres.freeze()
    subject.timeout = 0.5
    try:
        with pytest.raises(SourceError) as caught:
            await subject.collect()
        assert caught.value.reason == "timeout"
    finally:
        own_postgres.thaw()
    subject.timeout = 30
    assert (await collect(subject))["mine"] == {("main",): 1.0}


async def test_nothing_of_a_collection_outlives_it(own_postgres: PostgresCluster, source: MakeSource) -> None:
    """Limits are local to the transaction: through a pooler they would leak to other clients."""
    subject = source(own_postgres.dsn(), query())
    await collect(subject)
    connection = subject._main.link.connection  # type: ignore[union-attr]  # the session that a pooler would hand on
    assert connection is not None
    for setting, value in {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "search_path": '"$user", public',
    }.items():
        cursor = await connection.execute(f"show {setting}")
        assert await cursor.fetchone() == (value,)
    cursor = await connection.execute("show transaction_read_only")
    assert await cursor.fetchone() == ("off",)


async def test_collectors_are_switched_and_slowed_for_one_server(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    changes = {"settings": {"enabled": False}, "roles": {"every": "1h"}}
    subject = source(own_postgres.dsn(), *builtin(), collectors=changes, timeout="30s")
    first = await collect(subject)
    assert ("main", "settings") not in first["pg_scrape_collector_success"]
    own_postgres.execute("create role newcomer")
    await asyncio.sleep(0.2)
    again = await collect(subject)
    assert again["pg_roles_connection_limit"] == first["pg_roles_connection_limit"], (
        "not asked within the hour"
    )


async def test_what_users_of_a_database_created_is_never_called(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """A better match in another schema wins, wherever pg_catalog stands in the search path (CVE-2018-1058)."""
    own_postgres.execute("create table public.called (what text)")
    for function, returns in {
        "quote_ident(name)": "text",
        "pg_is_in_recovery()": "boolean",
        "current_setting(text)": "text",
        "pg_has_role(oid, text)": "boolean",
        "has_database_privilege(oid, text)": "boolean",
        "count(bigint)": "bigint",
        "clock_timestamp()": "timestamptz",
    }.items():
        own_postgres.execute(
            f"create function public.{function} returns {returns} language plpgsql as "
            "$$ begin raise exception 'a trap'; end $$"
        )
    own_postgres.execute("alter database postgres set search_path = public, pg_catalog")
    health = {"write_test": {"schema": "platform_exporter"}}
    subject = source(own_postgres.dsn(), *builtin(), health=health, timeout="30s")
    families = await collect(subject)
    _, gaps = await subject.inspect()
    assert not [gap for gap in gaps if "trap" in gap.missing]
    assert set(families["pg_scrape_collector_success"].values()) == {1.0}


async def test_collections_count_as_commits(own_postgres: PostgresCluster, source: MakeSource) -> None:
    subject = source(own_postgres.dsn(), query())
    statement = "select xact_rollback from pg_stat_database where datname = 'postgres'"
    [(before,)] = own_postgres.execute(statement)
    for _ in range(10):
        await collect(subject)
    await subject.close()
    own_postgres.execute("select pg_sleep(1)")  # sessions report at their end, and once a second at most
    [(after,)] = own_postgres.execute(statement)
    assert after - before < 5


async def test_one_connection_leaves_other_databases_out(
    databases: PostgresCluster, source: MakeSource
) -> None:
    subject = source(databases.dsn(), query(scope="database"), connections=1)
    families = await collect(subject)
    assert {labels[1] for labels in families["mine"]} == {"postgres"}
    assert families["pg_exporter_databases"]["main", "capped"] == 3.0
    assert databases.execute(OURS) == [(1,)]


async def test_a_database_that_refuses_is_not_asked_all_the_time(
    databases: PostgresCluster, source: MakeSource
) -> None:
    databases.execute("create role alone login password 'alone' connection limit 1")
    dsn = databases.dsn("postgres", user="alone", password="alone")
    subject = source(dsn, query(scope="database"))
    for _ in range(5):
        families = await collect(subject)
    assert families["pg_up"] == {("main",): 1.0}
    assert families["pg_exporter_databases"]["main", "failed"] == 3.0, (
        "each was tried once, in a round of its own"
    )


async def test_a_catalogue_that_is_locked_for_a_moment_is_no_server_that_is_down(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    subject = source(own_postgres.dsn(), query())
    await collect(subject)
    with psycopg.connect(own_postgres.dsn()) as other:
        other.execute("lock pg_proc, pg_depend in access exclusive mode")
        subject._session().look_again()  # as it does every minute
        await asyncio.sleep(0.2)
        families = await collect(subject)
    assert families["pg_up"] == {("main",): 1.0}
    assert families["mine"] == {("main",): 1.0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FATAL:  Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen", "rejected"),
        ('FATAL:  password authentication failed for user "pgbouncer"', "auth"),
        (
            "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
            "connect",
        ),
        ('FATAL:  database "pgbouncer_prod" does not exist', "rejected"),
        ("timeout expired", "timeout"),
    ],
)
def test_refusals_are_told_by_the_message_and_not_by_names(text: str, reason: str) -> None:
    error = psycopg.OperationalError(
        f'connection failed: connection to server at "tls-pgbouncer.internal" (10.0.0.1), port 5432 failed: {text}'
    )
    assert failure(error).reason == reason


@pytest.mark.parametrize(
    ("state", "text", "reason", "names"),
    [
        ("25P03", "terminating connection due to idle-in-transaction timeout", "timeout",
         "idle_in_transaction_session_timeout"),
        ("25P04", "terminating connection due to transaction timeout", "timeout", "Raise transaction_timeout"),
        ("57P05", "terminating connection due to idle-session timeout", "timeout", "idle_session_timeout"),
        ("57P01", "terminating connection due to administrator command", "starting_up", "Wait"),
        ("08P01", "query_wait_timeout", "pooler", "its pool is full"),
        ("08P01", "server login has been failing, try again later (server_login_retry)", "pooler", "start that"),
        ("08P01", "server login has been failing, cached error: the database system is shutting down "
         "(server_login_retry)", "pooler", "start that"),
        ("08P01", 'server login has been failing, cached error: password authentication failed for user "shop" '
         "(server_login_retry)", "pooler", "auth_file"),
        ("08P01", "client_login_timeout (server down)", "pooler", "start that"),
        ("08P01", "query timeout", "timeout", "pgbouncer's query_timeout"),
        ("08P01", "idle transaction timeout", "timeout", "pgbouncer's idle_transaction_timeout"),
        ("08P01", "client connections exceeded (max_user_client_connections)", "too_many_connections",
         "pgbouncer's max_user_client_connections"),
    ],
)  # fmt: skip
def test_limits_that_end_a_session_are_told_by_their_names(
    state: str, text: str, reason: str, names: str
) -> None:
    with_code, without = psycopg.errors.lookup(state)(text), psycopg.OperationalError(f"FATAL:  {text}")
    for error in (with_code, without):
        told = failure(error)
        assert (told.reason, names in told.remedy) == (reason, True)
