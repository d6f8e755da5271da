"""From an alert to the public page: the real Alertmanager, the exporter, and a stand-in as strict as Statuspage."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from exporter.demo.names import STATUSPAGE_KEY, STATUSPAGE_PATH
from exporter.engine.source import SourceError
from exporter.engine.state import MemoryStore, StateStore
from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.statuspage import source as status_page
from exporter.statuspage.alertmanager import Alertmanager as Ask
from exporter.statuspage.client import PACE, StatuspageClient
from exporter.statuspage.source import StatusPageSource
from tests.integration.support import exporter
from tests.support.alertmanager import Alertmanager, Sinks, alertmanager, sinks, write_secrets
from tests.support.canned import canned, http
from tests.support.forky import forky_binary
from tests.support.process import free_port, wait_until
from tests.support.programs import binary

PLATFORM = """
platform: shop
environment: test
monitoring:
  exporter: "${env:TEST_EXPORTER:-localhost:9780}"
  alertmanager: "${env:TEST_ALERTMANAGER:-http://127.0.0.1:9}"
services:
  api: {title: API, question: "Does it answer?", signals: {health: api}, depends_on: [postgres.main]}
sources:
  postgres: {main: {title: Database, dsn: "${env:DATABASE_URL}", every: 10m}}
  health: {api: {title: API, url: "http://127.0.0.1:9/health", every: 10m}}
alerting:
  timing: {group_wait: 0s100ms, group_interval: 1s}
  status_page:
    page: demo
    api_key: "${file:statuspage_api_key}"
    token: "${file:status_page_token}"
    components: {api: cmpapi, postgres.main: cmpdatabase}
    after: 1s
    dry_run: false
    url: "${env:TEST_SINKS}STATUSPAGE"
