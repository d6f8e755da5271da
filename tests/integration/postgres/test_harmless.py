"""What the exporter does to a server that it watches: nothing that others notice."""

import time

import psycopg

from exporter.platform.queries import Query
from exporter.sources.postgres.collector import builtin, own
from tests.integration.postgres.support import DATABASE, MONITOR, Server, asking

SESSIONS = f"select state, query from pg_stat_activity where usename = '{MONITOR}'"


async def test_between_collections_there_is_a_session_that_does_nothing(server: Server) -> None:
    server.wait_for_no_session_of(MONITOR)
    async with asking(server.dsn(), databases={"most": 0}) as asked:
        for _ in range(3):
            await asked.collect()
            assert [state for state, _ in server.run(SESSIONS)] == ["idle"]
    server.wait_for_no_session_of(MONITOR)


async def test_connections_stay_within_the_budget_however_many_databases_there_are(server: Server) -> None:
    server.wait_for_no_session_of(MONITOR)
    with (
        server.role(MONITOR, "connection limit 3", "connection limit -1"),  # one may be ending still
        server.database() as first,
        server.database() as second,
        server.database() as third,
    ):
        async with asking(server.dsn(), connections=2) as asked:
            for _ in range(3):
                samples = await asked.collect()
                assert samples.failing() == {}
                assert samples.number("pg_exporter_connections") <= 2
                assert samples.value("pg_exporter_databases", status="failed") == 0.0
                scraped = {labels[0] for labels in samples.all("pg_extension_info")}
                assert {first, second, third, DATABASE} <= scraped
        server.wait_for_no_session_of(MONITOR)


async def test_a_statement_that_never_ends_is_ended_and_the_others_are_served(server: Server) -> None:
    """The deadline is the collection's, whatever the statement was allowed."""
    endless = Query.model_validate(
        {
            "title": "Endless",
            "database": "main",
            "sql": "select 1 as one, pg_sleep(600)",
            "timeout": "10m",
            "metrics": {"mine": {"type": "gauge", "help": "Never comes.", "value": "one"}},
        }
    )
    async with asking(server.dsn(), timeout=6, own=[own("endless", endless)]) as asked:
        started = time.monotonic()
        samples = await asked.collect()
        assert time.monotonic() - started < 20
        assert ("queries.endless", "timeout") in samples.failing()
        # Which other databases there are is only known when the time of the first collection is over.
        elsewhere = {collector.name for collector in builtin() if collector.statement.scope == "database"}
        assert {name for name, _ in samples.failing()} <= {"queries.endless", *elsewhere}
        assert samples.number("pg_database_size_bytes", datname=DATABASE) > 0
    server.wait_for_no_session_of(MONITOR)


async def test_nobody_can_slip_a_view_under_the_collectors(server: Server) -> None:
    """A user of the database may create objects with the names of the catalogue's; they are not what is asked."""
    with server.database(
        "create view public.pg_stat_database as select 1 / 0 as datid, 'x'::name as datname",
        "create view public.pg_locks as select 1 / 0 as pid",
        "create function public.age(xid) returns int language sql as 'select 1 / 0'",
    ) as name:
        server.run(f"alter role {MONITOR} set search_path = public, pg_catalog")
        try:
            async with asking(server.dsn(database=name), databases={"most": 0}) as asked:
                samples = await asked.collect()
        finally:
            server.run(f"alter role {MONITOR} reset search_path")
    assert samples.failing() == {}
    assert samples.number("pg_stat_database_xact_commit", datname=name) > 0


async def test_a_password_of_any_characters(server: Server) -> None:
    password = "p@ss:/w#rd %20?&=+,;\"é'\\"
    with psycopg.connect(server.cluster.dsn(DATABASE), autocommit=True) as connection:
        quoted = psycopg.sql.Literal(password).as_string(connection)
    with server.role(MONITOR, f"password {quoted}", f"password '{MONITOR}'"):
        keywords = psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=server.cluster.port, user=MONITOR, password=password, dbname=DATABASE
        )
        async with asking(keywords) as asked:
            assert (await asked.collect()).value("pg_up") == 1.0
