"""How long the whole command `generate` takes, start of Python included, and what the dashboards alone do."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from exporter.generate import catalogue, mixin
from exporter.generate.bundle import bundle
from tests.bench.servers import ROOT
from tests.bench.table import RUNS, console, judged, spread, table

TARGET = 3.0
"""Seconds."""
DASHBOARDS = 2.0
"""Seconds that all dashboards of a platform may take."""


def main() -> None:
    """Print seconds a platform file."""
    taken = table("platform-exporter generate", "Platform file", "Time", "Files", "dashboards alone, CPU")
    for file in sorted((ROOT / "platforms").glob("*.yml")):
        runs = []
        with tempfile.TemporaryDirectory() as folder:
            program = [sys.executable, "-c", "from exporter.cli import app; app()"]
            command: list[str | Path] = [*program, "generate", "-p", file, "-o", folder]
            for _ in range(RUNS):
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                runs.append(time.perf_counter() - started)
            files = sum(path.is_file() for path in Path(folder).rglob("*"))
        boards = _dashboards(file)
        taken.add_row(
            file.name,
            judged(spread(runs, "s"), median(runs), most=TARGET),
            str(files),
            judged(spread(boards, "s"), median(boards), most=DASHBOARDS),
        )
    console.print(taken)


def _dashboards(file: Path) -> list[float]:
    """Return seconds of CPU that Jsonnet takes for all dashboards of a platform, and for nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        (program := Path(folder) / "dashboards.jsonnet").write_text(
            "import 'dashboards/dashboards.libsonnet'"
        )
        text, found = bundle(program, mixin.folder()), json.dumps(catalogue(file))
    taken = []
    for _ in range(RUNS):
        started = time.process_time()
        mixin._evaluate(program.name, text, catalogue=found)
        taken.append(time.process_time() - started)
    return taken
