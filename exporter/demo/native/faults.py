"""What `break` and `mend` do to a running demo, and what each must lead to: alert, receivers and words."""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from exporter.demo.errors import DemoError
from exporter.demo.native.state import RunningDemo
from exporter.demo.native.sweep import marked

PAGER = "PagerDuty"
CRITICAL = "Slack #alerts-critical"
WARNING = "Slack #alerts-warning"
MAIL = "e-mail oncall@demo.example"
SMS = "SMS"

P1 = (PAGER, CRITICAL, MAIL)  # and a text message, of which there is at most one in five minutes
P2 = (WARNING, MAIL)
P3 = (WARNING,)

SECONDS_TO_SWITCH = 30.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fault leads to: an alert with at least these labels, told to exactly these receivers, in these words."""

    alert: str
    labels: Mapping[str, str]
    receivers: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what it is in words, how it is made and mended, and what must come of it.

    Faults of the same `part` are not made at the same time; one that is `alone` would disturb any other.
    """

    broken: str
    mended: str
    make: Callable[[RunningDemo], None]
    mend: Callable[[RunningDemo], None]
    expected: Expected
    part: str = ""
    alone: bool = False


def _stop_database(demo: RunningDemo) -> None:
    if demo.cluster.is_running():
        demo.cluster.stop()


def _start_database(demo: RunningDemo) -> None:
    if not demo.cluster.is_running():
        demo.cluster.start()


def _lose_archive(demo: RunningDemo) -> None:
    archive = demo.cluster.archive
    if archive.exists():
        archive.rename(archive.with_suffix(".gone"))


def _find_archive(demo: RunningDemo) -> None:
    gone = demo.cluster.archive.with_suffix(".gone")
    if gone.exists():
        gone.rename(demo.cluster.archive)


def _kill_exporter(demo: RunningDemo) -> None:
    demo.state.down("exporter").touch()
    for pid in marked(demo.state):
        with suppress(OSError):  # it ended meanwhile
            # `run` and its options; `generate` and `demo` have the same program.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"run" in words and b"--listen" in words:
                os.kill(pid, signal.SIGKILL)


def _start_exporter(demo: RunningDemo) -> None:
    demo.state.down("exporter").unlink(missing_ok=True)  # the demo itself starts it


def _switch(name: str, method: str) -> Callable[[RunningDemo], None]:
    def ask(demo: RunningDemo) -> None:
        url = demo.ports.url("api", f"/demo/faults/{name}")
        try:
            answer = httpx.request(method, url, timeout=SECONDS_TO_SWITCH, trust_env=False)
        except httpx.HTTPError as error:
            raise DemoError(f"the demo's API does not answer at {url}: {type(error).__name__}") from error
        if not answer.is_success:
            raise DemoError(f"the demo cannot do {name}: {answer.text}")

    return ask


def _switched(
    name: str, broken: str, mended: str, expected: Expected, *, part: str = "", alone: bool = False
) -> Fault:
    return Fault(broken, mended, _switch(name, "POST"), _switch(name, "DELETE"), expected, part, alone)


def _database(alert: str, priority: str, receivers: tuple[str, ...], *words: str, **labels: str) -> Expected:
    return Expected(alert, {"service": "postgres.main", "priority": priority, **labels}, receivers, words)


