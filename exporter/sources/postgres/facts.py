"""What a server has: asked from its catalogue once a connection, so that each statement fits it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.pq.abc import PGresult

from exporter.platform.conditions import Extension, Facts, names
from exporter.sources.postgres.pipeline import ask
from exporter.sources.postgres.quoting import array
from exporter.sources.postgres.transaction import BEGIN, END

_BASICS = """
select current_setting('server_version_num'), current_setting('server_version'), pg_is_in_recovery(),
       current_setting('is_superuser'), current_database(), current_user"""
_RELATIONS = """
select c.relname, a.attname
from pg_catalog.pg_class as c
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relname = any ({names})
  and (c.relnamespace = 'pg_catalog'::regnamespace
       or exists (select from pg_catalog.pg_depend as d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))"""
_FUNCTIONS = """
select p.proname, bool_or(has_function_privilege(p.oid, 'EXECUTE')) from pg_catalog.pg_proc as p
where p.proname = any ({names})
  and (has_function_privilege(p.oid, 'EXECUTE') or has_function_privilege('pg_monitor', p.oid, 'EXECUTE'))
  and (p.pronamespace = 'pg_catalog'::regnamespace or p.proowner = 10
       or exists (select from pg_catalog.pg_depend as d
                  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
group by 1"""
_ROLES = """
select rolname from pg_catalog.pg_roles where rolname = any ({names}) and pg_has_role(oid, 'USAGE')"""
_EXTENSIONS = """
select e.extname, e.extversion, quote_ident(n.nspname)
from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace"""
_DATABASES = """
select datname, datallowconn and not datistemplate and datconnlimit <> -2 and has_database_privilege(oid, 'CONNECT')
from pg_catalog.pg_database where not datistemplate order by datname"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server seen from one database."""

    facts: Facts
    version: str
    """As the server writes it, with what its packager added."""
    database: str
    user: str
    databases: dict[str, bool]
    """Every database but templates, and whether one can connect to it."""
    withheld: frozenset[str]
    """Functions that only members of pg_monitor may execute."""


async def discover(
    connection: psycopg.AsyncConnection[tuple[object, ...]],
    conditions: Iterable[str],
    provider: str,
    deadline: float,
) -> Server:
    """Ask the catalogue for what the conditions speak of: one round trip.

    Raises:
        psycopg.Error: the server refuses.
        TimeoutError: no answer before `deadline`, which is of the monotonic clock.
    """
    texts = list(conditions)
    roles = {*names(texts, "member"), "pg_monitor", "pg_read_all_stats"}
    statements = (
        _BASICS,
        _RELATIONS.format(names=array(names(texts, "relation"))),
        _FUNCTIONS.format(names=array(names(texts, "function"))),
        _ROLES.format(names=array(sorted(roles))),
        _EXTENSIONS,
        _DATABASES,
    )
    segments = [BEGIN, *([statement.encode()] for statement in statements), END]
    answers = await ask(connection, segments, deadline)
    for answer in answers:
        if answer.error is not None:
            raise answer.error
    if len(answers) < len(segments):
        raise TimeoutError
    tables = [rows(answer.result) for answer in answers[1:-1]]
    basics, relations, functions, members, extensions, databases = tables
    number, version, standby, superuser, database, user = basics[0]
    return Server(
        Facts(
            version=int(number),
            standby=standby == "t",
            superuser=superuser == "on",
            relations=frozenset(
                {relation for relation, _ in relations}
                | {f"{relation}.{column}" for relation, column in relations}
            ),
            functions=frozenset(name for name, allowed in functions if allowed == "t"),
            roles=frozenset(row[0] for row in members),
            extensions={name: Extension(_numbers(text), schema) for name, text, schema in extensions},
            provider=provider,
        ),
        version,
        database,
        user,
        {name: connectable == "t" for name, connectable in databases},
        frozenset(name for name, allowed in functions if allowed != "t"),
    )


def rows(result: PGresult | None) -> list[Sequence[str]]:
    """Read an answer as texts; NULL is an empty one."""
    assert result is not None, "an answer without an error has a result"
    return [
        [(result.get_value(row, column) or b"").decode(errors="replace") for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]


def _numbers(version: str) -> tuple[int, ...]:
    """Read an extension's version as far as it consists of numbers: 1.10 → (1, 10)."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
