"""How long a scrape takes, and what it costs: ours, prometheus-client's server, nginx with the same bytes as a file.

nginx and, between two collections, our exporter answer with bytes that lie ready; a plain body of ours is put together
when it is asked for first. "new page" is what a scraper sees that comes seldom: each of its scrapes is the first of a
page. prometheus-client makes every page anew.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from rich.table import Table

from tests.bench.load import Load, Scraper, load, paced, tail
from tests.bench.servers import Server, nginx, nginx_version, ours, prometheus_client
from tests.bench.table import RUNS, console, judged, spread, table, times

SIZES = {1_000: (2000, 100), 10_000: (1000, 10), 100_000: (200, 3)}
"""Series → scrapes of a run for the fast servers and for prometheus-client's."""
TARGETS = {"nginx": 1 / 4, "prometheus-client": 50}
"""What their p50 is to be of ours, at least, at TARGET_SERIES."""
TARGET_SERIES, TARGET_P99 = 10_000, 3.0
"""Series, and the milliseconds that scrapes stay within while everything refreshes."""
NEW_PAGES = 20
SECONDS = 5.0
"""Length of a run while sources refresh: several refreshes of each lie within."""


def _size(series: int) -> None:
    """Print latency and CPU at so many series, plain and as Prometheus asks, with gzip."""
    latency = table(f"Scrape, {series:,} series", "Server", "p50", "p99", "CPU per scrape", "p50 to ours")
    for gzip in (False, True):
        _compare(latency, series, gzip=gzip)
        latency.add_section()
    console.print(latency)


def _compare(latency: Table, series: int, *, gzip: bool) -> None:
    """Add a row for each server. nginx serves the very bytes that ours answered with."""
    fast, slow = SIZES[series]
    results: dict[str, list[Load]] = {}
    with ours(series, every=5) as server:
        scraper = Scraper(server.port, gzip=gzip)
        body = scraper.scrape()
        scraper.close()
        results["ours"] = [load(server.port, server.pid, fast, gzip=gzip) for _ in range(RUNS)]
    with ours(series, every=1) as server:
        results["ours, new page"] = [_new_pages(server, gzip=gzip) for _ in range(RUNS)]
    with nginx(body) as server:
        results[f"nginx {nginx_version()}, static file"] = [
            load(server.port, server.pid, fast, gzip=gzip) for _ in range(RUNS)
        ]
    with prometheus_client(series) as server:
        results["prometheus-client"] = [
            load(server.port, server.pid, slow, gzip=gzip, warm_up=1) for _ in range(RUNS)
        ]
    own = [run.quantile(0.5) for run in results["ours"]]
    for name, runs in results.items():
        p50 = [run.quantile(0.5) for run in runs]
        cpu = [run.cpu_per_scrape for run in runs]
        ratio, target = times(p50, own), TARGETS.get(name.partition(" ")[0])
        if target is not None and series == TARGET_SERIES:
            ratio = judged(ratio, median(p50) / median(own), least=target)
        latency.add_row(
            f"{'gzip' if gzip else 'plain'}: {name}",
            spread(p50, "ms", 1000),
            tail(runs),
            spread(cpu, "ms", 1000) if any(cpu) else "",
            ratio,
        )


def _new_pages(server: Server, *, gzip: bool) -> Load:
    """Scrape each page once only. Another scraper, which asks for the other encoding, sees when there is a new one.

    The server collects all the while, so what a scrape costs it cannot be told apart.
    """
    watcher, scraper = Scraper(server.port, gzip=not gzip), Scraper(server.port, gzip=gzip)
    latencies, body = [], b""
    for _ in range(NEW_PAGES):
        seen = watcher.scrape()
        while watcher.scrape() == seen:
            time.sleep(0.005)
        started = time.perf_counter()
        body = scraper.scrape()
        latencies.append(time.perf_counter() - started)
    watcher.close()
    scraper.close()
    return Load(sorted(latencies), 0.0, len(body), NEW_PAGES)


def _busy() -> None:
    """Print latencies at moments of their own while everything refreshes and two sources hang.

    By turns with nginx, which answers with a page that lies ready: what it takes is the machine's.
    """
    busy = table(
        f"{TARGET_SERIES:,} series, every source refreshing each second, two hanging; scrapes over {SECONDS:g} s a run",
        "Server",
        "p50",
        "p99",
        "longest",
        "scrapes",
        "new pages seen",
        "p99 to ours",
    )
    with ours(TARGET_SERIES, every=1, hanging=2) as server:
        for gzip in (False, True):
            scraper = Scraper(server.port, gzip=gzip)
            body = scraper.scrape()
            scraper.close()
            with nginx(body) as other:
                pairs = [
                    [paced(each.port, each.pid, SECONDS, gzip=gzip) for each in (server, other)]
                    for _ in range(RUNS)
                ]
            own, peer = ([pair[index] for pair in pairs] for index in (0, 1))
            p99 = [run.quantile(0.99) for run in own]
            for name, runs in (("ours", own), (f"nginx {nginx_version()}, static file", peer)):
                busy.add_row(
                    f"{'gzip' if gzip else 'plain'}: {name}",
                    spread([run.quantile(0.5) for run in runs], "ms", 1000),
                    judged(tail(runs), median(p99) * 1000, most=TARGET_P99) if runs is own else tail(runs),
                    spread([run.latencies[-1] for run in runs], "ms", 1000),
                    f"{min(len(run.latencies) for run in runs):,} or more",
                    f"{min(run.changes for run in runs)} or more",
                    times([run.quantile(0.99) for run in runs], p99),
                )
            busy.add_section()
    console.print(busy)


PARTS: dict[str, Callable[[], None]] = {
    **{str(series): partial(_size, series) for series in SIZES},
    "busy": _busy,
}
