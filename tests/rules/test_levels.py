"""The arithmetic of promises, for every kind of signal and objective: promtool's tests over a platform of their own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.generate import catalogue, files, write

LEVELS = Path(__file__).parent / "levels"
TESTS = sorted(file for file in LEVELS.glob("*.yml") if file.stem != "platform")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels")
    write(files(catalogue(LEVELS / "platform.yml")), folder)
    return folder


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_promises_are_measured_as_written_down(file: Path, generated: Path, promtool: Path) -> None:
    test = shutil.copy(file, generated)
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_without_duplicates(generated: Path, promtool: Path) -> None:
    rules = sorted((generated / "prometheus" / "rules").glob("*.yml"))
    done = subprocess.run(
        [promtool, "check", "rules", "--lint-fatal", *rules], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
