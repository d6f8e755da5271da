"""Postgres: what a scrape and a collection cost beside postgres_exporter and query-exporter, near and far.

All are asked for the same families, those of postgres_exporter as it comes. "ours" and query-exporter run all of them
at every collection; "in tiers" is how ours runs of itself, with sizes and settings asked every five minutes.
"""

import time
from dataclasses import dataclass, field
from statistics import median

from tests.bench import postgres_faults
from tests.bench.load import Load, cpu_seconds, load, resident_bytes
from tests.bench.postgres_peers import (
    PeerMissing,
    body,
    collectors_of,
    families,
    ours,
    postgres_exporter,
    query_exporter,
)
from tests.bench.postgres_proxy import Proxy, Traffic, proxy
from tests.bench.postgres_server import DATABASE, BenchServer, Cost, bench_server
from tests.bench.servers import Server
from tests.bench.table import RUNS, console, spread, table, times

FAR = 0.05
"""Seconds that each round trip to a database in another region takes."""


SECONDS_OF_SCRAPES = 3.0
LONGEST_TIER = 20
"""Collections after which all but the rarest collectors have had their turn: five minutes of every 15 s."""
THEIRS, OURS = "postgres_exporter 0.19.1", "ours"


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: tables, statements, seconds between our collections, collections of a run.

    `tiers`: ours as it runs of itself as well. `widely`: query-exporter and a far server as well.
    """

    tables: int
    statements: int
    every: float
    collections: int
    tiers: bool = False
    widely: bool = False

    @property
    def title(self) -> str:
        """Heading."""
        return f"{self.tables:,} tables" + (f", {self.statements:,} statements" if self.statements else "")


CASES = (
    Case(20, 0, 1, 10, widely=True),
    Case(1_000, 0, 1, 10, tiers=True, widely=True),
    Case(1_000, 5_000, 1, 10),
    Case(10_000, 0, 10, 2),
)


@dataclass(slots=True)
class Costs:
    """Figures of one exporter, one of each run. Times are in seconds, per collection (for peers: per scrape)."""

    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    database_seconds: list[float] = field(default_factory=list)
    database_cpu: list[float] = field(default_factory=list)
    statements: list[float] = field(default_factory=list)
    resident: float = 0
    series: int = 0
    far: list[float] = field(default_factory=list)
    round_trips: float = 0
    connections: float = 0

    def quantile(self, share: float) -> list[float]:
        """Return that quantile of each run's latencies."""
        return [run.quantile(share) for run in self.loads]


def main() -> None:
    """Print a table for each case, and one of faults."""
    for case in CASES:
        with bench_server(case.tables, case.statements) as server:
            _compare(case, server)
    with bench_server(1_000) as server:
        postgres_faults.compare(server)


def _compare(case: Case, server: BenchServer) -> None:
    flags = ("--collector.stat_statements",) if case.statements else ()
    theirs, mine, tiered, all_ = map(server.role, ("theirs", "mine", "tiered", "everything"))
    results = {THEIRS: Costs(), OURS: Costs()}
    with postgres_exporter(_dsn(server, theirs), *flags) as peer:
        same = collectors_of(families(body(peer)))
        _ask(results[THEIRS], peer, server, theirs, case.collections)
    with ours(_dsn(server, mine), case.every, same) as subject:
        _wait(results[OURS], subject, server, mine, case.every, case.collections)
    if case.tiers:
        for name, role, collectors in (("ours, in tiers", tiered, same), ("ours, all in tiers", all_, None)):
            results[name] = Costs()
            with ours(_dsn(server, role), case.every, collectors, tiers=True) as subject:
                _wait(results[name], subject, server, role, case.every, LONGEST_TIER)
    if case.widely:
        _compare_widely(case, server, results, same)
    _print(case, results)


def _compare_widely(case: Case, server: BenchServer, results: dict[str, Costs], same: list[str]) -> None:
    """Add query-exporter, and a server far away."""
    try:
        with query_exporter(_dsn(server, server.role("other")), case.every, same) as subject:
            results["query-exporter 5.0.2"] = Costs()
            _wait(results["query-exporter 5.0.2"], subject, server, "other", case.every, case.collections)
    except PeerMissing as missing:
        console.print(str(missing))
    with proxy(server.cluster.port, FAR) as far:
        with postgres_exporter(_dsn(server, "theirs", far.port)) as peer:
            _ask_far(results[THEIRS], peer, far)
        with ours(_dsn(server, "mine", far.port), case.every, same) as subject:
            _wait_far(results[OURS], subject, far, case)


