"""How long the whole command `generate` takes, start of Python included, for every platform file."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.servers import ROOT
from tests.bench.table import RUNS, console, spread, table


def main() -> None:
    """Print seconds a platform file."""
    taken = table("platform-exporter generate; the aim is under 3 s", "Platform file", "Time", "Files")
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
        taken.add_row(file.name, spread(runs, "s"), str(files))
    console.print(taken)
