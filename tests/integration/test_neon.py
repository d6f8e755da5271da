"""A Neon database behind its control plane: who is asked, who is not, and what the exporter says meanwhile."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from starlette.responses import PlainTextResponse

from exporter.demo.limiter import WindowLimiter
from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.platform.values import Duration, Secret
from exporter.sources.postgres import Postgres, PostgresSource, neon_api
from exporter.sources.postgres.collector import builtin
from exporter.sources.postgres.neon_api import ControlPlane, control_plane
from tests.integration.support import exporter
from tests.support.asgi import serving
from tests.support.neon import KEY, PROJECT, Compute, NeonApi
from tests.support.postgres import PostgresCluster
from tests.support.process import wait_until


class Listener:
    """A port that counts who connects, and hangs up on them."""

    def __init__(self) -> None:
        self.connects = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"postgresql://u:p@127.0.0.1:{self.port}/db"

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            self.connects += 1
            connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    subject = Listener()
    yield subject
    subject.close()


@pytest.fixture
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the control plane asked at each collection."""
    monkeypatch.setattr(neon_api, "KEPT", 0.0)


@contextmanager
def api(*computes: Compute, limiter: WindowLimiter | None = None) -> Iterator[tuple[NeonApi, str]]:
    subject = NeonApi(*computes, limiter=limiter)
    with serving(subject.app) as url:
        yield subject, f"{url}/api/v2"


def source(
    monkeypatch: pytest.MonkeyPatch, url: str, dsn: str, compute: Compute, on_api_error: str = "skip"
) -> PostgresSource:
    monkeypatch.setenv("TEST_DSN", dsn)
    monkeypatch.setenv("NEON_API_KEY", KEY)
    config = Postgres.model_validate(
        {
            "dsn": Secret("env", "TEST_DSN"),
            "provider": "neon",
            "timeout": Duration(5),
            "neon": {
                "project": PROJECT,
                "endpoint": compute.id,
                "api_key": "${env:NEON_API_KEY}",
                "url": url,
                "on_api_error": on_api_error,
            },
        }
    )
    return PostgresSource("main", config, builtin())


async def said(runner: Runner) -> dict[str, dict[tuple[str, ...], float]]:
    """Collect once, and return what is shown then."""
    await runner.collect()
    return {family.name: samples for part in runner.snapshot() for family, samples in part}


def runner(subject: PostgresSource) -> Runner:
    return Runner(subject, 5000, lambda: None, lambda *_: None)