""".replace("STATUSPAGE", STATUSPAGE_PATH).replace("0s100ms", "100ms")


DOCUMENT = PLATFORM.replace(
    "health: {api:", 'health: {all: {url: "http://127.0.0.1:9/all", every: 10m}, api:'
).replace(
    "components: {api: cmpapi, postgres.main: cmpdatabase}",
    "components: {api: cmpapi, health.all: cmpapi, health.all/redis: cmpcache, health.all/mail: cmpmail}",
)
"""The document health.all belongs to no service; its checks have components of their own."""

ALL = {"service": "health.all", "source": "health.all"}
UNHEALTHY = {
    **ALL,
    "alertname": "HealthUnhealthy",
    "priority": "p1",
    "kind": "symptom",
    "severity": "critical",
}
CHECK = {
    **ALL,
    "alertname": "HealthCheckUnhealthy",
    "priority": "p2",
    "kind": "cause",
    "severity": "critical",
}
REDIS, MAIL = {**CHECK, "check": "redis"}, {**CHECK, "check": "mail"}
OVER = "2026-01-01T00:00:00Z"


@pytest.fixture(params=["packaged", "newest"])
def program(request: pytest.FixtureRequest) -> Path:
    """Debian stable's Alertmanager (0.25), and forky's."""
    return binary("alertmanager") if request.param == "packaged" else forky_binary("alertmanager")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sinks]:
    with sinks() as running:
        write_secrets(tmp_path / "secrets", running)
        (tmp_path / "secrets" / "statuspage_api_key").write_text(STATUSPAGE_KEY)
        monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path / "secrets"))
        monkeypatch.setenv("TEST_SINKS", running.url)
        monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
        for key, name in (("cmpcache", "Cache"), ("cmpmail", "Mail")):
            running.page.components[key] = {**running.page.components["cmpapi"], "id": key, "name": name}
        yield running


@pytest.fixture
def platform(here: Sinks, tmp_path: Path) -> Platform:
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM)
    return load(file)


def source(
    platform: Platform,
    store: StateStore,
    *,
    after: float = 0,
    alertmanager: str = "http://127.0.0.1:9",
    **changes: Any,
) -> StatusPageSource:
    """Return the source as it is after a start of the exporter, without the pace of real requests."""
    page = platform.alerting.status_page
    assert page is not None
    page = page.model_copy(update={"after": after, **changes})
    alerting = platform.alerting.model_copy(update={"status_page": page})
    found = StatusPageSource(
        platform.model_copy(update={"alerting": alerting}),
        page,
        StatuspageClient(page, 5, pace=0),
        Ask(alertmanager, 5),
    )
    found.keep_in(store)
    return found


def call(service: str, priority: str, status: str = "firing", **labels: str) -> bytes:
    """Return what Alertmanager sends about one group. `labels`: source and check, where the group has them."""
    group = {"service": service, "priority": priority, **labels}
    alert = {"status": status, "labels": group, "annotations": {}}
    return orjson.dumps({"version": "4", "status": status, "groupLabels": group, "alerts": [alert]})


def shown(here: Sinks, *keys: str) -> dict[str, str]:
    wanted = keys or ("cmpapi", "cmpdatabase")
    return {key: here.page.components[key]["status"] for key in wanted}


async def test_components_and_one_incident_follow_the_alerts(platform: Platform, here: Sinks) -> None:
    page = source(platform, MemoryStore())
    await page.receive(call("postgres.main", "p1"))
    await page.collect()
    assert shown(here) == {"cmpapi": "major_outage", "cmpdatabase": "major_outage"}
    [incident] = here.page.incidents.values()
    assert incident["name"] == "API and Database: not available"
    assert (incident["status"], incident["impact_override"]) == ("investigating", "critical")
    assert "reason" not in str(incident), "nothing of the inside is told outside"
    await page.receive(call("postgres.main", "p1", "resolved"))
    collected = await page.collect()
    assert shown(here) == {"cmpapi": "operational", "cmpdatabase": "operational"}
    assert incident["status"] == "resolved"
    assert dict(collected)[status_page.INCIDENT] == {(): 0.0}
    await page.close()


async def test_what_was_said_is_not_said_again(platform: Platform, here: Sinks) -> None:
    store = MemoryStore()
    for _ in range(3):  # each round a new process
        page = source(platform, store)
        await page.receive(call("api", "p2"))
        await page.collect()
        await page.close()
    assert [item["title"] for item in here.arrived("statuspage")] == ["API", "API: partly unavailable"]


async def test_a_state_must_last(platform: Platform, here: Sinks) -> None:
    page = source(platform, MemoryStore(), after=3600)
    await page.receive(call("api", "p1"))
    collected = dict(await page.collect())
    assert here.arrived("statuspage") == []
    assert collected[status_page.PENDING] == {("api",): 0.0, ("postgres.main",): 0.0}
    await page.close()


async def test_the_incident_of_a_process_that_was_killed_is_found_again(
    platform: Platform, here: Sinks
) -> None:
    page = source(platform, MemoryStore())
    await page.receive(call("api", "p1"))
    await page.collect()
    await page.close()
    again = source(platform, MemoryStore())  # the state was lost with the process, or never written
    await again.receive(call("api", "p1"))
    await again.collect()
    assert len(here.page.incidents) == 1
    await again.close()


async def test_people_are_not_contradicted(platform: Platform, here: Sinks) -> None:
    page = source(platform, MemoryStore())
    here.page.components["cmpapi"]["status"] = "under_maintenance"
    await page.receive(call("api", "p1"))
    await page.collect()
    assert shown(here)["cmpapi"] == "under_maintenance"
    for incident in here.page.incidents.values():
        incident["status"] = "resolved"  # by hand
    await page.receive(call("postgres.main", "p1"))
    await page.collect()
    assert [incident["status"] for incident in here.page.incidents.values()] == ["resolved"]
    await page.close()


async def test_a_rehearsal_asks_nothing_and_is_forgotten_when_it_ends(
    platform: Platform, here: Sinks
) -> None:
    store = MemoryStore()
    rehearsal = source(platform, store, dry_run=True)
    await rehearsal.receive(call("api", "p1"))
    collected = dict(await rehearsal.collect())
    assert here.arrived("statuspage") == []
    assert collected[status_page.LEVEL]["api",] == 3
    await rehearsal.close()
    real = source(platform, store)
    await real.receive(call("api", "p1"))
    await real.collect()
    assert shown(here)["cmpapi"] == "major_outage"
    await real.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"page": "another"}, "rejected"), ({"components": {"api": "cmpnone"}}, "rejected")],
)
async def test_what_the_vendor_refuses_is_told(
    platform: Platform, here: Sinks, changes: dict[str, Any], reason: str
) -> None:
    page = source(platform, MemoryStore(), **changes)
    await page.receive(call("api", "p1"))
    with pytest.raises(SourceError) as caught:
        await page.collect()
    assert (caught.value.reason, bool(caught.value.remedy)) == (reason, True)
    assert dict(page.down())[status_page.PENDING]["api",] == 1
    await page.close()


async def test_a_wrong_key_is_told_without_the_key(platform: Platform, here: Sinks, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "statuspage_api_key").write_text("hunter2-canary")
    page = source(platform, MemoryStore())
    await page.receive(call("api", "p1"))
    with pytest.raises(SourceError, match="Could not authenticate") as caught:
        await page.collect()
    assert caught.value.reason == "auth"
    assert "hunter2" not in str(caught.value)
    assert (await page.inspect())[1][0].missing.startswith("auth: ")
    (tmp_path / "secrets" / "statuspage_api_key").unlink()
    with pytest.raises(SourceError, match="cannot be read") as caught:
        await page.collect()
    assert (caught.value.reason, bool(caught.value.remedy)) == ("auth", True)
    await page.close()


async def test_a_check_names_what_is_wrong_and_changes_nothing(platform: Platform, here: Sinks) -> None:
    page = source(platform, MemoryStore())
    assert await page.inspect() == ("page demo, 2 components", [])
    await page.close()
    wrong = source(platform, MemoryStore(), components={"api": "cmpnone"})
    _, [gap] = await wrong.inspect()
    assert "cmpnone of api" in gap.missing
    assert gap.remedy
    assert here.arrived("statuspage") == []
    await wrong.close()


async def test_a_check_that_no_document_has_is_told(here: Sinks, tmp_path: Path) -> None:
    """Its component would stay green for ever."""
    body = orjson.dumps({"overall": "healthy", "checks": {"redis": {"status": "healthy"}, "email": True}})
    file = tmp_path / "shop.yml"
    async with canned(http(200, body)) as (url, _):
        file.write_text(DOCUMENT.replace("http://127.0.0.1:9/all", url))
        page = source(load(file), MemoryStore())
        _, [gap] = await page.inspect()
        assert (gap.missing, gap.remedy) == (
            "check mail in the document of health.all",
            "Did you mean `email`?",
        )
        await page.close()
    gone = source(load(file), MemoryStore())
    _, [gap] = await gone.inspect()
    assert gap.missing.startswith("health.all, to compare its checks: ")
    await gone.close()


async def test_one_request_a_second(platform: Platform, here: Sinks) -> None:
    page = platform.alerting.status_page
    assert page is not None
    api = StatuspageClient(page, 5)
    started = time.monotonic()
    for _ in range(3):
        await api.component("cmpapi")
    assert time.monotonic() - started >= 2 * PACE
    await api.close()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"groupLabels": {}, "alerts": []}', b'{"alerts": 1}'])
async def test_what_is_no_call_is_refused(platform: Platform, body: bytes) -> None:
    page = source(platform, MemoryStore())
    with pytest.raises(ValueError, match="no call of Alertmanager"):
        await page.receive(body)
    await page.close()


async def test_the_end_of_what_is_silenced_is_asked_for(
    platform: Platform, here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager says nothing of the end of an alert that is silenced or inhibited by then."""
    monkeypatch.setattr(status_page, "_SILENCE", 0.0)
    with alertmanager(binary("alertmanager"), tmp_path / "shop.yml", tmp_path) as running:
        page = source(platform, MemoryStore(), alertmanager=running.url)
        labels = {"alertname": "HealthUnhealthy", "service": "api", "priority": "p1", "kind": "symptom"}
        running.post({"labels": labels})
        await page.receive(call("api", "p1"))
        await page.collect()
        assert shown(here)["cmpapi"] == "major_outage", "it fires still, though nothing is heard"
        running.post({"labels": labels, "endsAt": "2026-01-01T00:00:00Z"})
        wait_until(lambda: running.alerts() == [], 30, "the alert to be over")
        await page.collect()
        assert shown(here)["cmpapi"] == "operational"
        await page.close()


