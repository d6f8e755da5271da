"""Postgres: statistics of the server and of its databases, and the team's own SQL.

One connection a server and a few more for its other databases, kept open; one read-only transaction a collection, sent
in one round trip. A collector that fails or is too slow takes nothing from the others.
"""

from typing import TYPE_CHECKING

from exporter.engine.source import Source
from exporter.sources.kind import SourceKind
from exporter.sources.postgres import families, health, neon
from exporter.sources.postgres.collector import builtin, own
from exporter.sources.postgres.config import Postgres
from exporter.sources.postgres.source import PostgresSource

if TYPE_CHECKING:
    from exporter.platform.model import Platform

__all__ = ["KIND", "Postgres", "PostgresSource"]


def _build(platform: "Platform") -> list[Source]:
    built: list[Source] = []
    for key, config in platform.section("postgres").items():
        assert isinstance(config, Postgres)
        queries = [own(name, query) for name, query in platform.queries.items() if query.database == key]
        built.append(PostgresSource(key, config, [*builtin(), *queries]))
    return built


KIND = SourceKind(
    name="postgres",
    config=Postgres,
    build=_build,
    families=(
        *families.FAMILIES,
        *neon.FAMILIES,
        *health.FAMILIES,
        *(column.family for collector in builtin() for column in collector.columns),
    ),
)
