"""A server that cannot be had: what is said of it, and that all is well again by itself."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from exporter.engine.source import SourceError
from tests.integration.postgres.support import DATABASE, MONITOR, Asked, Server, asking
from tests.support.pgbouncer import Command, installed, newest, pgbouncer
from tests.support.process import wait_until


async def refused(asked: Asked) -> str:
    """Collect in vain; return the reason."""
    with pytest.raises(SourceError) as caught:
        await asked.collect()
    return caught.value.reason


@contextmanager
def all_connections(server: Server) -> Iterator[None]:
    """Take every connection that the server has for ordinary roles."""
    with ExitStack() as sessions:
        for _ in range(200):
            try:
                sessions.enter_context(psycopg.connect(server.dsn()))
            except psycopg.OperationalError:
                break
        else:
            pytest.fail("the server takes any number of connections")
        yield


async def test_role_has_no_connection_left(server: Server) -> None:
    server.wait_for_no_session_of(MONITOR)
    with server.role(MONITOR, "connection limit 1", "connection limit -1"):
        with psycopg.connect(server.dsn()):
            async with asking(server.dsn()) as asked:
                assert await refused(asked) == "too_many_connections"
        server.wait_for_no_session_of(MONITOR)
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
            assert samples.value("pg_up") == 1.0
            assert samples.value("pg_exporter_connections") == 1.0


async def test_server_has_no_connection_left(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        with all_connections(server):
            assert await refused(asked) == "too_many_connections"
        assert (await asked.collect()).value("pg_up") == 1.0


async def test_connection_that_is_held_goes_on_when_none_is_left(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        await asked.collect()
        with all_connections(server):
            samples = await asked.collect()
        assert samples.value("pg_up") == 1.0
        used = samples.number("pg_connections_used_ratio")
        assert 0.9 < used <= 1


async def test_password_that_is_changed(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(server.dsn())
    async with asking(file) as asked:
        await asked.collect()
        with server.role(MONITOR, "password 'another'", f"password '{MONITOR}'"):
            assert (await asked.collect()).value("pg_up") == 1.0, "an open connection stays"
            server.end_sessions_of(MONITOR)
            assert await refused(asked) == "auth"
            file.write_text(server.cluster.dsn(DATABASE, user=MONITOR, password="another"))
            assert (await asked.collect()).value("pg_up") == 1.0


async def test_sessions_that_somebody_ends(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        for _ in range(3):
            assert (await asked.collect()).value("pg_up") == 1.0
            server.end_sessions_of(MONITOR)


async def test_server_that_stops_and_starts(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        await asked.collect()
        server.cluster.stop()
        assert await refused(asked) == "connect"
        server.cluster.start()
        assert (await asked.collect()).value("pg_up") == 1.0


async def test_server_that_never_answers(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        await asked.collect()
        server.cluster.freeze()
        patience, asked.source.timeout = asked.source.timeout, 1
        took = []
        try:
            for _ in range(2):
                began = time.monotonic()
                assert await refused(asked) == "timeout"
                took.append(time.monotonic() - began)
        finally:
            server.cluster.thaw()
        assert min(took) < 10, "it has a second"
        asked.source.timeout = patience
        assert (await asked.collect()).value("pg_up") == 1.0
        left = f"select count(*) from pg_stat_activity where usename = '{MONITOR}'"
        most = 1 + len(server.run("select 1 from pg_database"))
        wait_until(lambda: server.run(left)[0][0] <= most, 30, "sessions that were given up to end")


async def test_transaction_that_may_not_last(server: Server) -> None:
    if server.version < 17:
        pytest.skip("the setting came with 17")
    with server.role(MONITOR, "set transaction_timeout = '10ms'", "reset transaction_timeout"):
        async with asking(server.dsn()) as asked:
            with pytest.raises(SourceError) as caught:
                await asked.collect()
    assert caught.value.reason == "timeout"
    assert "Raise transaction_timeout" in caught.value.remedy


async def test_pool_that_is_full(server: Server) -> None:
    users = {MONITOR: MONITOR}
    with pgbouncer(server.cluster, users=users, default_pool_size="1", query_wait_timeout="1") as pooler:
        dsn = pooler.dsn(DATABASE, user=MONITOR)
        with psycopg.connect(dsn, prepare_threshold=None) as other:
            other.execute("select 1")
            async with asking(dsn) as asked:
                with pytest.raises(SourceError) as caught:
                    await asked.collect()
    assert caught.value.reason == "pooler"
    assert "its pool is full" in caught.value.remedy


async def test_pooler_that_takes_no_more_clients(server: Server) -> None:
    with pgbouncer(server.cluster, users={MONITOR: MONITOR}, max_client_conn="1") as pooler:
        dsn = pooler.dsn(DATABASE, user=MONITOR)
        with psycopg.connect(dsn):
            async with asking(dsn) as asked:
                with pytest.raises(SourceError) as caught:
                    await asked.collect()
    assert caught.value.reason == "too_many_connections"
    assert "pgbouncer's max_client_conn" in caught.value.remedy


@pytest.mark.parametrize("command", [installed, newest])
async def test_pooler_whose_server_is_down(server: Server, command: Command) -> None:
    """It hangs up while it is being asked; what it says before is told, not that it hung up."""
    users = {MONITOR: MONITOR}
    with pgbouncer(server.cluster, command, users=users, query_wait_timeout="1") as pooler:
        async with asking(pooler.dsn(DATABASE, user=MONITOR)) as asked:
            await asked.collect()
            server.cluster.stop()
            try:
                for _ in range(5):
                    with pytest.raises(SourceError) as caught:
                        await asked.collect()
                    assert (str(caught.value)[-20:], caught.value.reason) == (
                        "(server_login_retry)",
                        "pooler",
                    )
                    assert "start that" in caught.value.remedy
            finally:
                server.cluster.start()
