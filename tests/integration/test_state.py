"""The state store: the same promises from SQLite and from Postgres, and what each says when it cannot keep them."""

import asyncio
import secrets
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from exporter.engine.leader import Leadership
from exporter.engine.state import Conflict, Entry, StateError, StateStore
from exporter.engine.state.postgres import GRANTS, SCHEMA, PostgresStore
from exporter.engine.state.sqlite import SqliteStore
from exporter.platform.values import Secret
from tests.support.postgres import PostgresCluster

Opener = Callable[[], StateStore]


def postgres(
    monkeypatch: pytest.MonkeyPatch, dsn: str, *, lease: float = 30, platform: str = "p/e"
) -> PostgresStore:
    monkeypatch.setenv("STATE_DSN", dsn)
    return PostgresStore(Secret("env", "STATE_DSN"), platform, lease=lease)


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Return how to get a store on the same place, again and again."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "folder" / "state.sqlite")
    dsn = request.getfixturevalue("database")
    return lambda: postgres(monkeypatch, dsn)


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[StateStore]:
    subject = opener()
    await subject.open()
    yield subject
    await subject.close()


async def test_what_was_written_is_read(store: StateStore) -> None:
    assert await store.read("a") is None
    assert await store.write("a", b"one", 0) == 1
    assert await store.write("a", b"\x00two\xff", 1) == 2
    assert await store.write("b", b"", 0) == 1
    entry = await store.read("a")
    assert entry == Entry(b"\x00two\xff", 2)
    assert 0 <= entry.age < 60
    assert await store.read("b") == Entry(b"", 1)
    large = secrets.token_bytes(4 << 20)
    assert await store.write("a", large, 2) == 3
    assert await store.read("a") == Entry(large, 3)
    assert store.up is True


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_who_has_not_seen_the_last_write_cannot_write(store: StateStore, version: int) -> None:
    await store.write("a", b"one", 0)
    await store.write("a", b"two", 1)
    with pytest.raises(Conflict):
        await store.write("a", b"lost", version)
    with pytest.raises(Conflict):
        await store.write("never written", b"lost", 1)
    assert await store.read("a") == Entry(b"two", 2)
    assert store.up is True


async def test_it_is_there_after_a_restart(opener: Opener) -> None:
    for version in range(3):
        store = opener()
        await store.open()
        entry = await store.read("a")
        assert (entry.version if entry else 0) == version
        await store.write("a", str(version).encode(), version)
        await store.close()


async def test_many_who_count_lose_nothing(store: StateStore) -> None:
    async def count() -> None:
        for _ in range(20):
            while True:
                entry = await store.read("n")
                value, version = (int(entry.value), entry.version) if entry else (0, 0)
                try:
                    await store.write("n", str(value + 1).encode(), version)
                except Conflict:
                    continue
                break

    await asyncio.gather(*(count() for _ in range(5)))
    assert await store.read("n") == Entry(b"100", 100)


async def test_what_is_interrupted_was_written_or_not_and_nothing_else(store: StateStore) -> None:
    version, began = 0, time.monotonic()
    await store.write("b", b"whole" * 10_000, 0)
    whole = time.monotonic() - began
    for step in range(40):
        value = str(step).encode() * 10_000
        task = asyncio.create_task(store.write("a", value, version))
        await asyncio.sleep(step / 20 * whole)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        entry = await store.read("a")
        assert entry is None or entry.version in (version, version + 1)
        if entry is not None and entry.version > version:
            assert entry.value == value
            version = entry.version
    assert version > 0


# SQLite


async def test_each_write_is_on_disk_in_a_folder_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.sqlite"
    store = SqliteStore(path)
    await store.open()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store._connection is not None
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert await store.lead()
    await store.close()


async def test_a_second_exporter_on_the_same_file_is_told(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "s.sqlite"), SqliteStore(tmp_path / "s.sqlite")
    await first.open()
    with pytest.raises(StateError, match="another exporter uses the state in") as told:
        await second.open()
    assert "--state-dir" in told.value.remedy
    await first.close()
    await second.open()
    await second.close()


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / "file" / "folder" / "s.sqlite")
    with pytest.raises(StateError, match=r"cannot be kept in .*: Not a directory") as told:
        await store.open()
    assert "--state-dir" in told.value.remedy
    assert store.up is False
    await store.close()


async def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"rubbish" * 1000)
    store = SqliteStore(path)
    with pytest.raises(StateError, match="not a database") as told:
        await store.open()
    assert "move the file away" in told.value.remedy
    await store.close()
    assert path.read_bytes() == b"rubbish" * 1000


async def test_a_disk_that_is_full_is_a_failure_and_no_loss(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite")
    await store.open()
    await store.write("a", b"kept", 0)
    assert store._connection is not None
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="full") as told:
        await store.write("a", secrets.token_bytes(1 << 20), 1)
    assert "disk has room" in told.value.remedy
    assert store.up is False
    assert await store.read("a") == Entry(b"kept", 1)
    store._connection.execute("PRAGMA max_page_count = 100000")
    assert await store.write("a", b"goes on", 1) == 2
    assert store.up is True
    await store.close()
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# Postgres


