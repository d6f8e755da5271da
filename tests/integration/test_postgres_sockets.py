"""A server that does not answer costs no socket for each attempt, also while no garbage collection comes by."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.engine.state import StateError
from exporter.engine.state import postgres as state_postgres
from exporter.engine.state.postgres import PostgresStore
from exporter.platform.values import Secret
from exporter.sources.pgbouncer import Pgbouncer, PgbouncerSource
from exporter.sources.postgres.connection import connect
from tests.support.postgres import PostgresCluster
from tests.support.postgres_source import MakeSource, query

DSN = Secret("env", "TEST_DSN")
ATTEMPTS = 4

Attempt = Callable[[], Awaitable[object]]


@pytest.fixture(autouse=True)
def no_garbage_collection() -> Iterator[None]:
    """Have nothing freed but what nobody refers to: an exporter whose sources hang makes few objects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def silent_dsn(silent_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    dsn = f"postgresql://somebody@127.0.0.1:{urlsplit(silent_server).port}/db"
    monkeypatch.setenv("TEST_DSN", dsn)
    return dsn


def sockets() -> int:
    """Count this process's sockets."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found += str(entry.readlink()).startswith("socket:")
    return found


async def fails(attempt: Attempt, after: int) -> None:
    """Attempt several times what must fail by a time-out, and leave no more sockets than `after`."""
    for number in range(ATTEMPTS):
        with pytest.raises((SourceError, StateError)) as caught:
            await attempt()
        assert "no connection within" in str(caught.value) or "timeout" in str(caught.value)
        assert sockets() == after, f"attempt {number + 1}"


# Below a second asyncio ends the attempt, above it psycopg does, whose limit is in whole seconds.
@pytest.mark.parametrize("timeout", [0.3, 1.5])
async def test_attempts_to_connect(timeout: float, silent_dsn: str) -> None:
    await fails(lambda: connect(DSN, timeout), sockets())


@pytest.mark.parametrize(
    ("option", "timeout", "longest"), [("", 8, 6), ("connect_timeout=2", 30, 8), ("connect_timeout=0", 8, 6)]
)
async def test_a_host_that_does_not_answer_leaves_time_for_the_next(
    option: str,
    timeout: float,
    longest: float,
    silent_dsn: str,
    own_postgres: PostgresCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, silent = urlsplit(own_postgres.dsn()), urlsplit(silent_dsn)
    hosts = f"127.0.0.1:{silent.port},127.0.0.1:{server.port}"
    monkeypatch.setenv("TEST_DSN", f"postgresql://postgres:{server.password}@{hosts}/postgres?{option}")
    before, began = sockets(), time.monotonic()
    connection = await connect(DSN, timeout)
    assert time.monotonic() - began < longest
    assert connection.info.port == server.port
    assert sockets() == before + 1
    await connection.close()


async def test_attempts_that_are_interrupted(silent_dsn: str) -> None:
    before = sockets()
    for _ in range(ATTEMPTS):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connect(DSN, 5)
        assert sockets() == before


@pytest.mark.parametrize("timeout", ["300ms", "1500ms"])
async def test_collections(timeout: str, silent_dsn: str, source: MakeSource) -> None:
    before = sockets()
    for subject in (
        source(silent_dsn, query(), timeout=timeout),
        PgbouncerSource("main", Pgbouncer.model_validate({"dsn": DSN, "timeout": timeout})),
    ):
        runner = Runner(subject, 1000, lambda: None, lambda *_: None)
        for _ in range(ATTEMPTS):
            await runner.collect()
            assert runner.error is not None
            assert runner.error.reason == "timeout"
            assert sockets() == before, subject.name


@pytest.mark.parametrize("timeout", [0.3, 1.5])
async def test_the_state_store(timeout: float, silent_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_postgres, "_LIMIT", timeout)
    store, before = PostgresStore(DSN, "p/e", lease=30), sockets()
    for _ in range(ATTEMPTS):
        with pytest.raises(StateError):
            await store.read("a")
        assert sockets() == before
    await store.close()


async def test_a_frozen_server_is_told_to_stop_over_no_lasting_socket(
    own_postgres: PostgresCluster, source: MakeSource
) -> None:
    subject, before = source(own_postgres.dsn(), query(), timeout="30s"), sockets()
    for _ in range(2):
        subject.timeout = 30
        await subject.collect()
        own_postgres.freeze()
        subject.timeout = 0.5
        try:
            for _ in range(2):
                with pytest.raises(SourceError):
                    await subject.collect()
            await subject.close()  # waits for what tells the server to stop
            assert sockets() == before
        finally:
            own_postgres.thaw()
