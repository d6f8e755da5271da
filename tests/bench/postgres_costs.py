"""What a collection of one exporter costs it and the server: measured over whole collections, none counted in part."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.load import Load, cpu_seconds, load, paced, resident_bytes
from tests.bench.postgres_peers import body
from tests.bench.postgres_proxy import Proxy
from tests.bench.postgres_server import BenchServer
from tests.bench.servers import Server
from tests.bench.table import RUNS

SECONDS_OF_SCRAPES = 1.5
"""Length of a run of scrapes, if two collections do not take longer."""
_SOON = 0.01
"""A page that answers within so many seconds is scraped at moments of their own, others one after another."""
_SLOW = 0.5
"""A page that takes longer is not asked for three times to see how fast it is."""
_REST = 0.15
_PATIENCE = 60.0


class UnsteadyError(RuntimeError):
    """An exporter cannot be caught between two collections; the message says how."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An exporter that is measured: its process, its role, seconds between its collections, collections of a run.

    `every` is None for one that collects whenever it is scraped.
    """

    process: Server
    server: BenchServer
    role: str
    every: float | None
    collections: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU of the exporter, of statements, of the server's CPU; statements. All per collection."""

    cpu: float
    database_seconds: float
    database_cpu: float
    statements: float


@dataclass(frozen=True, slots=True)
class Trip:
    """A collection from far away: seconds from first to last byte, round trips, connections opened."""

    seconds: float
    round_trips: float
    connections: float


@dataclass(slots=True)
class Costs:
    """Figures of one exporter, one of each run: while nothing else asks the server, and while pgbench does."""

    quiet: list[Spent] = field(default_factory=list)
    loaded: list[Spent] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    series: int = 0

    def quantile(self, share: float) -> list[float]:
        """Return that quantile of each run's latencies."""
        return [run.quantile(share) for run in self.loads]


def measure(costs: Costs, subject: Subject, line: Proxy | None = None, *, loaded: bool = True) -> None:
    """Measure what it costs, through `line` if it is given; `loaded`: collections with pgbench, not scrapes alone.

    Raises UnsteadyError.
    """
    body(subject.process)
    costs.quiet = _runs(subject, line)
    with subject.server.load():
        if loaded:
            costs.loaded = _runs(subject, line)
        for _ in range(RUNS):
            costs.loads.append(_scrapes(subject))
            costs.resident.append(resident_bytes(subject.process.pid))
    costs.series = _series(body(subject.process))


def measure_trips(costs: Costs, subject: Subject, line: Proxy, runs: int = RUNS) -> None:
    """Measure what goes through `line`: from the first byte to the last, so without what is made of the answer.

    Raises UnsteadyError.
    """
    body(subject.process)
    collect = _collecting(subject, line)
    for _ in range(3 * runs):
        before, asked = line.traffic(), subject.server.start_of(subject.role)
        line.mark()
        collect()
        traffic = line.traffic().since(before)
        collections = subject.server.cost_since(asked, subject.role).collections
        if traffic.round_trips and (subject.every is None or collections == 1):
            costs.trips.append(Trip(traffic.ended - traffic.began, traffic.round_trips, traffic.connections))
        else:  # one that had begun already, or two: find the exporter's rhythm anew
            collect = _collecting(subject, line)
        if len(costs.trips) == runs:
            return
    raise UnsteadyError(f"{subject.role}: {len(costs.trips)} single collections of {3 * runs}")


def rest(subject: Subject, line: Proxy | None = None) -> None:
    """Wait until the exporter rests between two collections. Raises UnsteadyError when it never does."""
    pid, deadline = subject.process.pid, time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        time.sleep(_REST)
        silent = line is None or time.monotonic() - line.traffic().ended > _REST
        if silent and cpu_seconds(pid) - before < 0.05 * _REST and not subject.server.busy(subject.role):
            return
    raise UnsteadyError(f"{subject.role} has no rest between two collections within {_PATIENCE:g} s")


def _runs(subject: Subject, line: Proxy | None) -> list[Spent]:
    collect = _collecting(subject, line)
    return [_run(subject, collect) for _ in range(RUNS)]


def _run(subject: Subject, collect: Callable[[], None]) -> Spent:
    server, pid = subject.server, subject.process.pid
    before, began = server.start_of(subject.role), cpu_seconds(pid)
    for _ in range(3):
        collect()
        spent = cpu_seconds(pid) - began
        cost = server.cost_since(before, subject.role)
        if count := subject.collections if subject.every is None else cost.collections:
            return Spent(spent / count, cost.seconds / count, cost.cpu / count, cost.statements / count)
    raise UnsteadyError(f"{subject.role} collected nothing though it was its turn")


def _collecting(subject: Subject, line: Proxy | None = None) -> Callable[[], None]:
    """Return what lets the exporter collect as often as it should in a run, and begins and ends while it rests.

    The moments keep to the exporter's own rhythm, so that they do not wander into a collection.
    """
    if subject.every is None:

        def scrape() -> None:
            for _ in range(subject.collections):
                body(subject.process)

        return scrape
    rest(subject, line)
    length, due = subject.every * subject.collections, time.monotonic()

    def collect() -> None:
        nonlocal due
        due += length * max(1, math.ceil((time.monotonic() - due) / length))
        time.sleep(max(0.0, due - _REST - time.monotonic()))
        rest(subject, line)

    return collect


def _scrapes(subject: Subject) -> Load:
    """Scrape as Prometheus does, over two collections and more where the answer lies ready."""
    process = subject.process
    seconds = max(SECONDS_OF_SCRAPES, 2 * (subject.every or 0.0))
    first = load(process.port, process.pid, 1, gzip=True, warm_up=0)
    if first.latencies[0] < _SLOW and subject.every is not None:
        first = load(process.port, process.pid, 3, gzip=True, warm_up=0)
        if first.latencies[0] < _SOON:
            return paced(
                process.port, process.pid, seconds, gzip=True, pause=max(0.006, 4 * first.latencies[0])
            )
    scrapes = min(100, int(SECONDS_OF_SCRAPES / first.latencies[0]))
    if scrapes <= 1:
        return first
    return load(process.port, process.pid, scrapes, gzip=True, warm_up=0)


def _series(page: bytes) -> int:
    return sum(1 for line in page.splitlines() if line.startswith(b"pg_"))