async def test_checks_are_shown_that_their_document_keeps_back(
    here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    """People hear of the document alone; the page tells of the part that is out, and of no part that is silenced."""
    monkeypatch.setattr(status_page, "_TICK", 0.0)
    file = tmp_path / "shop.yml"
    file.write_text(DOCUMENT)
    with alertmanager(program, file, tmp_path) as running:
        silence(running, check="mail")
        running.post(*({"labels": labels} for labels in (UNHEALTHY, REDIS, MAIL)))
        wait_until(
            lambda: sorted(len(alert["status"]["inhibitedBy"]) for alert in running.alerts()) == [0, 1, 1],
            30,
            "the checks to be kept back",
        )
        page = source(load(file), MemoryStore(), alertmanager=running.url)
        await page.receive(call("health.all", "p1", source="health.all"))
        await page.collect()
        keys = ("cmpapi", "cmpcache", "cmpmail")
        assert list(shown(here, *keys).values()) == ["major_outage", "major_outage", "operational"]
        [incident] = here.page.incidents.values()
        assert incident["name"] == "API and Redis: not available"
        running.post({"labels": REDIS, "endsAt": OVER})
        wait_until(lambda: len(running.alerts()) == 2, 30, "the check to be well")
        await page.collect()
        assert list(shown(here, *keys).values()) == ["major_outage", "operational", "operational"]
        assert incident["name"] == "API: not available"
        await page.close()


async def test_a_document_that_is_silenced_speaks_of_no_check(
    here: Sinks, tmp_path: Path, program: Path
) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(DOCUMENT)
    with alertmanager(program, file, tmp_path) as running:
        silence(running, alertname="HealthUnhealthy")
        running.post({"labels": UNHEALTHY}, {"labels": REDIS})
        wait_until(
            lambda: sorted(alert["status"]["state"] for alert in running.alerts()) == ["suppressed"] * 2,
            30,
            "both to be kept back",
        )
        page = source(load(file), MemoryStore(), alertmanager=running.url)
        await page.receive(call("health.all", "p3", source="health.all", check="mail"))
        await page.collect()
        assert shown(here, "cmpapi", "cmpcache") == {"cmpapi": "operational", "cmpcache": "operational"}
        await page.close()


def silence(running: Alertmanager, **labels: str) -> None:
    """Silence what has these labels."""
    start, end = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1)
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()
    ]
    body = {"matchers": matchers, "startsAt": start.isoformat(), "endsAt": end.isoformat()}
    said = {"createdBy": "tests", "comment": "known"}
    httpx.post(f"{running.url}/api/v2/silences", json={**body, **said}, trust_env=False).raise_for_status()