async def test_a_sleeping_compute_sees_nobody(
    listener: Listener, always_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Compute()
    with api(compute) as (control, url):
        subject = runner(source(monkeypatch, url, listener.dsn, compute))
        for _ in range(20):
            families = await said(subject)
            assert "pg_up" not in families
            assert families["pg_scrape_skipped"]["main", "suspended"] == 1
            assert families["neon_endpoint_state"]["main", compute.id, "idle"] == 1
            assert subject.error is None
        reached, gaps = await subject.source.inspect()
        assert (reached, gaps) == ("nothing but Neon's control plane: suspended", [])
    assert listener.connects == 0
    assert control.asked == 20
    assert control.refused == []


async def test_only_who_was_active_after_the_last_collection_is_a_reason_to_connect(
    listener: Listener, always_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it saw itself keeps nothing awake; somebody else's statement is one."""
    compute = Compute()
    with api(compute) as (_, url):
        subject = runner(source(monkeypatch, url, listener.dsn, compute))
        compute.use()
        await subject.collect()
        assert listener.connects == 1, "nothing is known at the start, so it looks once"
        for _ in range(10):
            families = await said(subject)
            assert families["pg_scrape_skipped"]["main", "only_self_active"] == 1
            assert "pg_up" not in families
        assert listener.connects == 1
        now = compute.clock()
        compute.clock = lambda: now + 60
        compute.use()
        assert (await said(subject))["pg_up"] == {("main",): 0.0}, (
            "it hangs up on everybody, and that is down"
        )
        assert listener.connects == 2


async def test_a_real_server_is_not_touched_while_nobody_uses_it(
    shared_postgres: PostgresCluster, database: str, always_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Compute()
    sessions = f"select sessions from pg_stat_database where datname = '{database.rpartition('/')[2]}'"
    with api(compute) as (_, url):
        subject = runner(source(monkeypatch, url, database, compute))
        compute.use()
        families = await said(subject)
        assert families["pg_up"] == {("main",): 1.0}
        before = wait_until(lambda: shared_postgres.execute(sessions), 10, "sessions")
        for _ in range(5):
            families = await said(subject)
            assert "pg_up" not in families
            assert families["pg_scrape_last_success_timestamp_seconds"]
            assert families["pg_database_size_bytes"], "what changes slowly still holds"
            assert "pg_stat_activity_count" not in families
        assert shared_postgres.execute(sessions) == before


async def test_who_is_connected_and_active_keeps_it_collected_from(
    database: str, always_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in the database, where an application of another role is at work; its own role does not count."""
    compute = Compute()
    with api(compute) as (_, url), psycopg.connect(database, autocommit=True) as admin:
        admin.execute("drop role if exists application")
        admin.execute("create role application login password 'application'")
        theirs = database.replace("postgres:", "application:", 1)
        theirs = theirs.replace(theirs.split("@")[0].rpartition(":")[2], "application")
        compute.use()
        idle = runner(source(monkeypatch, url, database, compute))
        await said(idle)
        assert "pg_up" not in await said(idle), "the sessions of the own role do not count"
        subject = runner(source(monkeypatch, url, database, compute))
        with psycopg.connect(theirs, autocommit=True) as application:
            for _ in range(5):
                application.execute("select 1")
                assert (await said(subject))["pg_up"] == {("main",): 1.0}, "though Neon tells of nobody"
        await idle.source.close()
        await subject.source.close()
        admin.execute("drop role application")


async def test_without_an_answer_the_database_is_left_alone_and_the_source_says_why(
    listener: Listener, always_anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Compute()
    with api(compute) as (control, url):
        subject = runner(source(monkeypatch, url, listener.dsn, compute))
        control.outage = PlainTextResponse("bad gateway", 502)
        families = await said(subject)
        assert "pg_up" not in families
        assert families["pg_scrape_skipped"]["main", "api_error"] == 1
        assert families["platform_exporter_source_failing"] == {("postgres.main", "http_status"): 1}
    assert listener.connects == 0


async def test_asked_all_the_same_check_says_that_the_control_plane_is_silent(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Compute()
    with api(compute) as (control, url):
        asked = source(monkeypatch, url, database, compute, on_api_error="scrape")
        control.outage = PlainTextResponse("bad gateway", 502)
        assert (await said(runner(asked)))["pg_up"] == {("main",): 1.0}
        _, gaps = await asked.inspect()
        assert [gap.missing for gap in gaps if "Neon" in gap.missing] == [
            f"Neon's control plane: Neon answers HTTP 502 for project {PROJECT}"
        ]
        await asked.close()


@pytest.mark.parametrize(
    ("key", "project", "reason", "says"),
    [
        ("napi_wrong", PROJECT, "auth", "HTTP 401"),
        (KEY, "cold-moon-10203040", "rejected", "project not found"),
    ],
)
async def test_refusals(
    key: str, project: str, reason: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEON_API_KEY", key)
    with api(Compute()) as (_, url), pytest.raises(SourceError, match=says) as caught:
        await ControlPlane(url, project, Secret("env", "NEON_API_KEY")).endpoints()
    assert caught.value.reason == reason
    assert caught.value.remedy
    assert key not in str(caught.value)


async def test_over_the_limit_it_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEON_API_KEY", KEY)
    monkeypatch.setattr(neon_api, "KEPT", 0.0)
    now = [1000.0]
    with api(Compute(), limiter=WindowLimiter(1, 3600)) as (control, url):
        subject = ControlPlane(url, PROJECT, Secret("env", "NEON_API_KEY"), lambda: now[0])
        await subject.endpoints()
        for _ in range(10):
            with pytest.raises(SourceError) as caught:
                await subject.endpoints()
            assert (caught.value.reason, caught.value.retry_after) == ("rate_limited", 7.0)
        assert control.asked == 2
        now[0] += 7
        with pytest.raises(SourceError):
            await subject.endpoints()
        assert control.asked == 3


async def test_the_databases_of_a_project_share_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEON_API_KEY", KEY)
    key = Secret("env", "NEON_API_KEY")
    first, second = Compute(), Compute(id="ep-warm-breeze-654321", suspend_timeout=-1)
    with api(first, second) as (control, url):
        planes = [control_plane(url, PROJECT, key) for _ in range(2)]
        listings = [await plane.endpoints() for plane in planes for _ in range(3)]
        assert planes[0] is planes[1]
        assert control.asked == 1
        assert [endpoint.id for endpoint in listings[0].endpoints] == [first.id, second.id]
        assert [endpoint.suspend_timeout for endpoint in listings[0].endpoints] == [300, None]
        assert control_plane(url, PROJECT, Secret("env", "ANOTHER_KEY")) is not planes[0]


async def test_a_rotated_key_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neon_api, "KEPT", 0.0)
    file = tmp_path / "key"
    file.write_text("napi_revoked")
    with api(Compute()) as (_, url):
        plane = ControlPlane(url, PROJECT, Secret("file", str(file)))
        with pytest.raises(SourceError):
            await plane.endpoints()
        file.write_text(KEY)
        assert (await plane.endpoints()).endpoints
        file.unlink()
        with pytest.raises(SourceError, match="cannot be read"):
            await plane.endpoints()


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"endpoints": [{}]}', '{"endpoints": 3}', "<html>"])
async def test_an_answer_that_is_none(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEON_API_KEY", KEY)
    with api(Compute()) as (control, url):
        control.outage = PlainTextResponse(body)
        with pytest.raises(SourceError) as caught:
            await ControlPlane(url, PROJECT, Secret("env", "NEON_API_KEY")).endpoints()
    assert caught.value.reason == "parse"


def test_asleep_there_is_no_pg_up_in_what_prometheus_scrapes(listener: Listener, tmp_path: Path) -> None:
    compute = Compute()
    with api(compute) as (_, url):
        platform = f"""
platform: test
sources:
  postgres:
    main:
      dsn: "${{env:TEST_DSN}}"
      every: 500ms
      timeout: 5s
      neon: {{project: {PROJECT}, endpoint: {compute.id}, api_key: "${{env:NEON_API_KEY}}", url: "{url}"}}
"""
        with exporter(platform, tmp_path, TEST_DSN=listener.dsn, NEON_API_KEY=KEY) as subject:
            subject.wait_value(1.0, "pg_scrape_skipped", target="main", reason="suspended")
            assert subject.value("pg_up", target="main") is None
            assert subject.value("platform_exporter_source_up", source="postgres.main") == 1.0
            assert KEY not in subject.log.read_text()
    assert listener.connects == 0
