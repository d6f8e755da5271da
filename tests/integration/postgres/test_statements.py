"""pg_stat_statements with more statements than it keeps, in another schema, older than its server."""

import itertools

import psycopg
import pytest

from tests.integration.postgres.support import DATABASE, Samples, Server, asking
from tests.support.postgres import PostgresCluster, postgres_cluster
from tests.support.postgres_versions import programs

TYPES = ("int2", "int4", "int8", "float4", "float8", "numeric", "text", "bool")
"""A constant's type makes a statement another one, its value does not."""
KEEP = 20


def distinct(count: int) -> list[str]:
    """Return so many statements that pg_stat_statements tells apart."""
    combinations = itertools.islice(itertools.product(TYPES, repeat=4), count)
    return ["select " + ", ".join(f"null::{name}" for name in types) for types in combinations]


def gained(name: str, before: Samples, after: Samples) -> float:
    """Return what the series of a family gained together between two collections, as Prometheus reckons it."""
    values = ((value, before.all(name).get(labels, 0)) for labels, value in after.all(name).items())
    return sum(value - old if value >= old else value for value, old in values)


def remainder(samples: Samples) -> float:
    """Return the calls of all statements that have no series of their own."""
    top = samples.all("pg_stat_statements_top_calls_total")
    others = {labels: value for labels, value in top.items() if labels[-1] == "other"}
    assert len(top) <= KEEP + len(others), "one remainder a database"
    return sum(others.values())


async def test_more_statements_than_are_kept(server: Server) -> None:
    server.run("select pg_stat_statements_reset()")
    async with asking(server.dsn()) as asked:
        samples = await asked.collect()
        others = [remainder(samples)]
        for part in range(5):
            server.run_all(distinct(1500)[part * 300 : (part + 1) * 300])
            before, samples = samples, await asked.collect()
            others.append(remainder(samples))
            calls = gained("pg_stat_statements_calls_total", before, samples)
            assert calls > 0
            assert gained("pg_stat_statements_top_calls_total", before, samples) == calls
    assert others == sorted(others), "the remainder is a counter, whatever is evicted"
    assert others[-1] > others[0]
    assert samples.failing() == {}
    assert samples.value("pg_stat_statements_max") == 100.0
    assert samples.number("pg_stat_statements_entries") <= 100
    dealloc = samples.value("pg_stat_statements_dealloc_total")
    assert dealloc is None if server.version < 14 else dealloc


def run_each(cluster: PostgresCluster, times: int, database: str = "postgres") -> None:
    """Run ten statements so many times: few enough that the server keeps them all beside the exporter's own."""
    with psycopg.connect(cluster.dsn(database), autocommit=True) as connection, connection.pipeline():
        for statement in times * distinct(10):
            connection.execute(statement.encode())


@pytest.mark.parametrize("started_anew", [False, True], ids=["running", "started anew"])
async def test_what_another_server_did_before_is_not_counted_when_it_takes_over(
    server: Server, *, started_anew: bool
) -> None:
    if started_anew and server.version < 14:
        pytest.skip("it does not tell since when it counts")
    with (
        postgres_cluster(programs(server.version)) as first,
        postgres_cluster(programs(server.version)) as second,
    ):
        for cluster, times in ((first, 5), (second, 200)):
            cluster.execute("create extension pg_stat_statements")
            cluster.execute("create role monitor login password 'monitor' in role pg_monitor")
            run_each(cluster, times)
        dsn = f"host=127.0.0.1,127.0.0.1 port={first.port},{second.port} user=monitor password=monitor"
        async with asking(f"{dsn} dbname=postgres", databases={"most": 0}) as asked:
            await asked.collect()
            before = await asked.collect()
            first.stop()
            if started_anew:
                second.stop()
                second.start()
            after = await asked.collect()
            run_each(second, 15)
            last = await asked.collect()
    for name in ("pg_stat_statements_calls_total", "pg_stat_statements_top_calls_total"):
        assert gained(name, before, after) == 0
        assert 150 <= gained(name, after, last) < 1000


async def test_what_a_server_did_before_it_was_started_anew_is_counted(server: Server) -> None:
    async with asking(server.dsn(), databases={"most": 0}) as asked:
        server.run("select pg_stat_statements_reset()")
        await asked.collect()
        before = await asked.collect()
        run_each(server.cluster, 15, DATABASE)
        server.cluster.stop()
        server.cluster.start()
        after = await asked.collect()
    assert gained("pg_stat_statements_calls_total", before, after) >= 150


async def test_no_literal_and_no_comment_is_told(server: Server) -> None:
    server.run("select pg_stat_statements_reset()")
    server.run("create role somebody")
    for statement in (
        "alter role somebody password 'canary-of-a-password'",
        "select 'canary-in-a-literal', $$canary-in-dollars$$, E'canary-\\n-escaped' /* canary-in-a-comment */",
        "select 1 -- canary-behind-dashes",
        "set application_name = 'canary-in-a-setting'",
    ):
        server.run(statement)
    server.run("drop role somebody")
    async with asking(server.dsn()) as asked:
        await asked.collect()  # texts are those of the statements that are shown by now
        samples = await asked.collect()
    texts = samples.all("pg_stat_statements_query_info")
    assert texts, "the text is told where it is asked for"
    assert "canary" not in repr(samples.everything())


async def test_extension_in_another_schema(server: Server) -> None:
    with server.database(
        "create schema extensions",
        "grant usage on schema extensions to monitor",
        "create extension pg_stat_statements schema extensions",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.all("pg_stat_statements_calls_total")
    assert samples.value("pg_stat_statements_max") == 100.0


async def test_extension_of_every_version_that_the_server_can_have(server: Server) -> None:
    """After pg_upgrade the extension stays as old as it was, and so do its columns."""
    versions = server.run(
        "select version from pg_available_extension_versions where name = 'pg_stat_statements' "
        "and string_to_array(version, '.')::int[] >= '{1,4}' order by string_to_array(version, '.')::int[]"
    )
    assert len(versions) > 1
    with server.database("create extension pg_stat_statements version '1.4'") as name:
        for (version,) in versions:
            server.run(f"alter extension pg_stat_statements update to '{version}'", name)
            async with asking(server.dsn(database=name), databases={"most": 0}) as asked:
                samples = await asked.collect()
            assert (version, samples.failing()) == (version, {})
            for counted in ("calls", "exec_seconds", "io_read_seconds"):
                assert samples.all(f"pg_stat_statements_{counted}_total"), (version, counted)