FAULTS = {
    "api": _switched(
        "api",
        "The API answers 500 to its customers.",
        "The API works.",
        Expected(
            "ErrorBudgetBurnFast",
            {"service": "api", "priority": "p1", "slo": "api-availability", "slo_tier": "fast"},
            P1,
            ("API availability burns its error budget", "the objective of 99.9% allows 0.1%", "14.4 times"),
        ),
        part="product",
    ),
    "api-slow": _switched(
        "api-slow",
        "The API takes over two seconds for each answer.",
        "The API is quick again.",
        Expected(
            "LatencyHigh", {"service": "api", "priority": "p3"}, P3, ("API is slow", "p95 above 2s for 10s")
        ),
        part="product",
    ),
    "health": _switched(
        "health",
        "Three of the product's four vendors fail; its health document says unhealthy.",
        "The product's vendors work.",
        Expected(
            "HealthUnhealthy",
            {"service": "api", "priority": "p1", "source": "health.api"},
            P1,
            ("API is unhealthy", "Checks: external_apis."),
        ),
    ),
    "delivery": _switched(
        "delivery",
        "The service that waits for the heartbeat answers 500 to Alertmanager.",
        "The heartbeat is taken again.",
        Expected(
            "NotificationsFailing",
            {"service": "alertmanager", "priority": "p2", "integration": "webhook"},
            P2,
            ("Alertmanager cannot deliver", "notifications by webhook have failed"),
        ),
    ),
    "locked": _switched(
        "locked",
        "A report holds a table, a migration waits for it, and customers wait behind the migration.",
        "The report is over, and the migration with it.",
        _database("DatabaseBlocked", "p2", P2, "wait for a lock", "postgres has lasted", datname="postgres"),
    ),
    "deadlock": _switched(
        "deadlock",
        "Two transactions have waited for each other, and the server has ended one of them.",
        "There is nothing to mend: it is told until the alert's window is over.",
        _database(
            "DatabaseDeadlocks",
            "p3",
            P3,
            "block each other for good",
            "Deadlocks in postgres within 2m: 1.",
            datname="postgres",
        ),
    ),
    "slow-statement": _switched(
        "slow-statement",
        "A report whose statement takes over a second is opened again and again.",
        "Nobody opens the report any more.",
        _database("DatabaseStatementSlow", "p4", P3, "A statement on Main database is slow", "mean over 1s"),
    ),
    "idle-in-transaction": _switched(
        "idle-in-transaction",
        "A worker has begun a transaction and does nothing in it.",
        "The worker is gone.",
        _database("DatabaseIdleInTransaction", "p3", P3, "has done nothing inside an open transaction for"),
    ),
    "sequence": _switched(
        "sequence",
        "95 % of the numbers of the table invoices are used up.",
        "The table invoices has numbers again.",
        _database(
            "DatabaseSequenceExhausted",
            "p2",
            P2,
            "public.invoices_number_seq in postgres has used up 95% of its numbers",
            sequencename="invoices_number_seq",
        ),
    ),
    "storage": _switched(
        "storage",
        "Exports fill over nine tenths of the storage that the database's plan has.",
        "The exports are removed.",
        Expected(
            "QuotaHigh",
            {"service": "quotas", "priority": "p2", "quota": "storage"},
            P2,
            ("Database storage: the quota is nearly used up", "of the quota of 128MiB is used"),
        ),
    ),
    "archiving": Fault(
        "The folder that the write-ahead log is archived in is gone.",
        "The archive is back.",
        _lose_archive,
        _find_archive,
        _database("DatabaseArchivingFails", "p2", P2, "is not being archived"),
    ),
    "connections": _switched(
        "connections",
        "A leak has taken every connection that the database gives.",
        "The leak is closed.",
        _database("DatabaseConnectionsHigh", "p2", P2, "is running out of connections", "over 90% for 10s"),
        alone=True,
    ),
    "exporter": Fault(
        "The exporter is killed (SIGKILL) and kept from starting.",
        "The exporter is started again.",
        _kill_exporter,
        _start_exporter,
        Expected(
            "ExporterDown",
            {"service": "platform-exporter", "priority": "p2"},
            P2,
            ("Prometheus cannot read the exporter", "the scrape fails"),
        ),
        alone=True,
    ),
    "database": Fault(
        "The database is stopped; the API answers with errors.",
        "The database runs.",
        _stop_database,
        _start_database,
        _database("DatabaseDown", "p1", P1, "Main database does not answer", "reason: connect"),
        alone=True,
    ),
    "frozen": Fault(
        "The database is frozen: connections stay open, and nothing answers.",
        "The database goes on.",
        lambda demo: demo.cluster.freeze(),
        lambda demo: demo.cluster.thaw(),
        _database("DatabaseDown", "p1", P1, "Main database does not answer", "reason: timeout"),
        alone=True,
    ),
}
