"""Postgres: what a scrape and a collection cost beside postgres_exporter and query-exporter, near and far.

All are asked for the same families, those of postgres_exporter as it comes. "ours, as it comes" is how ours runs of
itself: all its families, and more, each at its interval; those that cost most every five minutes. "ours, all at once"
and query-exporter run every collector of the same families at every collection: that is the most one can cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from tests.bench import postgres_faults
from tests.bench.load import tail
from tests.bench.postgres_costs import Costs, Spent, Subject, UnsteadyError, measure, measure_far
from tests.bench.postgres_peers import (
    PeerMissing,
    body,
    collectors_of,
    families,
    ours,
    postgres_exporter,
    query_exporter,
)
from tests.bench.postgres_proxy import proxy
from tests.bench.postgres_server import DATABASE, BenchServer, bench_server
from tests.bench.table import console, judged, spread, table, times

FAR = 0.05
"""Seconds that each round trip to a database in another region takes."""
LONGEST_TIER = 20
"""Collections after which all but the rarest collectors have had their turn: five minutes of every 15 s."""
FASTER, FASTER_FAR = 200, 5
"""How many times longer a scrape, and a collection from far away, is to take with postgres_exporter, at least."""
CPU, DATABASE_TIME, RESIDENT = 0.2, 0.5, 2
"""What ours is to need of what postgres_exporter needs, at most."""
THEIRS, OTHER = "postgres_exporter 0.19.1", "query-exporter 5.0.2"
TIERED, ALL = OURS = "ours, as it comes", "ours, all at once"


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared: tables and statements; how often each collects, and collections of a run.

    `every`, `collections`: of ours. `scrapes`: of a run of postgres_exporter. `rarely`: seconds between collections of
    query-exporter. `far`: of ours from far away; `other_far`: of query-exporter, 0 to leave it out there.
    `other_loaded`: collections of query-exporter with pgbench running as well.
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
    flags = ("--collector.stat_statements",) if case.statements else ()
    results = {name: Costs() for name in (THEIRS, *OURS)}
    roles = {name: server.role(name) for name in ("theirs", "mine", "tiered", "other")}
    with postgres_exporter(_dsn(server, roles["theirs"]), *flags) as peer:
        same = collectors_of(families(body(peer)))
        asked = Subject(peer, server, roles["theirs"], None, case.scrapes)
        measure(results[THEIRS], asked)
    with ours(_dsn(server, roles["mine"]), case.every, same) as process:
        measure(results[ALL], Subject(process, server, roles["mine"], case.every, case.collections))
    tick = case.every / 2
    with ours(_dsn(server, roles["tiered"]), tick, tiers=True) as process:
        measure(results[TIERED], Subject(process, server, roles["tiered"], tick, LONGEST_TIER), loaded=False)
    try:
        with query_exporter(_dsn(server, roles["other"]), case.rarely, same) as process:
            costs = Costs()
            other = Subject(process, server, roles["other"], case.rarely, 1)
            measure(costs, other, loaded=case.other_loaded)
            results[OTHER] = costs
    except (PeerMissing, UnsteadyError) as missing:
        console.print(f"{OTHER} is left out: {missing}")
    _compare_far(case, server, results, same, flags)
    _print(case, results)


def _compare_far(
    case: Case, server: BenchServer, results: dict[str, Costs], same: list[str], flags: tuple[str, ...]
) -> None:
    """Ask all over again from far away."""
    with proxy(server.cluster.port, FAR) as line:
        dsn = partial(_dsn, server, port=line.port)
        with postgres_exporter(dsn("theirs"), *flags) as peer:
            measure_far(results[THEIRS], Subject(peer, server, "theirs", None, 1), line)
        far = Subject(peer, server, "mine", case.far, 1)
        with ours(dsn("mine"), case.far, same) as process:
            measure_far(results[ALL], replace(far, process=process), line)
        with ours(dsn("tiered"), case.far, tiers=True) as process:
            tiered = replace(far, process=process, role="tiered")
            measure_far(results[TIERED], tiered, line, LONGEST_TIER)
        if OTHER in results and case.other_far:
            other = replace(far, role="other", every=case.other_far)
            try:
                with query_exporter(dsn("other"), case.other_far, same) as process:
                    measure_far(results[OTHER], replace(other, process=process), line)
            except UnsteadyError as missing:
                console.print(f"{OTHER} from far away is left out: {missing}")


def _print(case: Case, results: dict[str, Costs]) -> None:
    latency = table(
        f"{case.title}: a scrape, with pgbench running",
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
        faster = _judged(name, theirs.quantile(0.5), costs.quantile(0.5), least=FASTER)
        resident = _judged(name, [costs.resident], [theirs.resident], most=RESIDENT)
        latency.add_row(
            name,
            f"{costs.series:,}",
            spread(costs.quantile(0.5), "ms", 1000),
            tail(costs.loads),
            faster,
            f"{costs.resident / 2**20:.0f} MiB",
            resident,
        )
    console.print(latency)
    _print_spent(f"{case.title}: a collection", {name: costs.quiet for name, costs in results.items()})
    _print_spent(
        f"{case.title}: a collection, with pgbench running in another database",
        {name: costs.loaded for name, costs in results.items()},
    )
    far = table(
        f"{case.title}: a collection, {1000 * FAR:g} ms a round trip",
        "Exporter",
        "time",
        "theirs to it",
        "round trips",
        "connections opened",
    )
    longest = [one.seconds for one in theirs.far]
    for name, costs in results.items():
        if costs.far:
            taken = [one.seconds for one in costs.far]
            opened = median(one.connections for one in costs.far)
            far.add_row(
                name,
                spread(taken, "ms", 1000),
                _judged(name, longest, taken, least=FASTER_FAR),
                f"{median(one.round_trips for one in costs.far):.1f}",
                f"{opened:.1f}" + ("\nnone: " + ("met" if opened == 0 else "missed") if name in OURS else ""),
            )
    console.print(far)
    left_out = [
        what
        for what, given in (("from far away", case.other_far), ("with pgbench running", case.other_loaded))
        if not given
    ]
    if OTHER in results and left_out:
        console.print(f"{OTHER}: no collections {' or '.join(left_out)} here, to save time: see part 1000.")


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
