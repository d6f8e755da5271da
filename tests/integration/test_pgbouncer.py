"""pgbouncer's admin console: what is exported of it, on the oldest version that is packaged and on the newest."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from exporter.engine.source import SourceError
from exporter.platform.values import Duration, Secret
from exporter.sources.pgbouncer import KIND, Pgbouncer, PgbouncerSource
from tests.integration.support import exporter
from tests.support.pgbouncer import Pgbouncer as Pooler
from tests.support.pgbouncer import installed, newest, pgbouncer
from tests.support.postgres import PostgresCluster
from tests.support.process import free_port

LATER = {
    "pgbouncer_stats_totals_client_parses_total",
    "pgbouncer_stats_totals_server_parses_total",
    "pgbouncer_stats_totals_binds_total",
    "pgbouncer_stats_totals_server_assignments_total",
}
"""Families of columns that came after 1.18."""


@pytest.fixture(scope="module", params=[installed, newest], ids=["installed", "newest"])
def server(request: pytest.FixtureRequest, shared_postgres: PostgresCluster) -> Iterator[Pooler]:
    with pgbouncer(
        shared_postgres, request.param, default_pool_size="1", max_user_connections="7"
    ) as subject:
        yield subject


def source(monkeypatch: pytest.MonkeyPatch, dsn: str, *, clients: bool = False) -> PgbouncerSource:
    monkeypatch.setenv("TEST_DSN", dsn)
    return PgbouncerSource(
        "main", Pgbouncer(dsn=Secret("env", "TEST_DSN"), timeout=Duration(5), clients=clients)
    )


async def test_what_the_console_tells(server: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = source(monkeypatch, server.console, clients=True)
    with psycopg.connect(server.dsn(), application_name="shop") as client:
        client.execute("select 1")
        families = {family.name: samples for family, samples in await subject.collect()}
    [(_, version)] = families["pgbouncer_version_info"]
    old = version.startswith("PgBouncer 1.18")
    declared = {family.name for family in KIND.families}
    assert declared - families.keys() == (LATER if old else set())
    assert families["pgbouncer_up"] == {("main",): 1}
    assert families["pgbouncer_pools_server_active_connections"]["main", "postgres", "postgres"] == 1
    assert (
        families["pgbouncer_databases_pool_size"][
            "main", "postgres", "127.0.0.1", str(server.server.port), "postgres", "", ""
        ]
        == 1
    )
    assert families["pgbouncer_config_max_client_connections"] == {("main",): 100}
    assert families["pgbouncer_config_max_user_connections"] == {("main",): 7}
    assert families["pgbouncer_stats_totals_queries_pooled_total"]["main", "postgres"] >= 1
    assert families["pgbouncer_client_connections"]["main", "postgres", "postgres", "shop", "active"] == 1
    reached, gaps = await subject.inspect()
    assert reached.startswith("PgBouncer 1.")
    assert gaps == []
    await subject.close()


async def test_a_client_that_waits_is_seen_to_the_microsecond(
    server: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = source(monkeypatch, server.console)
    with psycopg.connect(server.dsn()) as holder:
        holder.execute("select 1")
        waiter = await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True)
        waiter.pgconn.send_query(b"select 1")
        waited: list[float] = []
        for _ in range(200):
            families = {family.name: samples for family, samples in await subject.collect()}
            if families["pgbouncer_pools_client_waiting_connections"]["main", "postgres", "postgres"]:
                waited.append(
                    families["pgbouncer_pools_client_maxwait_seconds"]["main", "postgres", "postgres"]
                )
            if waited and waited[-1] % 1:
                break
        assert waited, "it was seen waiting"
        assert waited[-1] % 1, "also within the first second"
    await waiter.close()
    await subject.close()


async def test_one_connection_that_is_taken_up_again(
    shared_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pgbouncer(shared_postgres) as server:
        subject = source(monkeypatch, server.console)
        await subject.collect()
        first = subject._connection
        await subject.collect()
        assert subject._connection is first
        assert first is not None
        first.pgconn.finish()
        await subject.collect()
        assert subject._connection is not first
    with pytest.raises(SourceError) as caught:
        await subject.collect()
    assert caught.value.reason == "connect"
    down = {family.name: samples for family, samples in subject.down()}
    assert down == {"pgbouncer_up": {("main",): 0.0}}


async def test_why_it_cannot_be_asked(server: Pooler, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {
        f"postgresql://stats:wrong@127.0.0.1:{server.port}/pgbouncer": "auth",
        f"postgresql://stats:x@127.0.0.1:{free_port()}/pgbouncer": "connect",
        f"postgresql://nobody:x@127.0.0.1:{server.port}/pgbouncer": "auth",
    }
    for dsn, reason in cases.items():
        with pytest.raises(SourceError) as caught:
            await source(monkeypatch, dsn).collect()
        assert (dsn, caught.value.reason) == (dsn, reason)


def test_as_a_part_of_the_platform(shared_postgres: PostgresCluster, tmp_path: Path) -> None:
    platform = """
platform: test
sources:
  pgbouncer:
    main: {dsn: "${env:CONSOLE_DSN}", every: 500ms, timeout: 5s}
"""
    with (
        pgbouncer(shared_postgres) as server,
        exporter(platform, tmp_path, CONSOLE_DSN=server.console) as subject,
    ):
        subject.wait_value(1.0, "pgbouncer_up", target="main")
        assert subject.value("pgbouncer_databases", target="main") is not None
