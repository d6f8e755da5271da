"""What writing the exposition costs per series, beside prometheus-client's generate_latest, and what gzip costs."""

import gzip
import random
import time
from collections.abc import Callable

from isal import igzip
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Family
from tests.bench.ours import SOURCES, families
from tests.bench.peer_prometheus_client import Families
from tests.bench.table import RUNS, console, spread, table, times

Declared = tuple[Family, list[tuple[str, ...]]]

SIZES = (1_000, 10_000, 100_000)


def main() -> None:
    """Print microseconds a series, and milliseconds for gzip."""
    costs = table("Rendering, every value changed", "Series", "ours", "prometheus-client", "ratio")
    for series in SIZES:
        ours, peer = _ours(series), _peer(series)
        costs.add_row(f"{series:,}", spread(ours, "µs", 1e6), spread(peer, "µs", 1e6), times(peer, ours))
    console.print(costs)
    body = Renderer().render(_changed(_declared(10_000))).text
    packing = table(f"Compressing {len(body):,} bytes", "Library", "time", "size", "ratio of time")
    fast = [_timed(lambda: igzip.compress(body, 1)) for _ in range(RUNS)]
    slow = [_timed(lambda: gzip.compress(body, 9)) for _ in range(RUNS)]
    ratio = times(slow, fast)
    packing.add_row(
        "isal, level 1 (ours)", spread(fast, "ms", 1000), f"{len(igzip.compress(body, 1)):,} B", "1x"
    )
    packing.add_row(
        "zlib, level 9 (peer)", spread(slow, "ms", 1000), f"{len(gzip.compress(body, 9)):,} B", ratio
    )
    console.print(packing)


def _ours(series: int) -> list[float]:
    declared, renderer = _declared(series), Renderer()
    renderer.render(_changed(declared))  # makes the prefixes, as the first rendering of a process does
    found = []
    for _ in range(3 * RUNS):
        parts = _changed(declared)
        started = time.perf_counter()
        renderer.render(parts)
        found.append((time.perf_counter() - started) / series)
    return found


def _peer(series: int) -> list[float]:
    collectors = CollectorRegistry()
    collectors.register(Families(series))
    return [_timed(lambda: generate_latest(collectors)) / series for _ in range(RUNS)]


def _declared(series: int) -> list[Declared]:
    return [entry for source in range(SOURCES) for entry in families(source, series // SOURCES)]


def _changed(declared: list[Declared]) -> list[tuple[Family, list[Part]]]:
    return [(family, [Part({key: random.random() * 1000 for key in keys})]) for family, keys in declared]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
