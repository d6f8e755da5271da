"""The health check: times, states by the thresholds, and a write test that never grows and never waits long."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from exporter.platform.queries import Query
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import builtin, own
from exporter.sources.postgres.roles import script
from tests.integration.postgres.support import DATABASE, MONITOR, Samples, Server, asking
from tests.support.postgres import PostgresCluster

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
                assert "lock timeout" in gap.missing or "statement timeout" in gap.missing
            await asyncio.sleep(0.1)
            assert (await asked.collect()).value("pg_health_write_seconds") is not None
            assert [gap for gap in await asked.gaps() if gap.missing.startswith("write test")] == []


async def test_a_test_that_is_not_set_up_is_a_gap_and_no_illness(server: Server) -> None:
    async with asking(server.dsn(), health=health()) as asked:
        samples = await asked.collect()
        assert status(samples) == "healthy"
        [gap] = [gap for gap in await asked.gaps() if gap.missing.startswith("write test")]
    assert gap.remedy == f"Run what `platform-exporter sql-role --write-test {SCHEMA}` prints."


async def test_a_server_turned_read_only_is_unhealthy(server: Server) -> None:
    """As providers do it when the disk is full."""
    with table(server), server.settings(default_transaction_read_only="on"):
        async with asking(server.dsn(), health=health()) as asked:
            samples = await asked.collect()
    assert status(samples) == "unhealthy"
    assert samples.value("pg_up") == 1.0


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
            {"dsn": "${env:TEST_DSN}", "timeout": "1s", "health": health(write=False)}
        )
        source = PostgresSource("main", config, [*builtin(), *slow])
        samples = Samples(await source.collect())
        await source.close()
    assert samples.value("pg_up") == 1.0
    assert status(samples) == "healthy"
