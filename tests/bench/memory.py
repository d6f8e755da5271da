"""Memory, descriptors and tasks at 10,000 series: after 2,000 scrapes, and whether 2,000 failing refreshes and 20,000
scrapes more make them grow. Several exporters at the same time, one for each run: memory does not mind."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from tests.bench.load import Scraper, load, open_files, resident_bytes
from tests.bench.servers import Server, ours, prometheus_client
from tests.bench.table import RUNS, console, judged, spread, table, times

SERIES = 10_000
FAILING = 20
REFRESHES = 2_000
FIRST, MORE = 2_000, 10_000
"""Scrapes."""
PEER_SCRAPES = 20
TARGET = 90.0
"""MB that are to suffice after the first scrapes."""
GROWTH = 1.05
"""What is held at the end, to what is held after the first scrapes; more than that is growth and no noise."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at a moment, and how many refreshes failed until then."""

    resident: int
    descriptors: int
    tasks: int
    failed: int


def main() -> None:
    """Print what the processes hold as scrapes and failures go by: two sources hang and twenty fail all the time."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(ours(SERIES, every=0.2, hanging=2, failing=FAILING)) for _ in range(RUNS)
        ]
        with ThreadPoolExecutor(RUNS) as pool:
            runs = list(pool.map(_history, servers))
    with ExitStack() as stack:
        peers = [stack.enter_context(prometheus_client(SERIES)) for _ in range(RUNS)]
        with ThreadPoolExecutor(RUNS) as pool:
            theirs = list(pool.map(_peer, peers))
    growth = table(
        f"{SERIES:,} series, 2 sources hanging, {FAILING} failing; {RUNS} exporters",
        "After",
        "failed refreshes",
        "resident",
        "to the first",
        "descriptors",
        "tasks",
    )
    steps = (
        f"{FIRST:,} scrapes",
        f"{REFRESHES:,} failing refreshes more",
        f"{MORE:,} scrapes more",
        f"{MORE:,} scrapes more",
    )
    first = [run[0].resident for run in runs]
    for number, after in enumerate(steps):
        held = [run[number] for run in runs]
        resident = [each.resident for each in held]
        figure, ratio = spread(resident, "MB", 1e-6), times(resident, first)
        if number == 0:
            figure = judged(figure, median(resident) * 1e-6, most=TARGET)
        else:
            ratio = judged(ratio, median(resident) / median(first), most=GROWTH)
        growth.add_row(
            after,
            f"{min(each.failed for each in held):,} or more",
            figure,
            ratio,
            _range([each.descriptors for each in held]),
            _range([each.tasks for each in held]),
        )
    growth.add_row(
        f"prometheus-client, {PEER_SCRAPES} scrapes",
        "",
        spread(theirs, "MB", 1e-6),
        times(theirs, first),
        "",
        "",
    )
    console.print(growth)


def _history(server: Server) -> list[Held]:
    """Return what a process holds after each step."""
    load(server.port, server.pid, FIRST, gzip=True)
    history = [_held(server)]
    while _held(server).failed < history[0].failed + REFRESHES:
        time.sleep(0.5)
    history.append(_held(server))
    for _ in range(2):
        load(server.port, server.pid, MORE, gzip=True)
        history.append(_held(server))
    return history


def _peer(server: Server) -> int:
    load(server.port, server.pid, PEER_SCRAPES, gzip=True, warm_up=0)
    return resident_bytes(server.pid)


def _held(server: Server) -> Held:
    scraper = Scraper(server.port)
    lines = scraper.scrape().decode().splitlines()
    scraper.close()
    failures = [
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("platform_exporter_source_failures_total{")
    ]
    tasks = next(float(line.rpartition(" ")[2]) for line in lines if line.startswith("bench_tasks "))
    return Held(resident_bytes(server.pid), open_files(server.pid), int(tasks), int(sum(failures)))


def _range(values: Sequence[int]) -> str:
    return f"{min(values)} to {max(values)}"
