"""How old data are when they are scraped, with phase lock and without: two scrapers every few seconds, jittered.

Each run has an exporter of its own and its own moment of the first scrape. All runs go on at the same time, since the
exporters rest for nearly all of it.
"""

import random
import threading
import time
from contextlib import ExitStack
from statistics import median

from tests.bench.load import Scraper
from tests.bench.servers import Server, ours
from tests.bench.table import RUNS, console, judged, spread, table, times

INTERVAL = 15.0
SCRAPES = 8
WARM_UP = 4
TARGET = 1.0
"""Seconds that the median is to stay within with phase lock."""


def main() -> None:
    """Print the ages that two scrapers saw, as median and maximum of each run."""
    runs: dict[bool, list[list[float]]] = {locked: [[] for _ in range(RUNS)] for locked in (False, True)}
    with ExitStack() as stack:
        threads = [
            threading.Thread(target=_scrape, args=(server, first + apart, found))
            for locked, each in runs.items()
            for found in each
            for server in (stack.enter_context(ours(1_000, every=INTERVAL, lock=locked)),)
            for first in (random.uniform(1, INTERVAL / 3),)
            for apart in (0.0, INTERVAL / 3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ages = table(
        f"Age of the data at a scrape every {INTERVAL:g} s, two scrapers, {RUNS} exporters each",
        "Phase lock",
        "median",
        "to that with it",
        "largest",
    )
    mid = {locked: [median(run) for run in each] for locked, each in runs.items()}
    for locked, each in runs.items():
        figure = spread(mid[locked], "s")
        ages.add_row(
            "on" if locked else "off",
            judged(figure, median(mid[locked]), most=TARGET) if locked else figure,
            times(mid[locked], mid[True]),
            spread([max(run) for run in each], "s"),
        )
    console.print(ages)


def _scrape(server: Server, offset: float, found: list[float]) -> None:
    scraper = Scraper(server.port)
    begin = time.monotonic() + offset
    for number in range(SCRAPES):
        time.sleep(max(0.0, begin + number * INTERVAL + random.uniform(-0.05, 0.05) - time.monotonic()))
        now = time.time()
        body = scraper.scrape().decode()
        if number >= WARM_UP:
            marker = 'platform_exporter_source_last_success_timestamp_seconds{source="bench.'
            found += [
                now - float(line.rpartition(" ")[2]) for line in body.splitlines() if line.startswith(marker)
            ]
    scraper.close()
