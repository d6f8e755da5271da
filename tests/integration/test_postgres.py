"""The Postgres source against a real server: what it exports, what it survives, what it says when refused."""

import time
from pathlib import Path

import httpx
import psycopg
import pytest

from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.platform.queries import Metric, Query
from exporter.platform.values import Duration, Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import Collector, builtin
from exporter.sources.postgres.collector import own as own_query
from exporter.sources.postgres.dsn import is_remote
from tests.integration.support import exporter
from tests.support.postgres import PostgresCluster
from tests.support.process import free_port, wait_until

PLATFORM = """
platform: test
sources:
  postgres:
    main: {dsn: "${env:TEST_DSN}", every: 500ms, timeout: 1s}
"""


def source(
    monkeypatch: pytest.MonkeyPatch, dsn: str, *collectors: Collector, timeout: float = 30
) -> PostgresSource:
    monkeypatch.setenv("TEST_DSN", dsn)
    config = Postgres(dsn=Secret("env", "TEST_DSN"), every=Duration(15), timeout=Duration(timeout))
    return PostgresSource("main", config, [*builtin(), *collectors])


def own(sql: str, timeout: float = 1) -> Collector:
    metric = Metric(type="gauge", help="Mine.", value="value", labels=["kind"])
    query = Query(
        title="Mine",
        database="main",
        sql=sql,
        every=Duration(0.1),
        timeout=Duration(timeout),
        metrics={"mine": metric},
    )
    return own_query("mine", query)


async def test_what_a_server_tells(
    shared_postgres: PostgresCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = source(monkeypatch, database)
    with psycopg.connect(database) as other:
        other.execute("select 1")
        families = {family.name: samples for family, samples in await subject.collect()}
    name = database.rpartition("/")[2]
    [(connections,)] = shared_postgres.execute("select current_setting('max_connections')::float8")
    assert families["pg_up"] == {("main",): 1.0}
    sessions = {labels[1:3]: value for labels, value in families["pg_stat_activity_count"].items() if value}
    assert sessions[name, "idle in transaction"] == 1.0
    assert families["pg_settings_max_connections"] == {("main",): connections}
    assert families["pg_database_size_bytes"]["main", name] > 1_000_000
    commits = families["pg_stat_database_xact_commit"]
    assert any(labels[2] == name for labels in commits)
    assert set(families["pg_scrape_collector_success"].values()) == {1.0}
    reached, gaps = await subject.inspect()
    assert reached.startswith("PostgreSQL 15.")
    assert [gap.remedy for gap in gaps] == ["CREATE EXTENSION pg_stat_statements;"]
    await subject.close()


async def test_a_collector_that_fails_takes_nothing_from_the_others(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = own("select pg_sleep(60), 1 as value, 'a' as kind", timeout=0.1)
    subject = source(monkeypatch, database, slow, timeout=60)
    started = time.monotonic()
    families = {family.name: samples for family, samples in await subject.collect()}
    assert time.monotonic() - started < 20
    assert families["pg_scrape_collector_success"]["main", "queries.mine"] == 0.0
    assert families["pg_scrape_collector_success"]["main", "stat_database"] == 1.0
    assert "mine" not in families
    await subject.close()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select 1 as valeu, 'a' as kind", "returns no column value"),
        ("select 'many' as value, 'a' as kind", "not a number"),
        ("selec 1", "syntax error"),
        ("select 1 as value, 'a' as kind from nowhere", "does not exist"),
        ("select nextval('counter') as value, 'a' as kind", "read-only transaction"),
        ("select 1 as value, 'a' as kind; drop table t", "syntax error"),
        ("select 1 as value, 'a' as kind union all select 2, 'a'", "two rows have the same kind"),
    ],
)
async def test_own_sql_that_cannot_work_says_why(
    sql: str, says: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database) as other:
        other.execute("create sequence counter")
    subject = source(monkeypatch, database, own(sql))
    await subject.collect()
    _, gaps = await subject.inspect()
    assert says in gaps[0].missing
    await subject.close()


