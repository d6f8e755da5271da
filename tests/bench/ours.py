"""The exporter with made-up sources, as a process: `python -m tests.bench.ours PORT SERIES EVERY HANGING [lock]`.

Ten sources share the series; each makes new values at each collection. HANGING more never answer.
"""

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path

import uvloop

from exporter import logs
from exporter.engine import engine
from exporter.engine.families import Collected, Family
from exporter.engine.source import Source
from exporter.server.run import serve

SOURCES = 10
SERIES_PER_FAMILY = 100


def families(source: int, series: int) -> list[tuple[Family, list[tuple[str, ...]]]]:
    """Return declarations and label values of `series` series: three labels each, a hundred a family."""
    found = []
    for number in range(0, series, SERIES_PER_FAMILY):
        family = Family(f"bench_{source}_{number}_seconds", "gauge", "Made up.", ("target", "kind", "state"))
        count = min(SERIES_PER_FAMILY, series - number)
        keys: list[tuple[str, ...]] = [
            (f"target-{i}", f"kind-{i % 7}", f"state-{i % 3}") for i in range(count)
        ]
        found.append((family, keys))
    return found


class Changing(Source):
    """New values at each collection."""

    def __init__(self, number: int, series: int, every: float, *, lock: bool) -> None:
        super().__init__(f"bench.{number}", every=every, timeout=5, phase_lock=lock)
        self._families = families(number, series)

    async def collect(self) -> Collected:
        out = Collected()
        for family, keys in self._families:
            out.families[family] = {key: random.random() * 1000 for key in keys}
        return out


class Hanging(Source):
    """Never answers."""

    async def collect(self) -> Collected:
        await asyncio.Event().wait()
        return Collected()


def main() -> None:
    """Serve until told to stop."""
    port, series, every, hanging = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    lock = "lock" in sys.argv[5:]
    sources: list[Source] = [
        Changing(number, series // SOURCES, every, lock=lock) for number in range(SOURCES)
    ]
    sources += [Hanging(f"hanging.{number}", every=every, timeout=2) for number in range(hanging)]
    engine.build_sources = lambda platform: sources
    logs.silence()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLATFORM_STATE_DIR"] = folder
        path = Path(folder) / "platform.yml"
        path.write_text(f"platform: bench\nlimits: {{series: {series + 10_000}, series_per_family: 1000}}\n")
        uvloop.run(serve(path, "127.0.0.1", port))


if __name__ == "__main__":
    main()
