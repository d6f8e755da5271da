"""The health check: times, states by the thresholds, and a write test that never grows and never waits long."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from exporter.platform.queries import Query
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import builtin, own
from exporter.sources.postgres.roles import script
from tests.integration.postgres.support import DATABASE, MONITOR, Samples, Server, asking, soon
from tests.support.distance import distant
from tests.support.postgres import PostgresCluster
from tests.support.process import wait_until

SCHEMA = "write_checks"
SLOW = (
    f"create function {SCHEMA}.sleep() returns trigger language plpgsql as "
    "$$ begin perform pg_sleep(0.4); return new; end $$",
    f"create trigger slow before insert on {SCHEMA}.write_test for each row execute function {SCHEMA}.sleep()",
)


def health(degraded: str = "10s", unhealthy: str = "30s", *, write: bool = True) -> dict[str, Any]:
    test = {"write_test": {"schema": SCHEMA, "every": "100ms"}} if write else {}
    return {"degraded": degraded, "unhealthy": unhealthy, **test}


def status(samples: Samples) -> str:
    [word] = [labels[0] for labels, value in samples.all("pg_health_status").items() if value]
    return word


@contextmanager
def table(server: Server) -> Iterator[None]:
    server.cluster.execute(script("generic", MONITOR, SCHEMA), DATABASE)
    try:
        yield
    finally:
        server.run(f"drop schema {SCHEMA} cascade")
        for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            server.run(f"alter role {MONITOR} reset {setting}")
        server.run(f"alter role {MONITOR} connection limit -1")


async def test_times_of_a_healthy_server_and_one_row_for_ever(server: Server) -> None:
    with table(server):
        async with asking(server.dsn(), health=health()) as asked:
            for _ in range(5):
                samples = await asked.collect()
                await asyncio.sleep(0.1)
        for name in ("connect", "query", "write"):
            assert 0 < samples.number(f"pg_health_{name}_seconds") < 10
        assert status(samples) == "healthy"
        assert server.run(f"select count(*) from {SCHEMA}.write_test") == [(1,)]
        [(pages,)] = server.run(f"select pg_relation_size('{SCHEMA}.write_test') / 8192")
        assert pages == 1


async def test_without_a_write_test_nothing_is_written(server: Server) -> None:
    async with asking(server.dsn(), health=health(write=False)) as asked:
        samples = await asked.collect()
    assert samples.value("pg_health_write_seconds") is None
    assert status(samples) == "healthy"


async def test_slow_is_degraded_and_slower_is_unhealthy(server: Server) -> None:
    with table(server):
        server.run_all(SLOW)
        async with asking(server.dsn(), health=health("300ms", "30s")) as asked:
            assert status(await asked.collect()) == "degraded"
        async with asking(server.dsn(), health=health("100ms", "300ms")) as asked:
            samples = await asked.collect()
            assert status(samples) == "unhealthy"
            assert samples.failing() == {}


async def test_a_write_that_waits_is_given_up(server: Server) -> None:
    """Somebody holds a lock on the row: the statistics come all the same, and soon."""
    with table(server):
        async with asking(server.dsn(), health=health("100ms", "300ms")) as asked:
            await asked.collect()
            with server.session(f"lock table {SCHEMA}.write_test in access exclusive mode"):
                await asyncio.sleep(0.1)
                started = time.monotonic()
                samples = await asked.collect()
                assert time.monotonic() - started < 10
                assert status(samples) == "unhealthy"
                assert samples.value("pg_health_write_seconds") is None
                assert samples.value("pg_up") == 1.0
                [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
                assert any(word in gap.missing for word in ("lock timeout", "statement timeout", "no row"))
            await soon(asked, lambda samples: samples.value("pg_health_write_seconds"))
            assert [gap for gap in await asked.gaps() if gap.missing.startswith("write test")] == []


async def test_a_test_that_is_not_set_up_is_a_gap_and_no_illness(server: Server) -> None:
    async with asking(server.dsn(), health=health()) as asked:
        samples = await asked.collect()
        assert status(samples) == "healthy"
        [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
    assert (
        gap.remedy == f"Run what `platform-exporter sql-role --name {MONITOR} --write-test {SCHEMA}` prints."
    )


async def test_a_server_turned_read_only_is_unhealthy(server: Server) -> None:
    """As providers do it when the disk is full."""
    with table(server), server.settings(default_transaction_read_only="on"):
        async with asking(server.dsn(), health=health()) as asked:
            samples = await asked.collect()
            [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
    assert status(samples) == "unhealthy"
    assert samples.value("pg_up") == 1.0
    assert "default_transaction_read_only" in gap.remedy


async def test_a_synchronous_standby_that_is_gone_is_an_illness_until_a_write_succeeds(
    server: Server,
) -> None:
    """The commit waits beyond every limit that the server knows. What is asked after it has its turn all the same."""
    query = {"title": "Slow", "database": "main", "every": "1s", "timeout": "2s"}
    metrics = {"slow": {"type": "gauge", "help": "Slow.", "value": "value"}}
    slow = own(
        "slow",
        Query.model_validate({**query, "sql": "select 1 as value from pg_sleep(0.5)", "metrics": metrics}),
    )
    with table(server), server.role(MONITOR, "set synchronous_commit = on", "reset synchronous_commit"):
        test = health("400ms", "800ms")
        test["write_test"]["every"] = "3s"
        async with asking(server.dsn(), 4, [slow], health=test, every="1s") as asked:
            await asked.collect()
            with server.settings(synchronous_standby_names="nobody"):
                await asyncio.sleep(3)
                told = []
                for _ in range(8):
                    started = time.monotonic()
                    samples = await asked.collect()
                    assert time.monotonic() - started < 8
                    told.append((status(samples), samples.value("pg_health_write_seconds")))
                    assert samples.value("pg_up") == 1.0
                    assert samples.number("pg_health_query_seconds") > 0
                    await asyncio.sleep(0.5)
                assert told == [("unhealthy", None)] * 8
                assert not [name for name, *_ in samples.failing() if name == "slow"]
                [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
                assert "no row was written and committed" in gap.missing
                assert "synchronous_standby_names" in gap.remedy
                waiting = "select 1 from pg_stat_activity where wait_event = 'SyncRep'"
                wait_until(lambda: not server.run(waiting), 30, "what was given up to end on the server")
            deadline = time.monotonic() + 90
            while status(samples) == "unhealthy" and time.monotonic() < deadline:
                await asyncio.sleep(0.5)
                samples = await asked.collect()
            assert samples.number("pg_health_write_seconds") > 0
            assert [gap for gap in await asked.gaps() if gap.missing.startswith("write test")] == []


async def test_a_lock_is_an_illness_beside_little_time_as_well(server: Server) -> None:
    """The whole collection has less than twice what counts as unhealthy."""
    with table(server):
        test = health("500ms", "1s")
        test["write_test"]["every"] = "4s"
        async with asking(server.dsn(), 2, health=test, every="1s") as asked:
            with server.session(f"lock table {SCHEMA}.write_test in access exclusive mode"):
                first = await asked.collect()
                while status(first) != "unhealthy":  # the first may have no time left for writing
                    await asyncio.sleep(0.2)
                    first = await asked.collect()
                for _ in range(6):
                    assert status(await asked.collect()) == "unhealthy"
                    await asyncio.sleep(0.2)


async def test_a_standby_is_not_written_to(server: Server, standby: PostgresCluster) -> None:
    async with asking(standby.dsn(DATABASE, user=MONITOR, password=MONITOR), health=health()) as asked:
        samples = await asked.collect()
        assert samples.value("pg_health_write_seconds") is None
        assert status(samples) == "healthy"
        assert [gap for gap in await asked.gaps() if gap.missing.startswith("write test")] == []


async def test_statements_too_slow_for_their_time_are_no_illness_of_the_server(server: Server) -> None:
    """It answered a part of them before the time was over, and answers a connection of its own at once."""
    metric = {"type": "gauge", "help": "Slow.", "value": "value"}
    query = {
        "title": "Slow",
        "database": "main",
        "every": "1s",
        "timeout": "20s",
        "sql": "select 1 as value from pg_sleep(30)",
    }
    slow = [
        own(name, Query.model_validate({**query, "metrics": {name: metric}})) for name in ("slow", "slower")
    ]
    with patch.dict(os.environ, TEST_DSN=server.dsn()):
        config = Postgres.model_validate(
            {"dsn": "${env:TEST_DSN}", "timeout": "3s", "health": health(write=False)}
        )
        source = PostgresSource("main", config, [*builtin(), *slow])
        samples = Samples(await source.collect())
        await source.close()
    assert samples.value("pg_up") == 1.0
    assert status(samples) == "healthy"


@pytest.mark.parametrize(
    ("state", "remedy"),
    [("53100", "Free disk space"), ("40P01", "waited for each other"), ("58030", "its log")],
)
async def test_what_the_server_could_not_write_is_said_with_what_mends_it(
    server: Server, state: str, remedy: str
) -> None:
    trigger = (
        f"create function {SCHEMA}.fail() returns trigger language plpgsql as "
        f"$$ begin raise exception using errcode = '{state}', message = 'it failed'; end $$",
        f"create trigger fails before insert on {SCHEMA}.write_test for each row execute function {SCHEMA}.fail()",
    )
    with table(server):
        server.run_all(trigger)
        async with asking(server.dsn(), health=health()) as asked:
            assert status(await asked.collect()) == "unhealthy"
            [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
    assert gap.missing == "write test: it failed"
    assert remedy in gap.remedy


async def test_who_locks_the_table_is_where_to_look(server: Server) -> None:
    with table(server), server.session(f"lock table {SCHEMA}.write_test in access exclusive mode"):
        async with asking(server.dsn(), health=health("100ms", "300ms")) as asked:
            assert status(await asked.collect()) == "unhealthy"
            [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
    assert "timeout" in gap.missing
    assert f"who holds a lock on {SCHEMA}.write_test" in gap.remedy
    assert "`unhealthy:`" in gap.remedy


async def test_a_server_that_is_far_away_is_not_written_to_in_no_time(server: Server) -> None:
    """A write that cannot end in time would cost the connection, and say nothing of the server."""
    with table(server):
        async with distant(server.cluster.port, 0.0) as relay:
            dsn = server.dsn().replace(f":{server.cluster.port}/", f":{relay.port}/")
            async with asking(dsn, 4, health=health(), every="1s") as asked:
                deadline = time.monotonic() + 90
                samples = await asked.collect()
                while samples.value("pg_health_write_seconds") is None:
                    assert time.monotonic() < deadline
                    samples = await asked.collect()
                relay.round_trip = 1.1
                for _ in range(3):
                    samples = await asked.collect()
                    assert samples.value("pg_up") == 1.0
                    assert status(samples) == "healthy"
                relay.round_trip = 0.0
                before = relay.connections
                samples = await asked.collect()
                assert samples.number("pg_health_write_seconds") > 0
                assert relay.connections == before