async def test_null_is_absent_and_not_zero(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = source(
        monkeypatch, database, own("select * from (values (null::int, 'a'), (0, 'b')) as rows (value, kind)")
    )
    families = {family.name: samples for family, samples in await subject.collect()}
    assert families["mine"] == {("main", "b"): 0.0}
    await subject.close()


async def test_missing_grants_are_told_as_statements(
    shared_postgres: PostgresCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = database.rpartition("/")[2]
    shared_postgres.execute("drop role if exists bare")
    shared_postgres.execute("create role bare login password 'bare-password'")
    shared_postgres.execute("create table secret_table (i int)", name)
    subject = source(
        monkeypatch,
        shared_postgres.dsn(name, user="bare", password="bare-password"),
        own("select count(*) as value, 'a' as kind from secret_table"),
    )
    await subject.collect()
    _, gaps = await subject.inspect()
    assert [gap.remedy for gap in gaps][:2] == [
        'GRANT SELECT ON public.secret_table TO "bare";',
        'GRANT pg_monitor TO "bare";',
    ]
    await subject.close()


async def test_why_a_server_cannot_be_reached(
    shared_postgres: PostgresCluster, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, name = shared_postgres.port, database.rpartition("/")[2]
    for statement in (
        "drop database if exists closed",
        "drop database if exists shut",
        "drop role if exists sleeper",
        "drop role if exists stranger",
        "create role sleeper nologin password 'x'",
        "create role stranger login password 'x'",
        "create database closed",
        "revoke connect on database closed from public",
        "create database shut with allow_connections false",
    ):
        shared_postgres.execute(statement)
    cases = {
        f"host=127.0.0.1 port={free_port()} dbname=x": "connect",
        "host=nowhere.invalid dbname=x": "dns",
        f"host=127.0.0.1 port={port} user=postgres password=wrong-canary dbname={name}": "auth",
        f"host=127.0.0.1 port={port} user=postgres password={shared_postgres.password} dbname=nothing": "rejected",
        f"host=127.0.0.1 port={port} user=postgres password=x dbname={name} sslmode=require": "tls",
        f"host=127.0.0.1 port={port} user=postgres password=x dbname={name} sslmode=bogus": "rejected",
        f"host=127.0.0.1 port={port} user=sleeper password=x dbname={name}": "auth",
        f"host=127.0.0.1 port={port} user=stranger password=x dbname=closed": "permission",
        f"host=127.0.0.1 port={port} user=stranger password=x dbname=shut": "rejected",
        "this is no connection string": "rejected",
    }
    for dsn, reason in cases.items():
        subject = source(monkeypatch, dsn, timeout=30)
        with pytest.raises(SourceError) as caught:
            await subject.collect()
        assert (dsn, caught.value.reason) == (dsn, reason)
        assert "wrong-canary" not in str(caught.value)
        await subject.close()


async def test_no_connection_left(own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    own_postgres.execute("create role visitor login password 'visitor-password' connection limit 1")
    dsn = own_postgres.dsn("postgres", user="visitor", password="visitor-password")
    with psycopg.connect(dsn):
        subject = source(monkeypatch, dsn)
        with pytest.raises(SourceError) as caught:
            await subject.collect()
    assert caught.value.reason == "too_many_connections"


async def test_one_connection_and_it_is_taken_up_again_after_a_restart(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = source(monkeypatch, own_postgres.dsn())
    runner = Runner(subject, 1000, lambda: None, lambda *_: None)
    count = "select count(*) from pg_stat_activity where application_name = 'platform-exporter'"
    for _ in range(5):
        await runner.collect()
    assert own_postgres.execute(count) == [(1,)]
    own_postgres.stop()
    own_postgres.start()
    await runner.collect()
    assert runner.error is None, "a connection that died in between costs no failure"
    await subject.close()
    wait_until(lambda: own_postgres.execute(count) == [(0,)], 30, "the session to end")


def percentiles(url: str) -> tuple[float, float]:
    """Scrape 1,000 times; return the 50th and the 99th percentile in seconds."""
    took = []
    with httpx.Client(trust_env=False) as client:
        for _ in range(1000):
            started = time.perf_counter()
            assert client.get(url).status_code == 200
            took.append(time.perf_counter() - started)
    took.sort()
    return took[500], took[990]


def test_frozen_server_and_silent_endpoint_leave_scrapes_instant(
    own_postgres: PostgresCluster, silent_server: str, tmp_path: Path
) -> None:
    """A database that hangs and an API that never answers are metrics; /metrics stays instant."""
    platform = PLATFORM + f"  health: {{api: {{url: '{silent_server}', every: 500ms, timeout: 1s}}}}\n"
    with exporter(platform, tmp_path, TEST_DSN=own_postgres.dsn()) as subject:
        subject.wait_value(1.0, "pg_up", target="main")
        own_postgres.freeze()
        subject.wait_value(0.0, "pg_up", target="main")
        median, slow = percentiles(f"{subject.url}/metrics")
        print(f"1,000 scrapes: p50 {median * 1000:.2f} ms, p99 {slow * 1000:.2f} ms")
        assert slow < 0.5, "a scrape waits for no source; how fast it is, the benchmark says"
        for name in ("postgres.main", "health.api"):
            subject.wait_value(1.0, "platform_exporter_source_failing", source=name, reason="timeout")
        subject.wait_value(None, "pg_settings_max_connections", target="main")
        own_postgres.thaw()
        subject.wait_value(1.0, "pg_up", target="main")
        subject.wait_value(
            0.0, "platform_exporter_source_failures_total", source="postgres.main", reason="internal"
        )


def test_a_server_that_stops_and_starts_is_one_metric_and_no_crash(
    own_postgres: PostgresCluster, tmp_path: Path
) -> None:
    with exporter(PLATFORM, tmp_path, TEST_DSN=own_postgres.dsn()) as subject:
        born = subject.value("process_start_time_seconds")
        own_postgres.stop()
        subject.wait_value(0.0, "pg_up", target="main")
        failing = {
            dict(labels)["reason"]
            for name, labels in subject.series()
            if name == "platform_exporter_source_failing"
        }
        assert failing <= {"connect", "starting_up"}
        own_postgres.start()
        subject.wait_value(1.0, "pg_up", target="main")
        assert subject.value("process_start_time_seconds") == born


@pytest.mark.parametrize(
    ("host", "remote"),
    [("", False), ("/run/postgresql", False), ("localhost", False), ("127.0.0.1", False), ("::1", False),
     ("10.0.0.5", True), ("db.example", True)],
)  # fmt: skip
def test_which_hosts_are_remote(host: str, remote: bool) -> None:
    assert is_remote(host) is remote