def test_through_a_restart_and_a_failing_page(
    here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Path
) -> None:
    """An unhealthy document opens one incident, nothing is said twice, and all is well in the end."""
    port, am_port = free_port(), free_port()
    monkeypatch.setenv("TEST_ALERTMANAGER", f"http://127.0.0.1:{am_port}")
    monkeypatch.setenv("TEST_EXPORTER", f"127.0.0.1:{port}")
    keys = ("cmpapi", "cmpcache", "cmpmail")
    file = tmp_path / "shop.yml"
    file.write_text(DOCUMENT)
    with alertmanager(program, file, tmp_path, am_port) as running:
        with exporter(DOCUMENT, tmp_path, port) as ours:
            running.post({"labels": UNHEALTHY}, {"labels": REDIS})
            here.wait("statuspage", "API and Redis: not available", timeout=120)
            assert list(shown(here, *keys).values()) == ["major_outage", "major_outage", "operational"]
            again = {"Authorization": "Bearer token-of-the-status-page"}
            for _ in range(5):
                body = call("health.all", "p1", source="health.all")
                answer = httpx.post(f"{ours.url}/api/v1/status-page", content=body, headers=again)
                assert answer.status_code == 200
        before = here.arrived("statuspage")
        with exporter(DOCUMENT, tmp_path, port) as ours:
            ours.wait_value(3, "platform_exporter_status_page_level", 60, component="api")
            here.page.failing = True
            running.post({"labels": UNHEALTHY, "endsAt": OVER}, {"labels": REDIS})
            # Alertmanager tells of the end at the next tick of the group, a minute after the one before.
            ours.wait_value(1, "platform_exporter_status_page_pending", 150, component="api")
            assert here.arrived("statuspage") == before, "nothing is published anew after a restart"
            here.page.failing = False
            here.wait("statuspage", "Redis: not available", timeout=150)
            wait_until(lambda: shown(here, *keys)["cmpapi"] == "operational", 150, "the API", log=ours.log)
            running.post({"labels": REDIS, "endsAt": OVER})
            here.wait("statuspage", "This is resolved.", timeout=200)
            ours.wait_value(0, "platform_exporter_status_page_incident_open", 60)
    assert set(shown(here, *keys).values()) == {"operational"}
    assert len(here.page.incidents) == 1
    said = sorted(
        (item["title"], item["status"]) for item in here.arrived("statuspage") if item["where"] == "component"
    )
    assert said == [
        ("API", "major_outage"),
        ("API", "operational"),
        ("Cache", "major_outage"),
        ("Cache", "operational"),
    ]


def test_from_alertmanager_to_the_page_and_back(
    here: Sinks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("TEST_ALERTMANAGER", f"http://127.0.0.1:{port}")
    with exporter(PLATFORM, tmp_path) as ours:
        url = f"{ours.url}/api/v1/status-page"
        assert httpx.post(url, content=call("api", "p1")).status_code == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert httpx.post(url, content=call("api", "p1"), headers=wrong).status_code == 401
        right = {"Authorization": "Bearer token-of-the-status-page"}
        assert httpx.post(url, content=b"{}", headers=right).status_code == 400
        monkeypatch.setenv("TEST_EXPORTER", ours.url.removeprefix("http://"))
        with alertmanager(binary("alertmanager"), ours.platform, tmp_path, port) as running:
            labels = {"alertname": "HealthUnhealthy", "service": "api", "priority": "p1", "kind": "symptom"}
            running.post({"labels": labels})
            wait_until(
                lambda: shown(here)["cmpapi"] == "major_outage", 60, "the outage on the page", log=ours.log
            )
            here.wait("statuspage", "API: not available")
            running.post({"labels": labels, "endsAt": "2026-01-01T00:00:00Z"})
            # Alertmanager tells of the end at the next tick of the group, a minute after the first.
            wait_until(
                lambda: shown(here)["cmpapi"] == "operational", 150, "the end on the page", log=ours.log
            )
            here.wait("statuspage", "This is resolved.")
        ours.wait_value(0, "platform_exporter_status_page_incident_open")
