"""The product's database: roles, tables, the history before the demo began, and the daily tidying."""

import asyncio
import logging
import time
from importlib.resources import files

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from exporter.demo.history.story import DAY, usual

logger = logging.getLogger(__name__)

TIDY_EVERY_SECONDS = 300.0


async def prepare_server(admin_url: str, product_url: str, exporter_url: str) -> None:
    """As superuser: the two roles with the passwords of their URLs, their grants, and pg_stat_statements.

    The exporter may read statistics (pg_monitor) and, for the team's own queries, the product's tables.
    """
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as connection:
        await connection.execute("create extension if not exists pg_stat_statements")
        product = await _create_role(
            connection, product_url, limit=-1
        )  # nobody has thought of it, until the leak
        exporter = await _create_role(connection, exporter_url, limit=20)
        database = sql.Identifier(connection.info.dbname)
        for statement in (
            sql.SQL("alter database {} owner to {}").format(database, product),
            sql.SQL("alter schema public owner to {}").format(product),
            sql.SQL("grant pg_monitor to {}").format(exporter),
            sql.SQL("grant usage on schema public to {}").format(exporter),
            sql.SQL(
                "alter default privileges for role {} in schema public grant select on tables to {}"
            ).format(product, exporter),
            sql.SQL(
                "alter default privileges for role {} in schema public grant select on sequences to {}"
            ).format(product, exporter),
            sql.SQL("alter role {} set default_transaction_read_only = on").format(exporter),
        ):
            await connection.execute(statement)


async def _create_role(
    connection: psycopg.AsyncConnection[tuple[object, ...]], url: str, *, limit: int
) -> sql.Identifier:
    parts = conninfo_to_dict(url)
    name, password = str(parts["user"]), str(parts["password"])
    cursor = await connection.execute("select 1 from pg_roles where rolname = %s", [name])
    verb = sql.SQL("alter" if await cursor.fetchone() else "create")
    role = sql.Identifier(name)
    await connection.execute(
        sql.SQL("{} role {} login connection limit {} password {}").format(
            verb, role, sql.Literal(limit), sql.Literal(password)
        )
    )
    return role


async def prepare_product(product_url: str) -> None:
    """Create the tables, and the history when there are no customers yet."""
    async with await psycopg.AsyncConnection.connect(product_url, connect_timeout=10) as connection:
        await connection.execute(_script("schema.sql"))
        cursor = await connection.execute("select exists (select from organizations)")
        row = await cursor.fetchone()
        if row is not None and not row[0]:
            await connection.execute(_script("history.sql"))
            now = time.time()
            factors = [of_day(now, ago) for ago in range(_DAYS_OF_CALLS + 1)]
            await connection.execute(_RHYTHM, {"factors": factors})
    async with await psycopg.AsyncConnection.connect(product_url, autocommit=True) as connection:
        await connection.execute("analyze")


async def forget_statements(admin_url: str) -> None:
    """As superuser: forget the statements that made the demo, which are none of its work."""
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as connection:
        await connection.execute("select pg_stat_statements_reset()")


# The tables were filled evenly; the calls of each day are those that its rhythm leads to, of today by now.
_DAYS_OF_CALLS = 61
_RHYTHM = """
    update daily_calls set calls = round(calls * factor), seconds = round(seconds * factor)
    from unnest(%(factors)s::float8[]) with ordinality as f (factor, number)
    where day = current_date - (number - 1)::integer
"""


def of_day(now: float, ago: int) -> float:
    """Return the calls of the day (UTC) that many days ago, as a multiple of what there were at the present pace.

    Of today those until now.
    """
    steps = 96
    midnight = (now // DAY - ago) * DAY
    length = min(DAY, now - midnight)
    return sum(usual(now, midnight + length * (step + 0.5) / steps) for step in range(steps)) / steps


async def tidy_forever(product_url: str) -> None:
    """Keep the tables bounded, however long the demo runs; while the database is down, try again later."""
    while True:
        await asyncio.sleep(TIDY_EVERY_SECONDS)
        try:
            async with await psycopg.AsyncConnection.connect(product_url, connect_timeout=5) as connection:
                for statement in _TIDYING:
                    await connection.execute(statement)
        except psycopg.Error as error:
            logger.warning("tidying waits for the database: %s", type(error).__name__)


_TIDYING = (
    "update calls set status = 'failed', ended_at = now(), duration_seconds = 0"
    " where status = 'in_progress' and started_at < now() - interval '10 minutes'",
    "delete from calls where id <= (select max(id) from calls) - 100000 and status <> 'in_progress'",
    "delete from organizations where cancelled_at < now() - interval '30 days'",
    "delete from organizations where id in (select id from organizations where cancelled_at is not null"
    " order by cancelled_at desc offset 2000)",
    "delete from support_tickets where closed_at < now() - interval '30 days'",
    "delete from feature_use where day < current_date - 60",
)


def _script(name: str) -> bytes:
    return files("exporter.demo").joinpath("sql", name).read_bytes()
