"""How long the whole command `generate` takes, start of Python included, for every platform file."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.bench.servers import ROOT
from tests.bench.table import RUNS, console, judged, spread, table

TARGET = 3.0
"""Seconds."""


def main() -> None:
    """Print seconds a platform file."""
    taken = table("platform-exporter generate", "Platform file", "Time", "Files")
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
        taken.add_row(file.name, judged(spread(runs, "s"), median(runs), most=TARGET), str(files))
    console.print(taken)
