"""What a role may not see of a server, and the GRANT for each: asked by `check`, of the catalogue."""

import re
from collections.abc import Callable, Sequence

from exporter.engine.source import Gap
from exporter.platform.values import Verbatim
from exporter.sources.postgres.answers import OutOfTime
from exporter.sources.postgres.grants import mending
from exporter.sources.postgres.quoting import array, quoted
from exporter.sources.postgres.refusal import READ_ONLY
from exporter.sources.postgres.session import Session

_CLOSED = """
select datname from pg_database
where datallowconn and not datistemplate and datconnlimit <> -2 and not has_database_privilege(oid, 'CONNECT')
order by 1"""
_SEQUENCES = """
select n.nspname, count(*)
from pg_sequence as s
join pg_class as c on c.oid = s.seqrelid
join pg_namespace as n on n.oid = c.relnamespace
where c.relpersistence <> 't' and not has_sequence_privilege(s.seqrelid, 'USAGE,SELECT')
  and not pg_get_userbyid(c.relowner) = any ({ignored})
group by 1 order by 1"""
_TABLES = """
select n.nspname, count(*)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.reltuples > 0
  and c.relpages * current_setting('block_size')::float8 > 1048576
  and n.nspname not in ('pg_catalog', 'information_schema') and not has_any_column_privilege(c.oid, 'SELECT')
  and not pg_get_userbyid(c.relowner) = any ({ignored})
group by 1 order by 1"""

_LATER = "It has its turn in another collection. `platform-exporter explain` shows how long it takes."


async def gaps_of(session: Session, deadline: float) -> list[Gap]:
    """Return what failed or is not seen in one database. Raises SourceError."""
    server = session.server
    if server is None:
        return []

    async def ask(statement: str) -> list[Sequence[str]]:
        return await session.rows(statement, deadline)

    found: list[Gap] = []
    for run in session.runs:
        if run.error is None:
            continue
        if isinstance(run.error, OutOfTime):
            found.append(
                Gap(f"{run.collector.name}: not asked to its end in this run: {run.error}", _LATER, True)
            )
            continue
        remedy = run.error.remedy
        if run.error.reason == "permission" and remedy != READ_ONLY:
            text = session.statement(run).decode(errors="replace")
            remedy = await mending(str(run.error), text, server.user, ask) or remedy
        found.append(Gap(f"{run.collector.name}: {run.error}", remedy))
    found += [
        Gap(
            f"{run.collector.name}: cut at its limit of {run.limit:,} rows",
            "Have its statement return fewer, or raise its `limit:`.",
            True,
        )
        for run in session.runs
        if run.truncated and run.error is None
    ]
    running = {run.collector.name for run in session.runs if run.succeeded is not None}
    ignored = array(session.profile.platform_roles)
    for collector, statement, what, objects, optional in (
        (
            "sequences",
            _SEQUENCES,
            "sequences of {}: how far they are used up is not seen",
            "SEQUENCES",
            False,
        ),
        (
            "table_bloat",
            _TABLES,
            "tables of {}: their bloat is not seen by who may not read them",
            "TABLES",
            True,
        ),
    ):
        if collector not in running:
            continue
        for schema, count in await ask(statement.format(ignored=ignored)):
            found.append(
                Gap(
                    Verbatim(f"{count} {what.format(schema)}"),
                    Verbatim(
                        f"GRANT SELECT ON ALL {objects} IN SCHEMA {quoted(schema)} TO {quoted(server.user)};"
                    ),
                    optional,
                )
            )
    return found


def left_out(session: Session) -> Gap | None:
    """Return the one role that would have run what is left out, None when nothing is."""
    if session.server is None or not session.gaps:
        return None
    role = "pg_monitor" if "pg_monitor" in session.gaps else next(iter(session.gaps))  # it contains the other
    names = sorted(name for names in session.gaps.values() for name in names)
    return Gap(
        Verbatim(
            f"{role}: without it these are left out, which would be silently wrong: " + ", ".join(names)
        ),
        Verbatim(f"GRANT {role} TO {quoted(session.server.user)};"),
    )


async def closed(session: Session, wanted: Callable[[str], bool], deadline: float) -> list[Gap]:
    """Return the databases that are to be collected from and that the role may not connect to. Raises SourceError."""
    assert session.server is not None, "it has collected"
    return [
        Gap(
            Verbatim(f"database {name}: the role may not connect"),
            Verbatim(f"GRANT CONNECT ON DATABASE {quoted(name)} TO {quoted(session.server.user)};"),
        )
        for (name,) in await session.rows(_CLOSED, deadline)
        if wanted(name)
    ]


def inside(database: str, gap: Gap) -> Gap:
    """Say of a gap in which database it is, and so where its statement is to be run."""
    where = " ".join(database.split())
    remedy = gap.remedy
    if isinstance(remedy, Verbatim):
        remedy = Verbatim(re.sub(r";(?=\n|\Z)", lambda _: f";  -- in database {where}", remedy))
    missing = f"database {where}: {gap.missing}"
    return Gap(Verbatim(missing) if isinstance(gap.missing, Verbatim) else missing, remedy, gap.optional)
