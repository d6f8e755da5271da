"""The exporter is killed at any moment, again and again: no counter decreases, each event is counted once."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import orjson
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.names import ACCOUNT_TAG, CLOUDFLARE_TOKEN
from tests.integration.support import COMMAND
from tests.support.analytics import Analytics, analytics
from tests.support.process import end, free_port, wait_until

KILLS = 20
FALLS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)
KEY = f"windows/cloudflare.workers/{ACCOUNT_TAG}"
REQUESTS = "cloudflare_workers_requests_total"
PLATFORM = """
platform: test
{state}
sources:
  cloudflare:
    account: "{account}"
    token: "${{env:CF_TOKEN}}"
    url: "{url}"
    workers: {{every: 1s, timeout: 5s, lag: 2s}}
"""

Counters = dict[tuple[str, tuple[str, ...]], float]


class Watched:
    """An exporter at one address, started and killed by the test, scraped all the time."""

    def __init__(self, api: Analytics, folder: Path, state: str = "", **environment: str) -> None:
        folder.mkdir()
        (folder / "platform.yml").write_text(PLATFORM.format(state=state, account=ACCOUNT_TAG, url=api.url))
        self.folder, self.log = folder, folder / "exporter.log"
        self.url = f"http://127.0.0.1:{(port := free_port())}/metrics"
        self.last: Counters = {}
        self.leader = 0.0
        self.scrapes = 0
        self.decreased: list[str] = []
        self._command: list[str | Path] = [
            COMMAND,
            "run",
            "-p",
            folder / "platform.yml",
            "--listen",
            f"127.0.0.1:{port}",
        ]
        self._environment = {**os.environ, "CF_TOKEN": CLOUDFLARE_TOKEN, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "--state-dir", self.folder / "state"], stderr=log, env=self._environment
            )

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self) -> None:
        """Wait for the end of the process."""
        assert self._process is not None
        self._process.wait(30)
        self.leader = 0.0

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM, 30)

    def watch(self, ended: threading.Event) -> None:
        with httpx.Client(trust_env=False, timeout=1) as client:
            while not ended.wait(0.02):
                with suppress(httpx.HTTPError):
                    self._take(client.get(self.url).text)

    def _take(self, text: str) -> None:
        seen: Counters = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "platform_exporter_leader":
                    self.leader = sample.value
                if sample.name.startswith("cloudflare_workers_") and sample.name.endswith("_total"):
                    seen[sample.name, tuple(sample.labels.values())] = sample.value
        self.decreased += [
            f"{key}: {self.last[key]} then {value}"
            for key, value in seen.items()
            if value < self.last.get(key, 0)
        ]
        self.last.update(seen)
        self.scrapes += 1

    def requests(self) -> dict[tuple[str, ...], float]:
        return {labels: value for (name, labels), value in list(self.last.items()) if name == REQUESTS}

    @property
    def counted(self) -> float:
        """Invocations in all, as the last scrape has them."""
        return sum(self.requests().values())

    def wait(self, what: str, ready: Callable[[], bool]) -> None:
        wait_until(ready, 60, what, log=self.log)

    def wait_counted(self, more_than: float = 0) -> None:
        self.wait("the counters to go on", lambda: self.counted > more_than)

    def wait_leads(self, leads: bool) -> float:
        """Wait until it leads or follows; return how many seconds that took."""
        started = time.monotonic()
        self.wait(f"leads = {leads}", lambda: self.leader == leads)
        return time.monotonic() - started


@contextmanager
def watching(*exporters: Watched) -> Iterator[None]:
    """Scrape them all the time; stop them in the end."""
    ended = threading.Event()
    threads = [threading.Thread(target=each.watch, args=(ended,)) for each in exporters]
    with ExitStack() as stack:
        for each in exporters:
            stack.callback(each.stop)
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        yield


def test_killed_at_random_moments(tmp_path: Path) -> None:
    with analytics() as api:
        subject = Watched(api, tmp_path / "one")
        with watching(subject):
            for _ in range(KILLS):
                subject.start()
                api.wait_asked()
                # Before the answer, around the write, or at any time.
                time.sleep(random.choice([0.0, random.uniform(0, 0.05), random.uniform(0, 1)]))
                subject.kill()
            counted = subject.counted
            subject.start()
            subject.wait_counted(more_than=counted)
            subject.kill()
        assert subject.decreased == []
        assert subject.scrapes > KILLS
        with closing(sqlite3.connect(tmp_path / "one" / "state" / "test.production.sqlite")) as connection:
            [value] = connection.execute("select value from state where key = ?", (KEY,)).fetchone()
        check_truth(api, value, subject)


def test_two_share_the_work_and_the_leader_falls(database: str, tmp_path: Path) -> None:
    state = 'state: {postgres: {dsn: "${env:STATE_DSN}", lease: 4s}}'
    with analytics() as api, ExitStack() as stack:
        one, other = (Watched(api, tmp_path / name, state, STATE_DSN=database) for name in ("one", "other"))
        stack.enter_context(watching(one, other))
        one.start()
        one.wait_counted()
        other.start()
        other.wait_counted()
        assert (one.leader, other.leader) == (1, 0)
        takeovers = []
        leading, following = one, other
        for how in FALLS:
            counted = following.counted
            leading.signal(how)
            if (
                how is not signal.SIGSTOP
            ):  # a stopped one is as a machine that hangs: its connections stay open
                leading.ended()
            takeovers.append(following.wait_leads(True))
            following.wait_counted(more_than=counted)
            if how is signal.SIGSTOP:
                leading.signal(signal.SIGCONT)
            else:
                leading.start()
            leading.wait_leads(False)
            leading.wait_counted(more_than=counted)
            leading, following = following, leading
        one.stop()
        other.stop()
        assert one.decreased == []
        assert other.decreased == []
        assert max(takeovers) < 20, "a lease, a third of one, and a scrape: 6 s; a busy machine takes longer"
        begun = [start for start, _ in api.windows]
        # Once for each fall, and where a busy machine could not renew its lease in time.
        assert len(begun) - len(set(begun)) <= 3 * len(FALLS), (
            "a window is asked again only when its asker fell"
        )
        with psycopg.connect(database) as connection:
            row = connection.execute(
                "select value from platform_exporter.state where key = %s", (KEY,)
            ).fetchone()
        assert row is not None
        check_truth(api, row[0], one, other)


def check_truth(api: Analytics, value: bytes, *shown: Watched) -> None:
    """Compare what is stored, and what was shown, with what happened up to the cursor."""
    state = orjson.loads(value)
    truth = api.truth(state["begun"], state["cursor"])
    assert {tuple(labels): count for labels, count in state["counters"][REQUESTS]} == truth
    assert sum(truth.values()) > 100, "there was something to count"
    for each in shown:
        assert each.requests().keys() == truth.keys()
        assert all(count <= truth[labels] for labels, count in each.requests().items())
