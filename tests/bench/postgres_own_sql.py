"""Our collectors as own SQL of the exporters that have none built in: query-exporter and sql_exporter."""

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from exporter.platform.conditions import Facts
from exporter.sources.postgres.collector import Collector, builtin
from exporter.sources.postgres.facts import discover


@dataclass(frozen=True, slots=True)
class _Query:
    """A statement: numbers by the name of their metric, and texts by the name of their label."""

    name: str
    sql: str
    metrics: list[str]
    labels: tuple[str, ...]


def for_query_exporter(dsn: str, every: float, collectors: Collection[str]) -> dict[str, object]:
    """Write `collectors` as query-exporter's configuration."""
    metrics: dict[str, object] = {}
    queries: dict[str, object] = {}
    for query in _queries(dsn, collectors):
        queries[query.name] = {
            "databases": ["main"],
            "metrics": query.metrics,
            "interval": _seconds(every),
            "sql": query.sql.replace(":", "\\:"),
        }
        for metric in query.metrics:
            metrics[metric] = {"type": "gauge", **({"labels": list(query.labels)} if query.labels else {})}
    address = dsn.replace("postgresql://", "postgresql+psycopg2://")
    return {"databases": {"main": {"dsn": address}}, "metrics": metrics, "queries": queries}


def for_sql_exporter(dsn: str, every: float, collectors: Collection[str]) -> dict[str, object]:
    """Write `collectors` as sql_exporter's configuration: a family for each query, the metric's name a label."""
    queries = [
        {
            "name": query.name,
            "help": query.name,
            "labels": list(query.labels),
            "values": query.metrics,
            "query": query.sql,
        }
        for query in _queries(dsn, collectors)
    ]
    address = dsn.replace("postgresql://", "postgres://") + "?sslmode=disable"
    job = {"name": "main", "interval": f"{_seconds(every)}s", "connections": [address], "queries": queries}
    return {"jobs": [job]}


def _seconds(every: float) -> int:
    return max(1, int(every))


def _queries(dsn: str, collectors: Collection[str]) -> Iterator[_Query]:
    """Yield the statements. Neither knows a pivot, so settings are one family with a label."""
    facts, count = asyncio.run(_facts(dsn)), 0
    for collector in builtin():
        if collector.name in collectors and collector.applies(facts):
            nothing = {"platform_roles": "array[]::text[]", "known": "array[]::int8[]"}
            sql = collector.sql(facts, nothing, 50_000, packs=False).decode()
            for labels, columns in _by_labels(collector).items():
                values = [f"({value})::float8 as {metric}" for metric, value in columns]
                given = [
                    f"coalesce(({_source(collector, label)})::text, '') as \"{label}\"" for label in labels
                ]
                yield _Query(
                    f"{collector.name}_{count}",
                    f"select {', '.join([*values, *given])} from ({sql}) as rows",
                    [metric for metric, _ in columns],
                    labels,
                )
                count += 1


def _source(collector: Collector, label: str) -> str:
    """Return the column of a label, or what our exporter puts in by itself."""
    return (
        "current_database()"
        if collector.statement.scope == "database" and label == "datname"
        else f'"{label}"'
    )


def _by_labels(collector: Collector) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Return (metric, column) by labels: it wants one set of labels a query."""
    if collector.statement.pivot:
        return {("name",): [("pg_settings", "value")]}
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for column in collector.columns:
        found.setdefault(column.family.labels[1:], []).append((column.family.name, column.value))
    return found


async def _facts(dsn: str) -> Facts:
    conditions: Sequence[str] = [condition for collector in builtin() for condition in collector.conditions()]
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with connection:
        return (await discover(connection, conditions, "generic", time.monotonic() + 30)).facts
