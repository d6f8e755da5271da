"""How long a scrape takes, and what it costs: ours, prometheus-client's server, nginx with the same bytes as a file."""

from rich.table import Table

from tests.bench.load import Load, Scraper, load
from tests.bench.servers import nginx, ours, prometheus_client
from tests.bench.table import RUNS, console, spread, table, times

SIZES = {1_000: (2000, 100), 10_000: (1000, 20), 100_000: (200, 5)}
"""Series → scrapes of a run for the fast servers and for prometheus-client's."""


def main() -> None:
    """Print latency and CPU for each number of series, plain and as Prometheus asks, with gzip."""
    latency = table("Scrape latency", "Server", "p50", "p99", "CPU per scrape", "p50 to ours")
    for series, (fast, slow) in SIZES.items():
        for gzip in (False, True):
            _compare(latency, series, fast, slow, gzip=gzip)
    console.print(latency)
    busy = table(
        "10,000 series, every source refreshing each second, two hanging", "Encoding", "p50", "p99", "body"
    )
    with ours(10_000, every=1, hanging=2) as server:
        for gzip in (False, True):
            runs = [load(server.port, server.pid, 2000, gzip=gzip) for _ in range(RUNS)]
            busy.add_row(
                "gzip" if gzip else "identity",
                spread([run.quantile(0.5) for run in runs], "ms", 1000),
                spread([run.quantile(0.99) for run in runs], "ms", 1000),
                f"{runs[0].body_bytes:,} B",
            )
    console.print(busy)


def _compare(latency: Table, series: int, fast: int, slow: int, *, gzip: bool) -> None:
    """Add a row for each server. nginx serves the very bytes that ours answered with."""
    results: dict[str, list[Load]] = {}
    with ours(series, every=5) as server:
        scraper = Scraper(server.port, gzip=gzip)
        body = scraper.scrape()
        scraper.close()
        results["ours"] = [load(server.port, server.pid, fast, gzip=gzip) for _ in range(RUNS)]
    with nginx(body) as server:
        results["nginx, static file"] = [load(server.port, server.pid, fast, gzip=gzip) for _ in range(RUNS)]
    with prometheus_client(series) as server:
        results["prometheus-client"] = [load(server.port, server.pid, slow, gzip=gzip) for _ in range(RUNS)]
    own = [run.quantile(0.5) for run in results["ours"]]
    for name, runs in results.items():
        p50 = [run.quantile(0.5) for run in runs]
        latency.add_row(
            f"{series:,} series, {'gzip' if gzip else 'plain'}: {name}",
            spread(p50, "ms", 1000),
            spread([run.quantile(0.99) for run in runs], "ms", 1000),
            spread([run.cpu_per_scrape for run in runs], "ms", 1000),
            times(p50, own),
        )
    latency.add_section()
