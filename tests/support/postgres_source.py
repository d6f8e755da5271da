"""A Postgres source with own SQL, for tests of how it asks."""

import pytest

from exporter.platform.queries import Query
from exporter.platform.values import Secret
from exporter.sources.postgres import Postgres, PostgresSource
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


def source(
    monkeypatch: pytest.MonkeyPatch, dsn: str, *collectors: Collector, **keys: object
) -> PostgresSource:
    monkeypatch.setenv("TEST_DSN", dsn)
    config = {"dsn": Secret("env", "TEST_DSN"), "every": "100ms", "timeout": "5s", **keys}
    return PostgresSource("main", Postgres.model_validate(config), collectors)


async def collect(subject: PostgresSource) -> Families:
    return {family.name: samples for family, samples in await subject.collect()}
