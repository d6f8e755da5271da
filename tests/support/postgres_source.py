"""A Postgres source with own SQL, for tests of how it asks."""

from typing import Protocol

from exporter.platform.queries import Query
from exporter.sources.postgres import PostgresSource
from exporter.sources.postgres.collector import Collector
from exporter.sources.postgres.collector import own as own_query

Families = dict[str, dict[tuple[str, ...], float]]


def query(name: str = "mine", **keys: object) -> Collector:
    """Return own SQL that gives the gauge of its name, 1 unless `keys` say otherwise."""
    text = {
        "title": "Mine",
        "database": "main",
        "every": "100ms",
        "sql": "select 1 as value",
        "metrics": {name: {"type": "gauge", "help": "Mine.", "value": "value"}},
        **keys,
    }
    return own_query(name, Query.model_validate(text))


class MakeSource(Protocol):
    """What the fixture `source` is: makes a source that is closed when the test is over."""

    def __call__(self, dsn: str, *collectors: Collector, **keys: object) -> PostgresSource:
        """Return the source of a server; `keys` are those of its part of the platform file."""


async def collect(subject: PostgresSource) -> Families:
    return {family.name: samples for family, samples in await subject.collect()}
