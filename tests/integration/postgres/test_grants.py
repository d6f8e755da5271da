"""Each GRANT that `check` prints runs as it is printed, and mends what it says: for odd names, other schemas,
overloaded functions and other databases."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from exporter.engine.source import Gap, SourceError
from exporter.platform.values import Verbatim, redact
from exporter.sources.postgres.collector import Collector
from tests.integration.postgres.support import Server, asking
from tests.support.postgres_source import query

ROLE = 'Reader\'s "own"'
QUOTED = '"Reader\'s ""own"""'
SETUP = (
    'create schema secret; create schema "Odd. ""name"; create schema open; create schema elsewhere',
    "create table secret.t as select 1 as value",
    'create table "Odd. ""name"."Ta;ble" as select 1 as value',
    "create table open.t as select 1 as value; create table elsewhere.t as select 1 as value",
    f"grant usage on schema open, elsewhere to {QUOTED}",
    "create function open.f(a integer, b text[]) returns int language sql as 'select 1'",
    "create function elsewhere.f(a integer, b text[]) returns int language sql as 'select 1'",
    "revoke execute on all functions in schema open, elsewhere from public",
    "create view open.v as select * from secret.t",
)


@contextmanager
def reader(server: Server, *setup: str) -> Iterator[tuple[str, str]]:
    """Yield a database, and the connection string of a role that may read statistics and nothing else there."""
    server.run_all([f"create role {QUOTED} login password 'reader'", f"grant pg_monitor to {QUOTED}"])
    try:
        with server.database(*setup) as database:
            yield database, dsn_of(server, database)
    finally:
        server.run_all([f"drop owned by {QUOTED}"])
        server.run_all([f"drop role {QUOTED}"])


def dsn_of(server: Server, database: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=server.cluster.port, user=ROLE, password="reader", dbname=database
    )


def run(server: Server, database: str, gaps: list[Gap]) -> list[str]:
    """Run every GRANT as it was printed; return them."""
    printed = [
        line
        for gap in gaps
        if "GRANT" in gap.remedy and not gap.optional
        for line in redact(gap.remedy).splitlines()
    ]
    for statement in printed:
        server.run_all([statement], database)
    return printed


def own(sql: str) -> Collector:
    return query(sql=sql)


@pytest.mark.parametrize(
    ("sql", "grants"),
    [
        (
            "select value from secret.t",
            [
                f'GRANT USAGE ON SCHEMA "secret" TO {QUOTED};',
                f"GRANT SELECT ON secret.t TO {QUOTED};",
            ],
        ),
        ("select value from Open . T", [f"GRANT SELECT ON open.t TO {QUOTED};"]),
        (
            'select value from "Odd. ""name"."Ta;ble"',
            [
                f'GRANT USAGE ON SCHEMA "Odd. ""name" TO {QUOTED};',
                f'GRANT SELECT ON "Odd. ""name"."Ta;ble" TO {QUOTED};',
            ],
        ),
        (
            "select open.f(1, array['a']) as value",
            [f"GRANT EXECUTE ON FUNCTION open.f(a integer, b text[]) TO {QUOTED};"],
        ),
        ("select value from t", [f"GRANT SELECT ON elsewhere.t TO {QUOTED};"]),
        ("select value from open.v", [f"GRANT SELECT ON open.v TO {QUOTED};"]),
    ],
)
async def test_own_sql_is_mended_by_what_is_printed(server: Server, sql: str, grants: list[str]) -> None:
    with reader(server, *SETUP) as (database, dsn):
        server.run_all([f"alter role {QUOTED} set search_path = nothing, elsewhere, open"])
        async with asking(dsn, own=[own(sql)], databases={"include": []}) as asked:
            await asked.collect()
            assert run(server, database, await asked.gaps()) == grants
        async with asking(dsn, own=[own(sql)], databases={"include": []}) as asked:
            samples = await asked.collect()
            assert samples.value("mine") == 1.0
            assert not [gap for gap in await asked.gaps() if "mine" in gap.missing]


async def test_a_right_that_the_owner_of_a_view_lacks_is_not_asked_for(server: Server) -> None:
    view = (*SETUP, "create role other_owner", "grant usage on schema secret to other_owner")
    with reader(server, *view, "alter view open.v owner to other_owner") as (database, dsn):
        try:
            server.run_all([f"grant select on open.v, secret.t to {QUOTED}"], database)
            async with asking(dsn, own=[own("select value from open.v")], databases={"include": []}) as asked:
                await asked.collect()
                [gap] = [gap for gap in await asked.gaps() if "mine" in gap.missing]
                assert "The owner of a view" in gap.remedy
        finally:
            server.run_all(["drop view open.v"], database)
            server.run_all(["drop owned by other_owner"], database)
            server.run_all(["drop role other_owner"])


