"""Drills through the real Alertmanager, of both versions: what arrived, what was refused, what is told of it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.drill import source as drill
from exporter.drill.source import DrillSource, drill_source
from exporter.engine.source import SourceError
from exporter.engine.state import MemoryStore
from exporter.platform.load import load
from exporter.platform.model import Platform
from tests.support.alertmanager import Alertmanager, Sinks, alertmanager, sinks, write_secrets
from tests.support.forky import forky_binary
from tests.support.process import free_port
from tests.support.programs import binary

PLATFORM = """
platform: shop
environment: test
monitoring:
  alertmanager: "${env:TEST_ALERTMANAGER}"
alerting:
  timing: {group_wait: 1s, group_interval: 2s}
  channels:
    pager:
      pagerduty: {routing_key: "${file:pagerduty_routing_key}", url: "${env:TEST_SINKS}/pagerduty/v2/enqueue"}
      priorities: [p1]
    critical: {slack: {webhook: "${file:slack_webhook}", channel: "#critical"}, priorities: [p1, p2]}
    mail:
      email: {to: team@shop.example, from: alerts@shop.example, smarthost: "${env:TEST_SMTP}", require_tls: false}
      priorities: [p1, p2, p3]
    support:
      email: {to: support@shop.example, from: alerts@shop.example, smarthost: "${env:TEST_SMTP}", require_tls: false}
      priorities: [p3]
      only: {audience: business}
    phone: {sms: {numbers: ["+15550100123"], region: eu-west-1, url: "${env:TEST_SINKS}/sns"}, priorities: [p1]}
    boss: {slack: {webhook: "${file:slack_webhook}", channel: "@boss"}}
  escalation:
    - {after: 5m, channels: [boss]}
  drill: {every: 1h}
"""
EVERYWHERE = {"pager", "critical", "mail", "support", "phone", "boss"}

Stack = tuple[Alertmanager, Sinks, Path]


@pytest.fixture(params=["packaged", "newest"])
def stack(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    program = binary("alertmanager") if request.param == "packaged" else forky_binary("alertmanager")
    with sinks() as here:
        port = free_port()
        write_secrets(tmp_path / "secrets", here)
        monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path / "secrets"))
        monkeypatch.setenv("TEST_SINKS", here.url)
        monkeypatch.setenv("TEST_SMTP", here.smtp)
        monkeypatch.setenv("TEST_ALERTMANAGER", f"http://127.0.0.1:{port}")
        file = tmp_path / "shop.yml"
        file.write_text(PLATFORM)
        with alertmanager(program, file, tmp_path, port) as running:
            yield running, here, file


def scheduled(platform: Platform, sinks: str | None = None) -> DrillSource:
    """Return the source as `run` has it."""
    source = drill_source(platform, 3600, sinks)
    source.keep_in(MemoryStore())
    return source


async def carried_out(source: DrillSource, within: float = 60) -> dict[str, set[str]]:
    """Let a drill come to its end; return channel → what became of its messages."""
    deadline = time.monotonic() + within
    while source.run is None or source.run.ended is None:
        assert time.monotonic() < deadline, "the drill does not end"
        await source.collect()
        await asyncio.sleep(0.2)
    found: dict[str, set[str]] = {}
    for outcome in source.run.outcomes:
        found.setdefault(outcome.target.channel, set()).add(outcome.verdict)
    return found


async def test_every_message_arrives_and_is_marked(stack: Stack) -> None:
    _, here, file = stack
    source = scheduled(load(file), here.url)
    assert await carried_out(source) == {key: {"arrived"} for key in EVERYWHERE}
    assert source.run is not None
    assert all(0 <= (outcome.seconds or 0) < 30 for outcome in source.run.outcomes)
    collected = dict(await source.collect())
    assert collected[drill.SUCCESS] == {(channel,): 1.0 for channel in EVERYWHERE}
    assert set(collected[drill.SECONDS]) == {(channel,) for channel in EVERYWHERE}
    page = here.wait("pagerduty", "Drill through pager")
    assert page["payload"]["severity"] == "info", "a drill wakes nobody"
    here.wait("pagerduty", "", "resolved")
    assert "nothing is broken" in here.arrived("sms")[0]["message"]
    await source.close()


async def test_without_stand_ins_the_apis_answers_count(stack: Stack) -> None:
    _, _, file = stack
    source = scheduled(load(file))
    assert await carried_out(source) == {key: {"accepted"} for key in EVERYWHERE}
    await source.close()


async def test_a_revoked_webhook_is_seen(stack: Stack, tmp_path: Path) -> None:
    _, here, file = stack
    (tmp_path / "secrets" / "slack_webhook").write_text(
        f"{here.url}/slack/services/T00000000/B00000000/revoked"
    )
    source = scheduled(load(file))
    found = await carried_out(source)
    assert found == {
        **{key: {"accepted"} for key in EVERYWHERE},
        **{key: {"refused"} for key in ("critical", "boss")},
    }
    collected = dict(await source.collect())
    assert {channel for (channel,), value in collected[drill.SUCCESS].items() if value == 0} == {
        "critical",
        "boss",
    }
    await source.close()


async def test_a_drill_goes_on_after_a_restart_and_is_not_sent_twice(stack: Stack) -> None:
    _, here, file = stack
    store, platform = MemoryStore(), load(file)
    first = drill_source(platform, 3600, here.url)
    first.keep_in(store)
    await first.collect()
    await first.close()
    second = drill_source(platform, 3600, here.url)
    second.keep_in(store)
    assert await carried_out(second) == {key: {"arrived"} for key in EVERYWHERE}
    await second.collect()
    assert len(here.arrived("pagerduty", "Drill", "firing")) == 1
    await second.close()


async def test_without_alertmanager_it_says_so_and_misses_nothing_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_ALERTMANAGER", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("TEST_SINKS", "http://127.0.0.1:9")
    monkeypatch.setenv("TEST_SMTP", "127.0.0.1:9")
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM)
    source = scheduled(load(file))
    with pytest.raises(SourceError) as caught:
        await source.collect()
    assert caught.value.reason == "connect"
    await source.close()


async def test_a_check_sends_nothing(stack: Stack) -> None:
    running, here, file = stack
    [source] = drill.build(load(file))
    assert dict(await source.collect()) == {}
    assert await source.inspect() == ("Alertmanager, 9 messages a drill", [])
    assert (running.alerts(), here.inbox.newest()) == ([], [])
    await source.close()


def test_the_command_prints_what_became_of_each_message(stack: Stack) -> None:
    _, here, file = stack
    command: list[str | Path] = [
        Path(sys.executable).with_name("platform-exporter"),
        "drill",
        "-p",
        file,
        "--sinks",
        here.url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split()[:3] for line in done.stdout.splitlines()]
    assert ["pager", "pagerduty", "P1"] in lines
    assert ["phone", "sms", "P1"] in lines
    assert done.stdout.count("arrived") == 9
    assert "9 of 9 messages" in done.stdout


def test_the_model_asks_for_the_source(stack: Stack) -> None:
    platform: Platform = load(stack[2])
    [source] = drill.build(platform)
    assert (source.name, source.exclusive) == ("drill", True)