async def test_two_that_start_together_make_the_schema_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [postgres(monkeypatch, database) for _ in range(6)]
    written = await asyncio.gather(*(store.write("a", b"", 0) for store in stores), return_exceptions=True)
    assert sorted(map(str, written)) == ["1", "a", "a", "a", "a", "a"], "one wrote, the others had conflicts"
    await asyncio.gather(*(store.close() for store in stores))


async def test_platforms_in_one_database_do_not_meet(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (postgres(monkeypatch, database, platform=name) for name in ("a/production", "a/staging"))
    await one.write("k", b"1", 0)
    assert await other.read("k") is None
    assert await one.lead()
    assert await other.lead()
    await one.close()
    await other.close()


async def test_missing_rights_are_told_as_the_statements_that_give_them(
    shared_postgres: PostgresCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = database.rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS keeper")
        owner.execute("CREATE ROLE keeper LOGIN PASSWORD 'keeper-password'")
        store = postgres(monkeypatch, shared_postgres.dsn(name, user="keeper", password="keeper-password"))
        with pytest.raises(StateError, match="permission denied for database") as told:
            await store.write("a", b"", 0)
        _, _, statements = told.value.remedy.partition(": ")
        assert "keeper-password" not in statements
        owner.execute(statements.encode())
        assert await store.write("a", b"1", 0) == 1
        assert await store.write("a", b"2", 1) == 2
        assert await store.lead()
        await store.close()
        owner.execute(sql.SQL("DROP OWNED BY keeper; DROP ROLE keeper"))


def test_the_document_has_the_statements() -> None:
    document = (Path(__file__).parents[2] / "docs" / "state.md").read_text()
    assert SCHEMA + GRANTS.format(role='"exporter"') in document


async def test_a_server_that_ends_is_a_failure_until_it_is_back(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = postgres(monkeypatch, own_postgres.dsn())
    await store.write("a", b"1", 0)
    own_postgres.stop(immediate=True)
    with pytest.raises(StateError):
        await store.read("a")
    assert store.up is False
    own_postgres.start()
    assert await store.read("a") == Entry(b"1", 1)
    own_postgres.stop()
    own_postgres.start()
    assert await store.write("a", b"2", 1) == 2, "a connection that died while idle is no failure"
    assert store.up is True
    own_postgres.freeze()
    started = time.monotonic()
    answers = await asyncio.gather(*(store.read("a") for _ in range(20)), return_exceptions=True)
    assert {f"{type(answer).__name__}: {answer}" for answer in answers} == {
        "StateError: the state's Postgres did not answer within 5 s"
    }
    assert time.monotonic() - started < 20, "who waits for the store fails together"
    own_postgres.thaw()
    assert await store.read("a") == Entry(b"2", 2)
    await store.close()


async def test_what_a_frozen_server_writes_late_is_as_old_as_it_is(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the statement when it goes on, though nobody waits for the answer any more."""
    store = postgres(monkeypatch, own_postgres.dsn())
    assert await store.lead()
    await store.write("a", b"1", 0)
    own_postgres.freeze()
    started = time.monotonic()
    with pytest.raises(StateError):
        await store.write("a", b"2", 1)
    frozen = time.monotonic() - started
    own_postgres.thaw()
    async with asyncio.timeout(60):
        while (entry := await store.read("a")) == Entry(b"1", 1):  # noqa: ASYNC110  # the server's event, not ours
            await asyncio.sleep(0.01)
    assert entry == Entry(b"2", 2)
    assert entry is not None
    assert frozen - 1 < entry.age < time.monotonic() - started + 1, "two clocks, told apart by a round trip"
    await store.close()


async def test_a_secret_that_is_not_there_is_told_at_the_start() -> None:
    store = PostgresStore(Secret("env", "NO_SUCH_STATE_DSN"), "p/e", lease=10)
    with pytest.raises(StateError, match="NO_SUCH_STATE_DSN is not set"):
        await store.open()


async def test_one_leads_until_it_gives_up_or_falls_silent(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (postgres(monkeypatch, database, lease=3) for _ in range(2))
    assert [await one.lead(), await other.lead(), await one.lead()] == [True, False, True]
    await one.close()
    assert await other.lead(), "handed over at once"
    assert not await one.lead()
    await asyncio.sleep(3.1)
    assert await one.lead(), "the other was silent for longer than the lease"
    assert not await other.lead()
    await one.close()
    await other.close()


async def test_a_leader_that_is_cut_off_stops_leading_before_another_begins(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = postgres(monkeypatch, own_postgres.dsn(), lease=5)
    leadership = Leadership(store, lambda: None)
    await leadership.renew()
    assert leadership.role == "leader"
    own_postgres.stop(immediate=True)
    await leadership.renew()
    roles = [leadership.role]
    await asyncio.sleep(5)
    assert [*roles, leadership.role] == ["leader", "alone"], "it leads as long as its lease holds"
    metrics = {family.name: samples[()] for family, samples in leadership.collected()}
    assert metrics == {"platform_exporter_leader": 0.0, "platform_exporter_state_up": 0.0}
    await store.close()
