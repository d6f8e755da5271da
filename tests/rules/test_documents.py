"""What a platform's own monitoring document ranks, and what it does not: nothing pages that should not.

`documents/PLATFORM.yml` are promtool's tests over everything that is generated for that platform.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from exporter.generate import catalogue, files, write

HERE = Path(__file__).parent
PLATFORMS = HERE.parents[1] / "platforms"
DOCUMENTS = sorted((HERE / "documents").glob("*.yml"))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_alerts_have_the_rank_of_the_document(file: Path, promtool: Path, tmp_path: Path) -> None:
    write(files(catalogue(PLATFORMS / file.name)), tmp_path)
    test = shutil.copy(file, tmp_path)
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
