"""Postgres: what a scrape and a collection cost beside postgres_exporter and query-exporter, near and far.

All are asked for the same families, those of postgres_exporter as it comes. "ours, in its tiers" is how ours runs of
itself, but for its caps: all its families, each at its interval, those that cost most every five minutes. "ours, all at
once" and query-exporter run every collector of the same families at every collection: that is the most it can cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from tests.bench import postgres_faults
from tests.bench.load import tail
from tests.bench.postgres_costs import Costs, Spent, Subject, UnsteadyError, measure, measure_trips
from tests.bench.postgres_peers import (
    PeerMissing,
    body,
    collectors_of,
    families,
    ours,
    postgres_exporter,
    query_exporter,
)
from tests.bench.postgres_proxy import Proxy, proxy
from tests.bench.postgres_server import DATABASE, BenchServer, bench_server
from tests.bench.table import RUNS, console, judged, spread, table, times

FAR = 0.05
"""Seconds that each round trip to a database in another region takes."""
LONGEST_TIER = 20
"""Collections after which all but the rarest collectors have had their turn: five minutes of every 15 s."""
FASTER, FASTER_FAR = 200, 5
"""How many times longer a scrape, and a collection from far away, is to take with postgres_exporter, at least."""
CPU, DATABASE_TIME, RESIDENT = 0.2, 0.5, 2
"""What ours is to need of what postgres_exporter needs, at most."""
THEIRS, OTHER = "postgres_exporter 0.19.1", "query-exporter 5.0.2"
TIERED, ALL = OURS = "ours, in its tiers", "ours, all at once"


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: tables and statements; how often each collects, and collections of a run.

    `every`, `collections`: of ours. `scrapes`: of a run of postgres_exporter. `rarely`: seconds between collections of
    query-exporter. `far`: of ours from far away, where each run is one collection; `other_far`: of query-exporter, 0 to
    leave it out there. `other_loaded`: collections of query-exporter with pgbench running as well.
    """

    tables: int
    statements: int = 0
    every: float = 0.5
    collections: int = 3
    scrapes: int = 5
    rarely: float = 2
    far: float = 1
    other_far: float = 5
    other_loaded: bool = True

    @property
    def title(self) -> str:
        """Heading."""
        return f"{self.tables:,} tables" + (f", {self.statements:,} statements" if self.statements else "")


CASES = {
    "20": Case(20, scrapes=10, rarely=1, other_far=0),
    "1000": Case(1_000),
    "statements": Case(1_000, 5_000, other_far=0),
    "10000": Case(
        10_000, every=2.5, collections=1, scrapes=1, rarely=10, far=4, other_far=0, other_loaded=False
    ),
}
"""Runs of one collection are enough where collections are long: each is measured whole."""


def _case(case: Case) -> None:
    """Print the tables of a case."""
    with bench_server(case.tables, case.statements) as server:
        _compare(case, server)


def _faults() -> None:
    """Print what each exporter answers under faults."""
    with bench_server(1_000) as server:
        postgres_faults.compare(server)


PARTS: dict[str, Callable[[], None]] = {
    **{name: partial(_case, case) for name, case in CASES.items()},
    "faults": _faults,
}


def _compare(case: Case, server: BenchServer) -> None:
    """Measure near the server, and all over again from far away; print both."""
    flags = ("--collector.stat_statements",) if case.statements else ()
    for role in ("theirs", "mine", "tiered", "other"):
        server.role(role)
    near = _measured(case, server, flags)
    _print(case.title, near)
    if OTHER in near and not case.other_loaded:
        console.print(f"{OTHER}: no collections with pgbench running here, to save time: see part 1000.")
    with proxy(server.cluster.port, FAR) as line:
        far = _measured(case, server, flags, line)
    title = f"{case.title}, {1000 * FAR:g} ms a round trip"
    _print(title, far)
    _print_trips(title, far)
    if not case.other_far:
        console.print(f"{OTHER}: not from far away here, to save time: see part 1000.")


