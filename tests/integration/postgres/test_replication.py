"""Replication: subscriptions that work, fail and rest, paused replay, decoding that does not fit into memory."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from exporter.engine.source import SourceError
from exporter.platform.queries import Query
from exporter.sources.postgres.collector import own
from tests.integration.postgres.support import DATABASE, MONITOR, Samples, Server, asking, soon
from tests.support.postgres import PostgresCluster, standby_cluster
from tests.support.postgres_versions import programs
from tests.support.process import wait_until

SUBSCRIPTION, SLOT = "copies", "copies_slot"


@contextmanager
def subscribed(server: Server) -> Iterator[tuple[str, str]]:
    """Yield two databases, the table `items` of the first being copied to the second."""
    table = "create table items (id int primary key)"
    with server.database(table) as publisher, server.database(table) as subscriber:
        server.run("create publication items for table items", publisher)
        server.run(f"select pg_create_logical_replication_slot('{SLOT}', 'pgoutput')", publisher)
        server.run(
            f"create subscription {SUBSCRIPTION} connection '{server.cluster.dsn(publisher)}' "
            f"publication items with (create_slot = false, slot_name = {SLOT})",
            subscriber,
        )
        try:
            yield publisher, subscriber
        finally:
            server.run(f"alter subscription {SUBSCRIPTION} disable", subscriber)
            server.run(f"alter subscription {SUBSCRIPTION} set (slot_name = none)", subscriber)
            server.run(f"drop subscription {SUBSCRIPTION}", subscriber)
            free = f"select 1 from pg_replication_slots where slot_name = '{SLOT}' and not active"
            wait_until(lambda: server.run(free), 30, "the slot to be free")
            server.run(f"select pg_drop_replication_slot('{SLOT}')")


async def test_subscription(server: Server) -> None:
    with subscribed(server) as (publisher, subscriber):
        labels = {"datname": subscriber, "subname": SUBSCRIPTION}
        async with asking(server.dsn(MONITOR)) as asked:
            await soon(asked, lambda samples: samples.value("pg_subscription_worker_up", **labels))
            samples = await soon(
                asked,
                lambda samples: (
                    samples
                    if samples.value("pg_replication_lag_bytes", application_name=SUBSCRIPTION) == 0
                    else None
                ),
            )
            assert samples.failing() == {}
            assert samples.number("pg_subscription_last_message_timestamp_seconds", **labels) > 1e9

            def stages(samples: Samples) -> bool:
                server.run(
                    "select txid_current()", publisher
                )  # who has nothing to send forgets how long it took
                found = samples.all("pg_replication_lag_stage_seconds")
                return {stage for name, stage in found if name == SUBSCRIPTION} == {
                    "write",
                    "flush",
                    "replay",
                }

            await soon(asked, stages)
            assert samples.value("pg_replication_slot_active", slot_name=SLOT) == 1.0

            errors = samples.value("pg_subscription_apply_errors_total", **labels)
            assert errors == (0.0 if server.version >= 15 else None)
            server.run("insert into items values (1)", subscriber)
            server.run("insert into items values (1)", publisher)
            if server.version >= 15:
                await soon(
                    asked, lambda samples: samples.value("pg_subscription_apply_errors_total", **labels)
                )

            server.run(f"alter subscription {SUBSCRIPTION} disable", subscriber)
            samples = await asked.collect()
            assert samples.value("pg_subscription_worker_up", **labels) is None


async def test_no_worker_is_missing_on_a_physical_standby(server: Server, standby: PostgresCluster) -> None:
    server.run("alter subscription lessons enable")
    try:
        enabled = "select subenabled from pg_subscription where subname = 'lessons'"
        wait_until(lambda: standby.execute(enabled, DATABASE) == [(True,)], 30, "the standby to replay it")
        async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:
            samples = await asked.collect()
        assert samples.failing() == {}
        assert samples.value("pg_subscription_worker_up", subname="lessons") is None
    finally:
        server.run("alter subscription lessons disable")


async def test_a_statement_that_replay_ends_is_told_so(server: Server, standby: PostgresCluster) -> None:
    """Behind a savepoint the server ends the session with it: it is asked once more, and put off if that ends so."""
    server.run("create table replayed as select 1 as one")
    server.run(f"grant select on replayed to {MONITOR}")
    metrics = {"slow": {"type": "gauge", "help": "Slow.", "value": "value"}}
    text = "select count(*) as value from replayed, pg_sleep(15)"
    slow = Query.model_validate(
        {
            "title": "Slow",
            "database": "main",
            "timeout": "18s",
            "every": "1s",
            "sql": text,
            "metrics": metrics,
        }
    )
    standby.execute("alter system set max_standby_streaming_delay = '10ms'")
    standby.execute("select pg_reload_conf()")
    found, over = "select 1 from pg_class where relname = 'replayed'", threading.Event()
    wait_until(lambda: bool(standby.execute(found, DATABASE)), 30, "the standby to replay it")

    def disturb() -> None:
        while not over.wait(1):
            with server.session("lock table replayed in access exclusive mode"):
                pass

    disturbing = asyncio.create_task(asyncio.to_thread(disturb))
    try:
        dsn = standby.dsn(DATABASE, user=MONITOR, password=MONITOR)
        async with asking(dsn, 25, [own("slow", slow)], every="1s") as asked:
            deadline = time.monotonic() + 90
            while True:
                assert time.monotonic() < deadline
                with suppress(SourceError):  # what was asked with others was ended so
                    if ("queries.slow", "rejected") in (await asked.collect()).failing():
                        break
            [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("queries.slow")]
        assert "conflict with recovery" in gap.missing
        assert "max_standby_streaming_delay" in gap.remedy
    finally:
        over.set()
        await disturbing
        server.run("drop table replayed")
        standby.execute("alter system reset max_standby_streaming_delay")
        standby.execute("select pg_reload_conf()")


async def test_replay_that_is_paused(standby: PostgresCluster) -> None:
    async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:
        standby.execute("select pg_wal_replay_pause()")
        try:
            await soon(asked, lambda samples: samples.value("pg_recovery_paused"))
        finally:
            standby.execute("select pg_wal_replay_resume()")
        await soon(asked, lambda samples: samples.value("pg_recovery_paused") == 0.0)


async def test_lag_of_a_standby_that_has_replayed_nothing_yet(server: Server) -> None:
    with standby_cluster(server.cluster, "paused", programs(server.version)) as standby:
        standby.execute("select pg_wal_replay_pause()")
        server.run("create table written as select generate_series(1, 10000) as number")
        try:
            async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:
                samples = await soon(
                    asked, lambda samples: samples if samples.value("pg_wal_receiver_lag_bytes") else None
                )
                assert samples.value("pg_replication_lag_seconds") != 0.0
                before = samples.number("pg_standby_lag_seconds")
                assert 0 < before < 600
                assert (await asked.collect()).number("pg_standby_lag_seconds") > before

                standby.execute("select pg_wal_replay_resume()")
                await soon(asked, lambda samples: samples.value("pg_standby_lag_seconds") == 0.0)

                timeline = (await asked.collect()).number("pg_timeline_id")
                standby.execute("select pg_promote()")
                samples = await asked.collect()
                assert samples.number("pg_timeline_id") == timeline + 1
                assert samples.number("pg_replication_lag_seconds") == 0.0
                assert samples.number("pg_replication_last_replay_seconds") == 0.0
                assert samples.value("pg_replication_last_replay_timestamp_seconds") is None
                assert samples.value("pg_standby_lag_seconds") is None
        finally:
            server.run("drop table written")


async def test_lag_of_a_standby_that_receives_nothing(server: Server) -> None:
    with standby_cluster(server.cluster, "cut_off", programs(server.version)) as standby:
        async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)) as asked:
            await soon(asked, lambda samples: samples.value("pg_standby_lag_seconds") == 0.0)
            standby.execute("alter system set primary_conninfo = 'host=127.0.0.1 port=1'")
            if server.version < 13:
                standby.stop()
                standby.start()
            else:
                standby.execute("select pg_reload_conf()")
            samples = await soon(
                asked, lambda samples: samples if samples.value("pg_wal_receiver_up") == 0.0 else None
            )
            assert samples.number("pg_standby_lag_seconds") > 0


async def test_decoding_that_does_not_fit_into_memory(server: Server) -> None:
    if server.version < 14:
        pytest.skip("the statistics came with 14")
    with server.database("create table items (text text)") as name:
        server.run("select pg_create_logical_replication_slot('spilling', 'test_decoding')", name)
        try:
            server.run(
                "set synchronous_commit = on;"  # only what has reached the disk is decoded
                "insert into items select repeat('x', 100) from generate_series(1, 5000)",
                name,
            )
            server.run(
                "set logical_decoding_work_mem = '64kB';"
                "select count(*) from pg_logical_slot_get_changes('spilling', null, null)",
                name,
            )
            async with asking(server.dsn(MONITOR)) as asked:

                def figures(samples: Samples) -> bool:
                    names = ("spill_transactions", "spill_bytes", "decoded_bytes")
                    return all(
                        samples.value(f"pg_replication_slot_{name}_total", slot_name="spilling")
                        for name in names
                    )

                await soon(asked, figures)
        finally:
            server.run("select pg_drop_replication_slot('spilling')", name)