def _ask(costs: Costs, peer: Server, server: BenchServer, role: str, scrapes: int) -> None:
    """Measure an exporter that asks the server at each scrape."""
    for _ in range(RUNS):
        before, spent = server.cost(role), cpu_seconds(peer.pid)
        for _ in range(scrapes):
            page = body(peer)
        _add(costs, server.cost(role).since(before), cpu_seconds(peer.pid) - spent, scrapes)
    with server.load():
        costs.loads = [_load(peer) for _ in range(RUNS)]
    costs.resident, costs.series = resident_bytes(peer.pid), _series(page)


def _wait(
    costs: Costs, subject: Server, server: BenchServer, role: str, every: float, collections: int
) -> None:
    """Measure an exporter that asks the server by itself: over the time of some collections."""
    for _ in range(RUNS):
        before, spent = server.cost(role), cpu_seconds(subject.pid)
        time.sleep(every * collections)
        cost = server.cost(role).since(before)
        _add(costs, cost, cpu_seconds(subject.pid) - spent, cost.collections or collections)
    with server.load():
        costs.loads = [_load(subject) for _ in range(RUNS)]
    costs.resident, costs.series = resident_bytes(subject.pid), _series(body(subject))


def _load(server: Server) -> Load:
    """Scrape as Prometheus does, 300 times if that is soon done."""
    started = time.perf_counter()
    body(server)
    scrapes = int(SECONDS_OF_SCRAPES / (time.perf_counter() - started))
    return load(server.port, server.pid, max(3, min(300, scrapes)), gzip=True)


def _add(costs: Costs, cost: Cost, cpu: float, collections: float) -> None:
    costs.cpu.append(cpu / collections)
    costs.database_seconds.append(cost.seconds / collections)
    costs.database_cpu.append(cost.cpu / collections)
    costs.statements.append(cost.statements / collections)


def _ask_far(costs: Costs, peer: Server, far: Proxy) -> None:
    body(peer)
    before = far.traffic()
    for _ in range(2 * RUNS):
        started = time.perf_counter()
        body(peer)
        costs.far.append(time.perf_counter() - started)
    _traffic(costs, far.traffic().since(before), 2 * RUNS)


def _wait_far(costs: Costs, subject: Server, far: Proxy, case: Case) -> None:
    """Take the time of our collections as the exporter itself tells it."""
    time.sleep(2 * case.every)  # the first one connects and asks for the catalogue
    before = far.traffic()
    for _ in range(2 * RUNS):
        time.sleep(case.every)
        lines = body(subject).decode().splitlines()
        name = 'platform_exporter_source_duration_seconds{source="postgres.main"} '
        costs.far.append(float(next(line for line in lines if line.startswith(name)).split()[1]))
    _traffic(costs, far.traffic().since(before), 2 * RUNS)


def _traffic(costs: Costs, traffic: Traffic, collections: int) -> None:
    costs.round_trips = traffic.round_trips / collections
    costs.connections = traffic.connections / collections


def _print(case: Case, results: dict[str, Costs]) -> None:
    peer = results[THEIRS]
    latency = table(
        f"{case.title}: a scrape, with pgbench running",
        "Exporter",
        "Series",
        "p50",
        "p99",
        "p50, theirs to ours",
    )
    cost = table(
        f"{case.title}: a collection",
        "Exporter",
        "CPU",
        "of theirs",
        "database time",
        "of theirs",
        "database CPU",
        "statements",
        "resident",
    )
    far = table(
        f"{case.title}: a collection, {1000 * FAR:g} ms a round trip",
        "Exporter",
        "time",
        "times ours",
        "round trips",
        "connections opened",
    )
    for name, costs in results.items():
        latency.add_row(
            name,
            f"{costs.series:,}",
            spread(costs.quantile(0.5), "ms", 1000),
            spread(costs.quantile(0.99), "ms", 1000),
            times(costs.quantile(0.5), results[OURS].quantile(0.5)),
        )
        cost.add_row(
            name,
            spread(costs.cpu, "ms", 1000),
            times(costs.cpu, peer.cpu),
            spread(costs.database_seconds, "ms", 1000),
            times(costs.database_seconds, peer.database_seconds),
            spread(costs.database_cpu, "ms", 1000),
            f"{median(costs.statements):.1f}",
            f"{costs.resident / 2**20:.0f} MiB",
        )
        if costs.far:
            far.add_row(
                name,
                spread(costs.far, "ms", 1000),
                times(costs.far, results[OURS].far),
                f"{costs.round_trips:.1f}",
                f"{costs.connections:.1f}",
            )
    for made in (latency, cost, far):
        if made.row_count:
            console.print(made)


def _dsn(server: BenchServer, role: str, port: int | None = None) -> str:
    dsn = server.cluster.dsn(DATABASE, user=role, password=role)
    return dsn if port is None else dsn.replace(f":{server.cluster.port}/", f":{port}/")


def _series(page: bytes) -> int:
    return sum(1 for line in page.splitlines() if line.startswith(b"pg_"))


PARTS = {"": main}
