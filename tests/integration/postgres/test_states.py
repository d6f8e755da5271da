"""States that an operator wants to hear of: each is provoked for real, told, and gone again."""

import pytest

from tests.integration.postgres.support import BARE, DATABASE, MONITOR, Server, asking, soon


async def test_prepared_transaction(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        with server.session("insert into events (at) values ('2026-02-01')") as session:
            session.execute("prepare transaction 'forgotten'")
        try:
            server.burn_transactions(100)
            samples = await asked.collect()
            assert samples.value("pg_prepared_transactions", datname=DATABASE) == 1.0
            age = samples.number("pg_prepared_transaction_oldest_age_seconds", datname=DATABASE)
            assert age > 0
            assert samples.number("pg_xmin_horizon_age_xids", holder="prepared_xact") >= 100
        finally:
            server.run("rollback prepared 'forgotten'")
        assert not (await asked.collect()).value("pg_prepared_transactions", datname=DATABASE)


async def test_who_holds_the_horizon_back(server: Server) -> None:
    slot = "select pg_create_logical_replication_slot('forgotten', 'test_decoding')"
    server.run(slot)
    try:
        with server.session("set transaction isolation level repeatable read", "select from events"):
            server.burn_transactions(1000)
            async with asking(server.dsn()) as asked:
                samples = await asked.collect()
                horizon = samples.all("pg_xmin_horizon_age_xids")
        assert 1000 <= horizon["backend",] < 1100
        assert 1000 <= horizon["slot_catalog",] < 1100
        assert samples.value("pg_replication_slot_active", slot_name="forgotten", slot_type="logical") == 0.0
        retained = samples.number("pg_replication_slot_retained_bytes", slot_name="forgotten")
        assert retained > 0
        since = samples.value("pg_replication_slot_inactive_since_timestamp_seconds", slot_name="forgotten")
        assert (since is not None) == (server.version >= 17)
    finally:
        server.run("select pg_drop_replication_slot('forgotten')")


async def test_a_transaction_that_wrote_and_waits_holds_the_horizon_back(server: Server) -> None:
    """Between two statements it has no snapshot, but still its transaction's id."""
    with server.session("insert into events (at) values ('2026-02-01')"):
        server.burn_transactions(1000)
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
    assert samples.number("pg_xmin_horizon_age_xids", holder="backend") >= 1000


async def test_ratios_to_wraparound(server: Server) -> None:
    with server.database() as name:
        server.run(
            "update pg_database set datfrozenxid = ((txid_current() + 2394967296) % 4294967296)::text::xid, "
            f"datminmxid = '{2**32 + 1 - 300_000_000}' where datname = '{name}'"
        )
        [(freeze, multixact_freeze)] = server.run(
            "select current_setting('autovacuum_freeze_max_age')::int, "
            "current_setting('autovacuum_multixact_freeze_max_age')::int"
        )
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
    for kind, age, limit in (("xid", 1_900_000_000, freeze), ("mxid", 300_000_000, multixact_freeze)):
        assert samples.value(f"pg_database_{kind}_age", datname=name) == pytest.approx(age, rel=1e-4)
        for bound, most in (("autovacuum_freeze_max_age", limit), ("wraparound", 2**31)):
            ratio = samples.value(f"pg_database_{kind}_ratio", datname=name, limit=bound)
            assert ratio == pytest.approx(age / most, rel=1e-4), (kind, bound)


async def test_sequence_that_its_column_cannot_follow(server: Server) -> None:
    async with asking(server.dsn(BARE)) as asked:
        unreadable = await asked.collect()
    assert unreadable.value("pg_sequence_used_ratio", sequencename="ticket_numbers") is None, "not 0"
    assert unreadable.number("pg_sequences_unreadable", datname=DATABASE) > 0
    server.run(f"grant select on all sequences in schema public to {MONITOR}")
    async with asking(server.dsn()) as asked:
        samples = await asked.collect()
    ratio = samples.value("pg_sequence_used_ratio", datname=DATABASE, sequencename="ticket_numbers")
    assert ratio == pytest.approx(0.97, abs=0.001)
    assert len(samples.all("pg_sequence_used_ratio")) == 1, "those half used or more are told, no others"
    assert samples.value("pg_sequences_unreadable", datname=DATABASE) == 0.0


async def test_archiving_that_fails_and_recovers(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        server.run("select txid_current(), pg_switch_wal()")
        await soon(asked, lambda samples: samples.value("pg_archiver_archived_total"))
        assert (await asked.collect()).value("pg_archiver_failing") == 0.0
        with server.settings(archive_command="/bin/false"):
            server.run("create table for_the_archive ()")
            server.run("drop table for_the_archive")
            server.run("select pg_switch_wal()")
            await soon(asked, lambda samples: samples.value("pg_archiver_failing"))
            samples = await asked.collect()
            assert samples.number("pg_archiver_failed_total") > 0
            assert samples.number("pg_archiver_last_failed_timestamp_seconds") > 1e9
        server.run("select pg_switch_wal()")
        await soon(asked, lambda samples: samples.value("pg_archiver_failing") == 0.0, 180)


async def test_temporary_files_while_they_are_there(server: Server) -> None:
    rows = "select i, repeat('x', 200) from generate_series(1, 50000) as i order by md5(i::text)"
    async with asking(server.dsn()) as asked:
        with server.session("set local work_mem = '64kB'", f"declare c cursor for {rows}", "fetch 1 from c"):
            samples = await asked.collect()
            assert samples.number("pg_temp_files") >= 1
            size = samples.number("pg_temp_files_bytes")
            assert size > 5e6
        samples = await asked.collect()
        assert samples.value("pg_temp_files") == 0.0
        assert samples.value("pg_temp_files_bytes") == 0.0


async def test_indexes_that_serve_nobody(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        samples = await asked.collect()
    assert samples.value("pg_indexes_invalid", datname=DATABASE) == 1.0
    assert samples.value("pg_indexes_duplicate", datname=DATABASE) == 1.0
    assert samples.number("pg_indexes_duplicate_bytes", datname=DATABASE) > 0
    assert samples.number("pg_indexes_unused_bytes", datname=DATABASE) > 0


async def test_setting_that_waits_for_a_restart(server: Server) -> None:
    with server.settings(max_connections="60"):
        async with asking(server.dsn()) as asked:
            await soon(
                asked, lambda samples: samples.value("pg_settings_pending_restart", name="max_connections")
            )


async def test_open_transactions_and_their_age(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        with server.session("select 1"), server.session("select 1"):
            samples = await asked.collect()
            assert (
                samples.value("pg_stat_activity_count", datname=DATABASE, state="idle in transaction") == 2.0
            )
            for name in ("pg_oldest_transaction_age_seconds", "pg_oldest_idle_in_transaction_age_seconds"):
                age = samples.number(name, datname=DATABASE)
                assert 0 <= age < 60


async def test_nothing_is_told_wrongly_to_a_role_that_may_not_see_it(server: Server) -> None:
    """State, waits and ages of others' sessions are NULL for it: a count by state would be wrong, so there is none."""
    async with asking(server.dsn(BARE)) as asked:
        with server.session("select 1"):
            samples = await asked.collect()
            assert samples.all("pg_stat_activity_count") == {}
            assert samples.all("pg_oldest_transaction_age_seconds") == {}
            assert samples.value("pg_exporter_permission_missing", grant="pg_monitor") == 1.0
            assert f'GRANT pg_monitor TO "{BARE}";' in [gap.remedy for gap in await asked.gaps()]


async def test_a_role_without_rights_is_told_nothing_false(server: Server) -> None:
    """What it cannot see is absent to it, not 0: blockers, waiters and old transactions of others most of all."""
    server.run("select pg_create_logical_replication_slot('forgotten', 'test_decoding')")
    try:
        with (
            server.session("lock table tickets in access exclusive mode"),
            server.waiting("select from tickets", sessions=2),
            server.session("insert into events (at) values ('2026-02-01')"),
            server.session("set transaction isolation level repeatable read", "select from events"),
        ):
            told = []  # twice, for some figures move meanwhile
            for role in (MONITOR, BARE, MONITOR, BARE):
                async with asking(server.dsn(role)) as asked:
                    await asked.collect()
                    told.append((await asked.collect()).everything())
    finally:
        server.run("select pg_drop_replication_slot('forgotten')")
    monitor, bare, monitor_again, bare_again = told
    assert sum(monitor["pg_blocked_sessions"].values()) == 2.0
    false = {
        (name, key): monitor[name][key]
        for name, samples in bare.items()
        for key, value in samples.items()
        if value == bare_again.get(name, {}).get(key) == 0
        and all(seen.get(name, {}).get(key) for seen in (monitor, monitor_again))
    }
    assert false == {}
    assert len(bare) < len(monitor)
