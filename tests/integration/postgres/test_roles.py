"""The role that `sql-role` makes: enough for every collector and for nothing else, whoever makes it."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from exporter.platform.conditions import Provider
from exporter.sources.postgres.roles import CONNECTION_LIMIT, script
from tests.integration.postgres.support import Asked, Server, asking

NAME = 'made\'s "role"'
PASSWORD = "made-password"
TABLES = (
    "create extension pg_stat_statements",
    "create table customers (id serial primary key, name text)",
    "create table calls (id bigint generated always as identity primary key)",
    "select nextval('customers_id_seq')",
)


def run(script: str, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())


def set_password(server: Server) -> None:
    server.cluster.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(NAME), sql.Literal(PASSWORD))
    )


def drop(server: Server, database: str) -> None:
    for name in (database, "postgres"):
        server.cluster.execute(sql.SQL("drop owned by {}").format(sql.Identifier(NAME)), name)
    server.cluster.execute(sql.SQL("drop role {}").format(sql.Identifier(NAME)))


def dsn(server: Server, database: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=server.cluster.port, user=NAME, password=PASSWORD, dbname=database
    )


async def lacks_nothing(asked: Asked) -> None:
    samples = await asked.collect()
    assert await asked.gaps() == []
    assert samples.failing() == {}
    assert samples.all("pg_exporter_permission_missing") == {}
    assert set(samples.all("pg_sequences_unreadable").values()) <= {0.0}


@pytest.mark.parametrize("write_test", [None, "platform_exporter"])
async def test_made_by_a_superuser_it_lacks_nothing(server: Server, write_test: str | None) -> None:
    with server.database(*TABLES) as database:
        try:
            for _ in range(2):  # it may be run again
                run(script("generic", NAME, write_test), server.cluster.dsn(database))
            set_password(server)
            health = {"write_test": {"schema": write_test}} if write_test else {}
            async with asking(
                dsn(server, database), databases={"include": [database]}, health=health
            ) as asked:
                await lacks_nothing(asked)
        finally:
            drop(server, database)


@pytest.mark.parametrize("provider", ["neon", "rds"])
async def test_made_by_one_who_may_create_roles_it_lacks_nothing(server: Server, provider: Provider) -> None:
    """As on managed servers: no superuser, but pg_monitor with the right to grant it, and owner of the tables."""
    server.run("create role owner login createrole password 'owner'")
    server.run("grant pg_monitor to owner with admin option")
    with server.database("create extension pg_stat_statements") as database:
        server.cluster.execute(sql.SQL("alter database {} owner to owner").format(sql.Identifier(database)))
        server.run("grant create on schema public to owner", database)
        owner = server.cluster.dsn(database, user="owner", password="owner")
        try:
            for statement in TABLES[1:]:
                run(statement, owner)
            for _ in range(2):
                run(script(provider, NAME, "platform_exporter"), owner)
            set_password(server)
            health: dict[str, Any] = {"write_test": {}}
            async with asking(
                dsn(server, database), databases={"include": [database]}, health=health
            ) as asked:
                await lacks_nothing(asked)
        finally:
            drop(server, database)
            server.run("reassign owned by owner to postgres", database)
            server.run("drop owned by owner", database)
    server.run("drop owned by owner", "postgres")
    server.run("drop role owner")


async def test_an_extension_in_a_closed_schema_is_readable(server: Server) -> None:
    tables = ('create schema "Ex t"', 'create extension pg_stat_statements schema "Ex t"', *TABLES[1:])
    with server.database(*tables) as database:
        try:
            run(script("generic", NAME), server.cluster.dsn(database))
            set_password(server)
            async with asking(dsn(server, database), databases={"include": [database]}) as asked:
                await lacks_nothing(asked)
            server.cluster.execute(
                sql.SQL('revoke usage on schema "Ex t" from {}').format(sql.Identifier(NAME)), database
            )
            async with asking(dsn(server, database), databases={"include": [database]}) as asked:
                await asked.collect()
                remedies = {gap.remedy for gap in await asked.gaps()}
            assert remedies == {'GRANT USAGE ON SCHEMA "Ex t" TO "made\'s ""role""";'}
        finally:
            drop(server, database)


async def test_it_may_do_nothing_else(server: Server) -> None:
    forbidden = {
        "select * from customers": "permission denied",
        "create table public.mine (i int)": "permission denied|read-only",
        "create table platform_exporter.mine (i int)": "permission denied",
        "select setval('customers_id_seq', 1)": "permission denied",
        "insert into platform_exporter.write_test values (false, now())": "check constraint",
        "delete from platform_exporter.write_test": "permission denied",
        "truncate platform_exporter.write_test": "permission denied",
    }
    with server.database(*TABLES, "revoke create on schema public from public") as database:
        try:
            run(script("generic", NAME, "platform_exporter"), server.cluster.dsn(database))
            set_password(server)
            with psycopg.connect(dsn(server, database), autocommit=True) as connection:
                for statement, refusal in forbidden.items():
                    with pytest.raises(psycopg.Error, match=refusal):
                        connection.execute(statement.encode())
                [shown] = connection.execute("show statement_timeout").fetchall()
                assert shown == ("30s",)
            [(limit,)] = server.cluster.execute(
                sql.SQL("select rolconnlimit from pg_roles where rolname = {}").format(NAME)
            )
            assert limit == CONNECTION_LIMIT
        finally:
            drop(server, database)


def test_sequences_made_later_are_readable_too(server: Server) -> None:
    with server.database(*TABLES) as database:
        try:
            run(script("generic", NAME), server.cluster.dsn(database))
            server.run("create sequence later", database)
            readable = sql.SQL("select has_sequence_privilege({}, 'later', 'select')").format(NAME)
            assert server.cluster.execute(readable, database) == [(True,)]
        finally:
            drop(server, database)
