"""Locks that others hold or wait for: what is told of them, and that no collection waits behind them."""

import asyncio
import threading
import time

import psycopg

from tests.integration.postgres.support import DATABASE, Asked, Samples, Server, asking, soon

AT_MOST = 10.0
"""Seconds that a collection may take here: many times what it takes, and less than one that waits for a lock."""


async def timed(asked: Asked) -> Samples:
    started = time.monotonic()
    samples = await asked.collect()
    assert time.monotonic() - started < AT_MOST
    return samples


def assert_only_orders_is_left_out(samples: Samples) -> None:
    """The locked table is told by its estimate; everything else is as ever."""
    assert samples.failing() == {}
    assert samples.value("pg_table_size_skipped", datname=DATABASE, reason="locked") == 1.0
    assert samples.value("pg_table_size_bytes", datname=DATABASE, relname="orders") is None
    assert samples.number("pg_table_size_estimated_bytes", datname=DATABASE, relname="orders") > 0
    assert samples.number("pg_table_size_bytes", datname=DATABASE, relname="customers") > 0
    assert samples.value("pg_stat_user_tables_n_live_tup", datname=DATABASE, relname="orders") == 4500.0


async def test_access_exclusive_held(server: Server) -> None:
    with server.session("lock table orders in access exclusive mode"):
        async with asking(server.dsn()) as asked:
            assert_only_orders_is_left_out(await timed(asked))


async def test_access_exclusive_queued_behind_a_reader(server: Server) -> None:
    with (
        server.session("select count(*) from orders"),
        server.waiting("lock table orders in access exclusive mode"),
    ):
        async with asking(server.dsn()) as asked:
            assert_only_orders_is_left_out(await timed(asked))


async def test_index_being_rebuilt(server: Server) -> None:
    with server.session("reindex index orders_never_read"):
        async with asking(server.dsn()) as asked:
            assert_only_orders_is_left_out(await timed(asked))


async def test_sequence_being_altered(server: Server) -> None:
    with server.session("alter sequence ticket_numbers increment by 1"):
        async with asking(server.dsn()) as asked:
            samples = await timed(asked)
            assert samples.failing().keys() <= {("sequences", "timeout")}
            assert samples.number("pg_table_size_bytes", datname=DATABASE, relname="orders") > 0


async def test_one_blocker_and_three_that_wait(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        with (
            server.session("lock table tickets in access exclusive mode"),
            server.waiting("select from tickets", sessions=3),
        ):
            samples = await asked.collect()
            where = {"datname": DATABASE, "locktype": "relation", "mode": "AccessShareLock"}
            assert samples.value("pg_blocked_sessions", **where) == 3.0
            assert samples.all("pg_root_blockers") == {(DATABASE, "idle in transaction"): 1.0}
            waited = await soon(
                asked, lambda found: found.value("pg_blocked_longest_wait_seconds", datname=DATABASE)
            )
            assert 0 < waited < 60
            ungranted = {"datname": DATABASE, "mode": "accesssharelock", "granted": "false"}
            assert samples.value("pg_locks", **ungranted) == 3.0
        assert (await asked.collect()).all("pg_blocked_sessions") == {}


async def test_a_chain_has_one_root(server: Server) -> None:
    with (
        server.session("lock table tickets in access exclusive mode"),
        server.waiting("lock table events in access exclusive mode", "select from tickets"),
        server.waiting("select from events"),
    ):
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
            assert sum(samples.all("pg_blocked_sessions").values()) == 2.0
            assert samples.all("pg_root_blockers") == {(DATABASE, "idle in transaction"): 1.0}


async def test_a_deadlock_is_counted(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        before = (await asked.collect()).value("pg_stat_database_deadlocks", datname=DATABASE)
        assert before is not None
        await asyncio.to_thread(_deadlock, server)
        found = await soon(
            asked,
            lambda samples: (samples.value("pg_stat_database_deadlocks", datname=DATABASE) or 0) > before,
        )
        assert found


def _deadlock(server: Server) -> None:
    """Let two sessions wait for each other; the server ends one of them."""
    ended: list[BaseException] = []
    with server.session("lock table tickets") as first, server.session("lock table events") as second:

        def wait(connection: psycopg.Connection[object], then: str) -> None:
            try:
                connection.execute(then.encode())
                connection.rollback()
            except psycopg.errors.DeadlockDetected as error:
                ended.append(error)
                connection.rollback()

        threads = [
            threading.Thread(target=wait, args=(first, "lock table events")),
            threading.Thread(target=wait, args=(second, "lock table tickets")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(ended) == 1