@pytest.mark.parametrize("right", ["update", "select", None])
async def test_a_right_to_draw_from_a_sequence_would_not_help(server: Server, right: str | None) -> None:
    setup = ("create sequence s", *([f"grant {right} on sequence s to {QUOTED}"] if right else []))
    with reader(server, *setup) as (_, dsn):
        async with asking(dsn, own=[own("select nextval('s') as value")], databases={"include": []}) as asked:
            await asked.collect()
            remedies = [gap.remedy for gap in await asked.gaps() if "mine" in gap.missing]
            assert remedies == ["Take out what writes: statements run read-only."]


async def test_sequences_and_bloat_that_are_not_seen(server: Server) -> None:
    tables = (
        'create schema "S 1"; create sequence "S 1".one; create table two (id serial, filler text)',
        "insert into two (filler) select repeat('x', 500) from generate_series(1, 5000)",
        "analyze two",
    )
    with reader(server, *tables) as (database, dsn):
        async with asking(dsn, databases={"include": []}) as asked:
            samples = await asked.collect()
            assert samples.value("pg_sequences_unreadable", datname=database) == 2.0
            gaps = await asked.gaps()
            assert [gap.remedy for gap in gaps if gap.optional] == [
                f'GRANT SELECT ON ALL TABLES IN SCHEMA "public" TO {QUOTED};'
            ]
            assert run(server, database, gaps) == [
                f'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "S 1" TO {QUOTED};',
                f'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "public" TO {QUOTED};',
            ]
            server.run_all([f"grant select on all tables in schema public to {QUOTED}"], database)
            samples = await asked.collect()
            assert samples.value("pg_sequences_unreadable", datname=database) == 0.0
            assert samples.value("pg_table_bloat_unreadable", datname=database) == 0.0
            assert not [gap for gap in await asked.gaps() if "ALL" in gap.remedy]


async def test_other_databases_say_where_a_statement_is_to_be_run(server: Server) -> None:
    with reader(server, "create sequence one") as (database, _), server.database() as closed:
        server.run_all([f"revoke connect on database {closed} from public"])
        main = dsn_of(server, "postgres")
        rules = {"include": [database, closed]}
        async with asking(main, databases=rules) as asked:
            await asked.collect()
            gaps = await asked.gaps()
            assert [gap.remedy for gap in gaps if "pg_stat_statements" not in gap.missing] == [
                f'GRANT CONNECT ON DATABASE "{closed}" TO {QUOTED};',
                f'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "public" TO {QUOTED};  -- in database {database}',
            ]
            run(server, database, gaps)
        async with asking(main, databases=rules) as asked:
            await asked.collect()
            assert not [gap for gap in await asked.gaps() if "pg_stat_statements" not in gap.missing]
        server.run_all([f"revoke connect on database {closed} from {QUOTED}"])


@pytest.mark.parametrize(
    ("closing", "reason", "remedy"),
    [
        (
            "revoke connect on database {database} from public",
            "permission",
            'GRANT CONNECT ON DATABASE "{database}" TO {role};',
        ),
        (
            "alter role {role} connection limit 0",
            "too_many_connections",
            "ALTER ROLE {role} CONNECTION LIMIT 10;",
        ),
    ],
)
async def test_a_role_that_may_not_connect_is_told_the_statement_that_lets_it(
    closing: str, reason: str, remedy: str, server: Server
) -> None:
    with reader(server) as (database, dsn):
        server.run_all([closing.format(database=database, role=QUOTED)])
        async with asking(dsn) as asked:
            with pytest.raises(SourceError) as caught:
                await asked.collect()
            expected = (reason, remedy.format(database=database, role=QUOTED))
            assert (caught.value.reason, caught.value.remedy) == expected
            server.run_all([caught.value.remedy])
            await asked.collect()
        server.run_all([f"revoke connect on database {database} from {QUOTED}"])


async def test_a_password_that_is_the_name_of_a_role_or_a_word_of_sql_spoils_no_statement(
    server: Server,
) -> None:
    server.run_all(["create role monitored login password 'GRANT'"])
    try:
        for password in ("monitored", "GRANT", "monitor", "pg_stat_statements"):
            server.run_all([f"alter role monitored password '{password}'"])
            async with asking(server.cluster.dsn("postgres", user="monitored", password=password)) as asked:
                await asked.collect()
                reached, gaps = await asked.source.inspect()
                printed = [redact(gap.remedy) for gap in gaps]
                assert 'GRANT pg_monitor TO "monitored";' in printed
                assert "as monitored" in redact(reached)
                assert redact(f"FATAL: {password}") == "FATAL: ***", "other texts are as safe as before"
                assert all(isinstance(gap.remedy, Verbatim) for gap in gaps if "GRANT" in gap.remedy)
    finally:
        server.run_all(["drop role monitored"])