def _measured(
    case: Case, server: BenchServer, flags: tuple[str, ...], line: Proxy | None = None
) -> dict[str, Costs]:
    """Measure every exporter; through `line` what goes over it as well, but no collections with pgbench."""
    results = {name: Costs() for name in (THEIRS, *OURS)}
    dsn = partial(_dsn, server, port=line.port if line else None)
    scrapes, every, collections = (1, case.far, 1) if line else (case.scrapes, case.every, case.collections)
    with postgres_exporter(dsn("theirs"), *flags) as peer:
        same = collectors_of(families(body(peer)))
        _measure(results[THEIRS], Subject(peer, server, "theirs", None, scrapes), line)
    with ours(dsn("mine"), every, same) as process:
        _measure(results[ALL], Subject(process, server, "mine", every, collections), line)
    tick = every / 2
    with ours(dsn("tiered"), tick, tiers=True) as process:
        subject = Subject(process, server, "tiered", tick, LONGEST_TIER)
        _measure(results[TIERED], subject, line, loaded=False, trips=LONGEST_TIER)
    rarely = case.other_far if line else case.rarely
    if not rarely:
        return results
    try:
        with query_exporter(dsn("other"), rarely, same) as process:
            costs = Costs()
            _measure(costs, Subject(process, server, "other", rarely, 1), line, loaded=case.other_loaded)
            results[OTHER] = costs
    except (PeerMissing, UnsteadyError) as missing:
        console.print(f"{OTHER} is left out: {missing}")
    return results


def _measure(
    costs: Costs, subject: Subject, line: Proxy | None, *, loaded: bool = True, trips: int = RUNS
) -> None:
    """Measure near, or through `line` with so many collections of which each is followed over it."""
    measure(costs, subject, line, loaded=loaded and line is None)
    if line:
        measure_trips(costs, replace(subject, collections=1), line, trips)


def _print(title: str, results: dict[str, Costs]) -> None:
    latency = table(
        f"{title}: a scrape, with pgbench running",
        "Exporter",
        "Series",
        "p50",
        "p99",
        "theirs to it",
        "resident",
        "of theirs",
    )
    theirs = results[THEIRS]
    for name, costs in results.items():
        latency.add_row(
            name,
            f"{costs.series:,}",
            spread(costs.quantile(0.5), "ms", 1000),
            tail(costs.loads),
            _judged(name, theirs.quantile(0.5), costs.quantile(0.5), least=FASTER),
            spread(costs.resident, "MiB", 2**-20),
            _judged(name, costs.resident, theirs.resident, most=RESIDENT),
        )
    console.print(latency)
    _print_spent(f"{title}: a collection", {name: costs.quiet for name, costs in results.items()})
    if theirs.loaded:
        _print_spent(
            f"{title}: a collection, with pgbench running in another database",
            {name: costs.loaded for name, costs in results.items()},
        )


def _print_trips(title: str, results: dict[str, Costs]) -> None:
    made = table(
        f"{title}: what goes over the line for a collection",
        "Exporter",
        "time",
        "theirs to it",
        "round trips",
        "connections opened",
    )
    theirs = [trip.seconds for trip in results[THEIRS].trips]
    for name, costs in results.items():
        taken = [trip.seconds for trip in costs.trips]
        opened = median(trip.connections for trip in costs.trips)
        made.add_row(
            name,
            spread(taken, "ms", 1000),
            _judged(name, theirs, taken, least=FASTER_FAR),
            f"{median(trip.round_trips for trip in costs.trips):.1f}",
            f"{opened:.1f}" + ("\nnone: " + ("met" if opened == 0 else "missed") if name in OURS else ""),
        )
    console.print(made)


def _print_spent(title: str, spent: dict[str, list[Spent]]) -> None:
    """Print what a collection costs. The server's CPU with pgbench holds pgbench's work: it is left out."""
    with_cpu = "pgbench" not in title
    made = table(
        title,
        "Exporter",
        "CPU",
        "of theirs",
        "database time",
        "of theirs",
        *(["database CPU"] if with_cpu else []),
        "statements",
    )
    peer = spent[THEIRS]
    for name, runs in spent.items():
        if runs:
            cpu, seconds = [run.cpu for run in runs], [run.database_seconds for run in runs]
            of_cpu = _judged(name, cpu, [run.cpu for run in peer], most=CPU)
            of_seconds = _judged(name, seconds, [run.database_seconds for run in peer], most=DATABASE_TIME)
            made.add_row(
                name,
                spread(cpu, "ms", 1000),
                of_cpu,
                spread(seconds, "ms", 1000),
                of_seconds,
                *([spread([run.database_cpu for run in runs], "ms", 1000)] if with_cpu else []),
                f"{median(run.statements for run in runs):.1f}",
            )
    console.print(made)


def _judged(
    name: str, over: list[float], under: list[float], *, most: float | None = None, least: float | None = None
) -> str:
    """Write a ratio of medians; what is asked of it stands under those of ours."""
    ratio = times(over, under)
    return judged(ratio, median(over) / median(under), most=most, least=least) if name in OURS else ratio


def _dsn(server: BenchServer, role: str, port: int | None = None) -> str:
    dsn = server.cluster.dsn(DATABASE, user=role, password=role)
    return dsn if port is None else dsn.replace(f":{server.cluster.port}/", f":{port}/")
