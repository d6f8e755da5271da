"""More than one server and more than one database: standby, pooler, databases that come, go and are broken."""

import psycopg
import pytest

from exporter.sources.postgres import session
from tests.integration.postgres.support import DATABASE, MONITOR, Server, asking, soon
from tests.support.pgbouncer import Command, installed, newest, pgbouncer
from tests.support.postgres import PostgresCluster


async def test_standby_and_its_primary(server: Server, standby: PostgresCluster) -> None:
    async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:
        samples = await soon(asked, lambda samples: samples if samples.value("pg_wal_receiver_up") else None)
        assert samples.failing() == {}
        assert samples.value("pg_in_recovery") == 1.0
        assert samples.value("pg_replication_is_replica") == 1.0
        assert samples.value("pg_recovery_paused") == 0.0
        assert samples.number("pg_database_size_bytes", datname=DATABASE) > 0
        assert samples.value("pg_timeline_id") == 1.0
    async with asking(server.dsn()) as asked:
        samples = await asked.collect()
        assert samples.value("pg_in_recovery") == 0.0
        assert samples.value("pg_replication_is_replica") == 0.0
        assert samples.value("pg_replication_lag_bytes", application_name="follower") is not None
        assert samples.value("pg_replication_slot_active", slot_name="follower") == 1.0


async def test_sizes_on_a_standby_follow_the_primary(server: Server, standby: PostgresCluster) -> None:
    """Its own counters do not tell what is replayed."""
    server.run("create table replayed (id int)")
    async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:

        async def told(size: float) -> bool:
            return await soon(
                asked, lambda samples: samples.value("pg_table_size_bytes", relname="replayed") == size
            )

        for rows in (0, 20_000, 50_000):
            server.run(f"insert into replayed select generate_series(1, {rows})")
            [(size,)] = server.run("select pg_total_relation_size('replayed')")
            assert await told(size)
    server.run("drop table replayed")


async def test_aurora_says_which_of_its_instances_writes(server: Server) -> None:
    """It has pg_is_in_recovery(), though none of the other functions of replication."""
    async with asking(server.dsn(), provider="aurora", collectors={}) as asked:
        samples = await asked.collect()
    assert samples.value("pg_in_recovery") == 0.0
    assert samples.value("pg_replication_is_replica") == 0.0
    assert samples.value("pg_replication_lag_seconds") is None


@pytest.mark.parametrize("command", [installed, newest])
async def test_through_a_pooler_in_transaction_mode(server: Server, command: Command) -> None:
    """Every collector works there, and no limit that is set for them leaks to others who share its sessions."""
    shown = "select name, setting from pg_settings where name ~ 'timeout|search_path|read_only'"
    with pgbouncer(server.cluster, command, {MONITOR: MONITOR}, default_pool_size="1") as pooler:
        dsn = pooler.dsn(DATABASE, user=MONITOR)
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as other:
            before = other.execute(shown).fetchall()
            async with asking(dsn) as asked:
                for _ in range(3):
                    samples = await asked.collect()
                    assert samples.failing() == {}
                    assert samples.value("pg_up") == 1.0
                    assert other.execute(shown).fetchall() == before


async def test_database_that_is_marked_invalid(server: Server) -> None:
    with server.database() as name:
        server.run(f"update pg_database set datconnlimit = -2 where datname = '{name}'")
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.value("pg_database_size_bytes", datname=name) is None
    assert samples.number("pg_database_size_bytes", datname=DATABASE) > 0
    assert samples.value("pg_exporter_databases", status="unreachable") == 1.0


async def test_databases_that_come_and_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_FACTS_LAST", 0)  # a minute otherwise, as are visits of other databases
    async with asking(server.dsn(), collectors={"stat_user_tables": {"every": "100ms"}}) as asked:
        await asked.collect()
        with server.database("create table alone as select 1 as one") as name:
            rows = await soon(
                asked, lambda samples: samples.value("pg_stat_user_tables_n_live_tup", datname=name)
            )
            assert rows == 1.0
            server.end_sessions_of(MONITOR)  # DROP DATABASE waits for nobody
        samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.value("pg_stat_user_tables_n_live_tup", datname=name) is None
