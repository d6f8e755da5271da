"""How old data are when they are scraped, with phase lock and without: two scrapers every few seconds, jittered."""

import random
import threading
import time
from statistics import median

from tests.bench.load import Scraper
from tests.bench.servers import Server, ours
from tests.bench.table import console, table

INTERVAL = 15.0
SCRAPES = 9
WARM_UP = 4


def main() -> None:
    """Print the ages that two scrapers saw."""
    ages = table(
        f"Age of the data at a scrape every {INTERVAL:g} s, two scrapers", "Phase lock", "median", "largest"
    )
    for lock in (False, True):
        with ours(1_000, every=INTERVAL, lock=lock) as server:
            found: list[float] = []
            threads = [
                threading.Thread(target=_scrape, args=(server, offset, found))
                for offset in (1.0, 1.0 + INTERVAL / 3)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        ages.add_row("on" if lock else "off", f"{median(found):.2f} s", f"{max(found):.2f} s")
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
