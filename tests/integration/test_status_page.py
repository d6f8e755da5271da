"""From an alert to the public page: the real Alertmanager, the exporter, and a stand-in as strict as Statuspage."""

import time
from collections.abc import Iterator
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
from tests.support.alertmanager import Sinks, alertmanager, sinks, write_secrets
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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sinks]:
    with sinks() as running:
        write_secrets(tmp_path / "secrets", running)
        (tmp_path / "secrets" / "statuspage_api_key").write_text(STATUSPAGE_KEY)
        monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path / "secrets"))
        monkeypatch.setenv("TEST_SINKS", running.url)
        monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
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
    """Return what Alertmanager sends about one group."""
    group = {"service": service, "priority": priority}
    alert = {"status": status, "labels": {**group, **labels}, "annotations": {}}
    return orjson.dumps({"version": "4", "status": status, "groupLabels": group, "alerts": [alert]})


def shown(here: Sinks) -> dict[str, str]:
    return {key: component["status"] for key, component in here.page.components.items()}


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
