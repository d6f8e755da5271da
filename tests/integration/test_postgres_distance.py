"""A server that is far away: what is slow there takes nothing from what has arrived."""

from typing import Any

import pytest

from exporter.engine.deadline import Deadline
from tests.support.distance import distant
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, collect, query
from tests.support.process import wait_until

SLEEPING = "select count(*) from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid()"


@pytest.mark.parametrize("more", [{}, {"health": {}}, {"databases": {"include": ["far_*"]}}])
async def test_a_slow_statement_is_no_server_that_is_down(
    more: dict[str, Any], own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """To end a statement takes a connection of its own, which is longer than what is left of a short time-out."""
    for name in ("far_a", "far_b"):
        own_postgres.execute(f"create database {name}")
    slow = query("slow", sql="select 1 as value from pg_sleep(30)", timeout="1m", every="100ms")
    async with distant(own_postgres.port, 0.15) as relay:
        dsn = own_postgres.dsn().replace(f":{own_postgres.port}/", f":{relay.port}/")
        subject = source(dsn, query(), slow, query("each", scope="database"), timeout="2s", **more)
        answered = 0
        for _ in range(6):
            families = {
                family.name: samples
                for family, samples in await Deadline().within(subject.timeout, subject.collect)
            }
            assert families["pg_up"] == {("main",): 1.0}
            assert families["mine"] == {("main",): 1.0}
            answered += ("main", "queries.slow", "timeout") in families.get("pg_scrape_collector_failing", {})
        assert answered
        await subject.close()
        wait_until(lambda: own_postgres.execute(SLEEPING) == [(0,)], 30, "the server to end what was late")


async def test_other_databases_are_not_put_off_for_the_time_that_the_first_connection_took(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    """In the first collection too little is left to connect once more; in the next there is enough."""
    own_postgres.execute("create database far_a")
    async with distant(own_postgres.port, 0.3) as relay:
        dsn = own_postgres.dsn().replace(f":{own_postgres.port}/", f":{relay.port}/")
        far = query("far", scope="database")
        subject = source(dsn, far, timeout="4s", health={})
        seen = []
        for _ in range(3):
            families = await collect(subject)
            seen.append(families["pg_exporter_databases"]["main", "failed"])
        assert seen == [0.0] * 3
        assert ("main", "far_a") in families["far"]
