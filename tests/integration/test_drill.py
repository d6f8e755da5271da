"""Drills through the real Alertmanager, of both versions: what arrived, what was refused, what is told of it."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exporter.cli import app
from exporter.drill import plan
from exporter.drill import source as drill
from exporter.drill.carry import MARGIN
from exporter.drill.source import DrillSource, drill_source
from exporter.engine.source import SourceError
from exporter.engine.state import MemoryStore
from exporter.platform.load import load
from exporter.platform.model import Platform
from tests.integration.support import COMMAND, exporter
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
def program(request: pytest.FixtureRequest) -> Path:
    return binary("alertmanager") if request.param == "packaged" else forky_binary("alertmanager")


@contextmanager
def _stack(
    program: Path, text: str, folder: Path, apis: str | None = None, smtp: str | None = None
) -> Iterator[Stack]:
    """Run Alertmanager for a platform file with this text; other addresses than those of the sinks can be given."""
    with sinks() as here, pytest.MonkeyPatch.context() as patch:
        port = free_port()
        write_secrets(folder / "secrets", here)
        if apis is not None:
            (folder / "secrets" / "dead_webhook").write_text(apis)
        patch.setenv("PLATFORM_SECRETS_DIR", str(folder / "secrets"))
        patch.setenv("PLATFORM_STATE_DIR", str(folder / "state"))
        patch.setenv("TEST_SINKS", apis or here.url)
        patch.setenv("TEST_SMTP", smtp or here.smtp)
        patch.setenv("TEST_ALERTMANAGER", f"http://127.0.0.1:{port}")
        file = folder / "shop.yml"
        file.write_text(text)
        with alertmanager(program, file, folder, port) as running:
            yield running, here, file


@pytest.fixture
def stack(program: Path, tmp_path: Path) -> Iterator[Stack]:
    with _stack(program, PLATFORM, tmp_path) as running:
        yield running


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


class _Refuses(BaseHTTPRequestHandler):
    """An API that is out of order."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["closed port", "503"])
def dead(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an API that takes nothing."""
    if request.param == "closed port":
        yield f"http://127.0.0.1:{free_port()}/nothing"
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/out-of-order"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_what_is_tried_again_and_again_was_not_accepted(
    dead: str, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager tries for longer than a drill waits. One channel is well, another of its kind is not."""
    monkeypatch.setattr(plan, "PATIENCE", MARGIN + 5)
    lasting = PLATFORM.replace("group_interval: 2s", "group_interval: 5m").replace(
        '"${file:slack_webhook}", channel: "@boss"', '"${file:dead_webhook}", channel: "@boss"'
    )
    with _stack(program, lasting, tmp_path, dead, f"127.0.0.1:{free_port()}") as (_, here, file):
        source = scheduled(load(file))
        found = await carried_out(source)
        assert found == {channel: {"missing"} for channel in EVERYWHERE}
        # What DrillFailed looks at.
        assert dict(await source.collect())[drill.SUCCESS] == {(channel,): 0.0 for channel in EVERYWHERE}
        await source.close()
        assert len(here.arrived("slack", "Drill", "firing")) == 2, "the good one got its messages"
        assert len(here.inbox.newest()) == 2
        # The command, after the drill that went before.
        done = await asyncio.to_thread(CliRunner().invoke, app, ["drill", "-p", str(file)])
        assert done.exit_code == 1, done.output
        assert "accepted" not in done.output
        assert done.output.count("did not arrive in time") == 9
        assert "0 of 9 messages" in done.output


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


async def test_a_command_waits_its_turn_and_then_drills_anew(stack: Stack) -> None:
    """Both carry on what the store holds; neither fails because the other one was faster."""
    _, here, file = stack
    store, platform = MemoryStore(), load(file)
    run, command = drill_source(platform, 3600, here.url), drill_source(platform, 0, here.url)
    run.keep_in(store)
    command.keep_in(store)
    await run.collect()
    deadline = time.monotonic() + 60
    while command.own is None:
        assert time.monotonic() < deadline, "the drill does not end"
        await asyncio.gather(run.collect(), command.collect())
        await asyncio.sleep(0.2)
    assert {outcome.verdict for outcome in command.own.outcomes} == {"arrived"}
    assert run.run is not None
    collected = dict(await run.collect())
    assert run.run.name == command.own.name
    assert collected[drill.LAST] == {(): command.own.began}
    marks = {body["payload"]["summary"] for body in here.arrived("pagerduty", "Drill", "firing")}
    assert len(marks) == 2, "that of `run`, then that of the command"
    await run.close()
    await command.close()


@pytest.fixture(params=["sqlite", "postgres"])
def state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The section `state` of a platform file, and what it needs."""
    if request.param == "sqlite":
        return ""
    monkeypatch.setenv("STATE_DSN", request.getfixturevalue("database"))
    return 'state: {postgres: {dsn: "${env:STATE_DSN}"}}\n'


def test_what_the_command_proves_the_exporter_knows(program: Path, state: str, tmp_path: Path) -> None:
    """A revoked webhook is found on schedule, mended, and proved by hand: the alert ends without another week."""
    text = PLATFORM + state
    with _stack(program, text, tmp_path) as (_, here, file):
        webhook = tmp_path / "secrets" / "slack_webhook"
        good = webhook.read_text()
        webhook.write_text(f"{here.url}/slack/services/T00000000/B00000000/revoked")
        with exporter(text, tmp_path) as running:
            running.wait_value(0, "platform_exporter_drill_success", 60, channel="critical")
            words: list[str | Path] = [COMMAND, "drill", "-p", file]
            webhook.write_text(good)
            done = subprocess.run(words, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "is not told" not in done.stdout
            for channel in EVERYWHERE:
                running.wait_value(1, "platform_exporter_drill_success", 30, channel=channel)
            if state:
                return  # whoever reads the platform file finds it
            words += ["--state-dir", tmp_path / "elsewhere"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "The exporter is not told: there is no state in" in done.stdout


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
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
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
