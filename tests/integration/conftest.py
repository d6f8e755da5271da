"""Servers that misbehave, and sources of Postgres."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.platform.values import Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import Collector
from tests.support.postgres_source import MakeSource


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Return the URL of a server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture
async def source(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeSource]:
    """Return what makes a Postgres source; those that it made are closed after the test."""
    made: list[PostgresSource] = []

    def make(dsn: str, *collectors: Collector, **keys: object) -> PostgresSource:
        monkeypatch.setenv("TEST_DSN", dsn)
        config = {"dsn": Secret("env", "TEST_DSN"), "every": "100ms", "timeout": "5s", **keys}
        made.append(PostgresSource("main", Postgres.model_validate(config), collectors))
        return made[-1]

    yield make
    for subject in made:
        await subject.close()
