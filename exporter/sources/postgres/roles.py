"""The script that makes the role with which a server is monitored: the least rights that all collectors work with."""

from exporter.platform.conditions import Provider
from exporter.sources.postgres.health import TABLE
from exporter.sources.postgres.profiles import load
from exporter.sources.postgres.quoting import literal, quoted

CONNECTION_LIMIT = 5
"""The exporter keeps to three; a second exporter, or `check` beside one that runs, needs some too."""

_WHO = {
    "neon": "the role that owns the database (made in Neon's console, so that it may grant pg_monitor)",
    "supabase": "postgres, in the SQL editor or with psql on the direct host",
    "rds": "the master user",
    "aurora": "the master user",
    "cloudsql": "postgres, or another member of cloudsqlsuperuser",
    "generic": "a superuser, or a role with CREATEROLE that may grant pg_monitor and owns the objects",
}

_PASSWORD = "Then give it a password; psql's \\password sends no plain text: \\password {name}"  # noqa: S105  # an instruction, no password
_PASSWORD_NEON = (
    "Then give it a long random password; Neon takes plain text only: alter role {name} password '…';"  # noqa: S105  # as above
)


def script(provider: Provider, name: str, write_test: str | None = None) -> str:
    """Return the SQL that creates role `name`, or brings it up to date, with a comment for each step.

    `write_test` is the schema of the health check's write test, when that is wanted. The script holds no password.
    """
    profile = load(provider)
    role = quoted(name)
    where = "" if provider == "generic" else f" on {profile.title}"
    password = (_PASSWORD_NEON if provider == "neon" else _PASSWORD).format(name=role)
    parts = [
        f"-- The role of platform-exporter{where}: it reads statistics, and no data.\n"
        f"-- Run this as {_WHO[provider]}. It may be run again.",
        _SERVER.format(role=role, literal=literal(name), password=password, limit=CONNECTION_LIMIT),
        f"alter role {role} set default_transaction_read_only = on;"
        if write_test is None
        else f"alter role {role} reset default_transaction_read_only;",
        _MONITOR.format(role=role),
        _DATABASE.format(
            role=role,
            literal=literal(name),
            extension=_EXTENSION["supabase" if provider == "supabase" else "generic"],
        ),
    ]
    if write_test is not None:
        parts.append(_WRITE_TEST.format(role=role, schema=quoted(write_test), table=TABLE))
    return "\n\n".join(parts) + "\n"


_SERVER = """\
-- ---- Once for the server ----

do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = {literal}) then
    create role {role} login;
  end if;
end
$$;
-- {password}

-- Should the exporter ever go wrong, the server stops it.
alter role {role} connection limit {limit};
alter role {role} set statement_timeout = '30s';
alter role {role} set lock_timeout = '1s';
alter role {role} set idle_in_transaction_session_timeout = '1min';"""

_MONITOR = """\
-- Without it sessions of others have neither state nor wait event, and every count of them is wrong.
grant pg_monitor to {role};"""

_EXTENSION = {
    "supabase": """\
create extension if not exists pg_stat_statements with schema extensions;""",
    "generic": """\
-- It needs the library of this name in shared_preload_libraries.
create extension if not exists pg_stat_statements;""",
}

_DATABASE = """\
-- ---- In each database ----
-- Where PUBLIC may not connect, also: grant connect on database … to {role};

{extension}
-- Wherever it lies: its schema may be closed to others.
do $$
declare
  place name;
begin
  for place in
    select n.nspname from pg_catalog.pg_extension as e join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    where e.extname in ('pg_stat_statements', 'pg_buffercache', 'neon')
      and not has_schema_privilege({literal}, n.oid, 'USAGE')
  loop
    execute format('grant usage on schema %I to %I', place, {literal});
  end loop;
end
$$;

-- How far sequences are used up is shown to those who may read them. Reading them reads no table.
do $$
declare
  sequence regclass;
begin
  for sequence in
    select c.oid from pg_catalog.pg_class as c
    where c.relkind = 'S' and c.relpersistence <> 't' and pg_has_role(c.relowner, 'USAGE')
  loop
    execute format('grant select on sequence %s to %I', sequence, {literal});
  end loop;
end
$$;
-- Those that are made later by the role that runs this. If others make tables, for each of them: … for role NAME …
alter default privileges grant select on sequences to {role};"""

_WRITE_TEST = """\
-- ---- Write test, in the database of the connection string ----

create schema if not exists {schema};
create table if not exists {schema}.{table} (
  only_row boolean primary key check (only_row),
  written timestamptz not null
) with (fillfactor = 10);
grant usage on schema {schema} to {role};
grant select, insert, update on {schema}.{table} to {role};"""
