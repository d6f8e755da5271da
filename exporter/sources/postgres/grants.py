"""The GRANT that mends a refusal: the message names the object alone, so its schema and arguments are looked up."""

import re
from collections.abc import Awaitable, Callable, Sequence

from exporter.platform.values import Verbatim
from exporter.sources.postgres.quoting import literal, quoted

Ask = Callable[[str], Awaitable[list[Sequence[str]]]]
"""Runs a statement with pg_catalog alone in the search path, and returns its rows; NULL is an empty text."""

_REFUSED = re.compile(
    r"permission denied for (?:foreign )?"
    r"(table|view|materialized view|sequence|schema|function|procedure|aggregate) (.+)"
)
_RELATIONS = """
select n.nspname, c.relname, case c.relkind when 'S' then 'SELECT ON SEQUENCE' else 'SELECT ON' end,
       format('%I.%I', n.nspname, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not has_table_privilege(c.oid, 'SELECT') and {where}
order by 1, 2"""
_FUNCTIONS = """
select n.nspname, p.proname, 'EXECUTE ON FUNCTION',
       format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where p.prokind <> 'p' and not has_function_privilege(p.oid, 'EXECUTE') and {where}
order by 1, 2"""
_PATH = "select reset_val from pg_settings where name = 'search_path'"
_VIEW = "The owner of a view or function that it goes through needs the right, not this role."


async def mending(message: str, statement: str, user: str, ask: Ask) -> str | None:
    """Return the GRANTs, one a line, for what a `statement` of the role `user` was refused with `message`.

    None if the message, in another language perhaps, names nothing that is known here.
    """
    if (match := _REFUSED.search(message)) is None:
        return None
    kind, name = match.groups()
    granted: list[tuple[str, str]]
    if kind == "schema":
        where = f"n.nspname = {literal(name)}"
        inside = [*await ask(_RELATIONS.format(where=where)), *await ask(_FUNCTIONS.format(where=where))]
        named = [found for found in inside if _named(statement, found[0], found[1])]
        granted = [("USAGE ON SCHEMA", quoted(name)), *((found[2], found[3]) for found in named)]
    else:
        of, column = (_RELATIONS, "c.relname") if kind in _OF_RELATIONS else (_FUNCTIONS, "p.proname")
        found = await ask(of.format(where=f"{column} = {literal(name)}"))
        path = _schemas((await ask(_PATH))[0][0], user)
        granted = [(right, thing) for _, _, right, thing in _meant(found, statement, path)]
    if not granted:
        return _VIEW
    return Verbatim("\n".join(f"GRANT {right} {thing} TO {quoted(user)};" for right, thing in granted))


_OF_RELATIONS = ("table", "view", "materialized view", "sequence")


def _meant(found: list[Sequence[str]], statement: str, path: Sequence[str]) -> list[Sequence[str]]:
    """Return those that the statement names with their schema; else those in the first schema of the search path."""
    if named := [row for row in found if _named(statement, row[0], row[1])]:
        return named
    return next((here for schema in path if (here := [row for row in found if row[0] == schema])), [])


def _named(statement: str, schema: str, name: str) -> bool:
    """Say whether a statement holds `schema.name`, however it is quoted."""
    return re.search(rf'(?<![\w"]){_either(schema)}\s*\.\s*{_either(name)}(?![\w"])', statement) is not None


def _either(name: str) -> str:
    plain = rf"(?i:{re.escape(name)})|" if re.fullmatch(r"[^\W\d]\w*", name) and name == name.lower() else ""
    return f"(?:{plain}{re.escape(quoted(name))})"


def _schemas(setting: str, user: str) -> list[str]:
    """Read the setting search_path."""
    parts = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', setting)
    names = [quoted.replace('""', '"') or plain for quoted, plain in parts]
    return [user if name == "$user" else name for name in names]
