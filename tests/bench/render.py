"""What writing the exposition costs per series and format, beside prometheus-client's generate_latest, and gzip.

Ours writes both formats at once, and takes from its last page what has not changed. A page of which one source of ten
has new values is what a scrape costs amortised; one in which every value is new is the worst that there is.
"""

import gzip
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from unittest.mock import patch

from isal import igzip
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from exporter.engine import exposition
from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Family
from exporter.engine.packing import Packer, Piece
from tests.bench.ours import SOURCES, families
from tests.bench.peer_prometheus_client import Families
from tests.bench.table import RUNS, console, judged, spread, table, times

Declared = tuple[Family, list[tuple[str, ...]]]

SIZES = (1_000, 10_000, 100_000)
PER_SERIES = 0.2
"""Microseconds that a series may take in one format, amortised."""
FORMATS = 2
PACKED, TIMES_PACKED = 0.3, 33
"""Milliseconds that a page of 10,000 series may take amortised; how many times longer zlib is to take at least for any.

The second is what the first was against the 10 ms that zlib took for the page it was taken from, a third of this one.
"""


def main() -> None:
    """Print microseconds a series, and milliseconds for gzip."""
    costs = table(
        "Rendering, per series and format",
        "Series",
        "every value changed",
        "one source of ten changed",
        "prometheus-client",
        "to every value changed",
    )
    for series in SIZES:
        every, tenth, peer = _ours(series, 1), _ours(series, SOURCES), _peer(series)
        costs.add_row(
            f"{series:,}",
            spread(every, "µs", 1e6),
            judged(spread(tenth, "µs", 1e6), median(tenth) * 1e6, most=PER_SERIES),
            spread(peer, "µs", 1e6),
            times(peer, every),
        )
    console.print(costs)
    _pack()


def _pack() -> None:
    """Print what gzip of one body costs; ours packs both at once, and half of that is one body's."""
    declared = _declared(10_000)
    body = Renderer().render(_changed(declared)).text
    packing = table(f"gzip of a body of {len(body):,} bytes", "Library", "time", "size", "to zlib 9")
    slow = [_timed(lambda: gzip.compress(body, 9)) for _ in range(RUNS)]
    for title, share in (("every value changed", 1), ("one source of ten changed", SOURCES)):
        renderer, times_of_one, size = Renderer(), [], 0
        families = _changed(declared)
        for _ in range(3 * RUNS):
            families = _refreshed(families, declared, share)
            with _packing() as packing_of_pieces:
                out = renderer.render(families)
            started = time.perf_counter()
            packed, _ = out.gzip(openmetrics=False), out.gzip(openmetrics=True)
            seconds = time.perf_counter() - started + sum(packing_of_pieces)
            times_of_one.append(seconds / FORMATS)
            size = len(packed)
        found = times_of_one[1:]  # the first has nothing to take from
        figure = spread(found, "ms", 1000)
        if share > 1:
            figure = judged(figure, median(found) * 1000, most=PACKED)
        faster = judged(times(slow, found), median(slow) / median(found), least=TIMES_PACKED)
        packing.add_row(f"ours, {title}", figure, f"{size:,} B", faster)
    whole = [_timed(lambda: igzip.compress(body, 1)) for _ in range(3 * RUNS)]
    size = len(igzip.compress(body, 1))
    packing.add_row("isal, level 1, at once", spread(whole, "ms", 1000), f"{size:,} B", times(slow, whole))
    packing.add_row("zlib, level 9", spread(slow, "ms", 1000), f"{len(gzip.compress(body, 9)):,} B", "1x")
    console.print(packing)


def _ours(series: int, share: int) -> list[float]:
    """Return seconds per series and format of renderings before each of which one in `share` sources had new values."""
    declared, renderer = _declared(series), Renderer()
    families = _changed(declared)
    renderer.render(families)  # makes the prefixes, as the first rendering of a process does
    found = []
    for _ in range(3 * RUNS):
        families = _refreshed(families, declared, share)
        with _packing() as packing_of_pieces:
            started = time.perf_counter()
            renderer.render(families)
            seconds = time.perf_counter() - started
        found.append((seconds - sum(packing_of_pieces)) / series / FORMATS)
    return found


@contextmanager
def _packing() -> Iterator[list[float]]:
    """Yield the seconds that each piece took which is compressed meanwhile."""
    seconds: list[float] = []

    class Timed(Packer):
        def pack(self, text: bytes) -> Piece:
            started = time.perf_counter()
            piece = super().pack(text)
            seconds.append(time.perf_counter() - started)
            return piece

    with patch.object(exposition, "Packer", Timed):
        yield seconds


def _peer(series: int) -> list[float]:
    collectors = CollectorRegistry()
    collectors.register(Families(series))
    return [_timed(lambda: generate_latest(collectors)) / series for _ in range(RUNS)]


def _declared(series: int) -> list[Declared]:
    return [entry for source in range(SOURCES) for entry in families(source, series // SOURCES)]


def _changed(declared: list[Declared]) -> list[tuple[Family, list[Part]]]:
    """Return new values under new keys, as a source makes them that reads an answer."""
    return [(family, [Part({(*key,): random.random() * 1000 for key in keys})]) for family, keys in declared]


def _refreshed(
    families: list[tuple[Family, list[Part]]], declared: list[Declared], share: int
) -> list[tuple[Family, list[Part]]]:
    """Return `families` with new values for one in `share` of them, neighbours as a source's are."""
    count = len(declared) // share
    at = random.randrange(share) * count
    return [*families[:at], *_changed(declared[at : at + count]), *families[at + count :]]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
