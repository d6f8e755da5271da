"""Our exporter with made-up sources: `python -m tests.bench.ours PORT SERIES EVERY HANGING FAILING [lock]`.

Ten sources share the series; each makes new values at each collection. HANGING more never answer, FAILING more fail
several times a second, in all the ways in which sources fail.
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
from exporter.engine.source import Source, SourceError
from exporter.server.run import serve

SOURCES = 10
SERIES_PER_FAMILY = 100
TASKS = Family("bench_tasks", "gauge", "Tasks of the event loop.")


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


class Failing(Source):
    """Fails: refused, with a defect, too late, with rubbish."""

    def __init__(self, number: int) -> None:
        super().__init__(f"failing.{number}", every=0.05, timeout=0.05)
        self._turn = number

    async def collect(self) -> Collected:
        self._turn += 1
        match self._turn % 4:
            case 0:
                raise SourceError("connect", "nobody there", remedy="Start it.")
            case 1:
                raise ZeroDivisionError(f"turn {self._turn}")
            case 2:
                await asyncio.Event().wait()
        return None  # type: ignore[return-value]  # a source that is wrong about its own type


class Tasks(Source):
    """How many tasks the event loop has: none may be left behind."""

    def __init__(self) -> None:
        super().__init__("bench.tasks", every=0.2, timeout=5)

    async def collect(self) -> Collected:
        out = Collected()
        out.set(TASKS, len(asyncio.all_tasks()))
        return out


def main() -> None:
    """Serve until told to stop."""
    port, series, every = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    hanging, failing, lock = int(sys.argv[4]), int(sys.argv[5]), "lock" in sys.argv[6:]
    sources: list[Source] = [
        Changing(number, series // SOURCES, every, lock=lock) for number in range(SOURCES)
    ]
    sources += [Hanging(f"hanging.{number}", every=every, timeout=2) for number in range(hanging)]
    sources += [Failing(number) for number in range(failing)]
    sources.append(Tasks())
    engine.build_sources = lambda platform: sources
    logs.silence()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLATFORM_STATE_DIR"] = folder
        path = Path(folder) / "platform.yml"
        path.write_text(f"platform: bench\nlimits: {{series: {series + 10_000}, series_per_family: 1000}}\n")
        uvloop.run(serve(path, "127.0.0.1", port))


if __name__ == "__main__":
    main()
