"""Memory, descriptors and tasks at 10,000 series: after 2,000 scrapes, and whether 2,000 failing refreshes and 20,000
scrapes more make them grow."""

import time

from tests.bench.load import Scraper, load, open_files, resident_bytes
from tests.bench.servers import Server, ours
from tests.bench.table import console, table

SERIES = 10_000
FAILING = 20
REFRESHES = 2_000


def main() -> None:
    """Print what the process holds as scrapes and failures go by: two sources hang and twenty fail all the time."""
    growth = table(
        f"{SERIES:,} series, 2 sources hanging, {FAILING} failing",
        "After",
        "failed refreshes",
        "resident",
        "descriptors",
        "tasks",
    )
    with ours(SERIES, every=0.2, hanging=2, failing=FAILING) as server:

        def note(after: str) -> int:
            failed, tasks = _failed(server)
            resident = f"{resident_bytes(server.pid) / 1e6:.1f} MB"
            growth.add_row(after, f"{failed:,}", resident, str(open_files(server.pid)), str(tasks))
            return failed

        load(server.port, server.pid, 2_000, gzip=True)
        failed = note("2,000 scrapes")
        while _failed(server)[0] < failed + REFRESHES:
            time.sleep(0.5)
        note(f"{REFRESHES:,} failing refreshes more")
        for _ in range(2):
            load(server.port, server.pid, 10_000, gzip=True)
            note("10,000 scrapes more")
    console.print(growth)


def _failed(server: Server) -> tuple[int, int]:
    """Return how many refreshes failed so far, and how many tasks there are."""
    scraper = Scraper(server.port)
    lines = scraper.scrape().decode().splitlines()
    scraper.close()
    failures = [
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("platform_exporter_source_failures_total{")
    ]
    tasks = next(float(line.rpartition(" ")[2]) for line in lines if line.startswith("bench_tasks "))
    return int(sum(failures)), int(tasks)
