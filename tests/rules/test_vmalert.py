"""VictoriaMetrics' vmalert accepts the rules of every platform: expressions, templates and labels."""

import subprocess
from pathlib import Path

import pytest

from exporter.generate import catalogue, files, write
from tests.support.forky import forky_binary

PLATFORMS = sorted((Path(__file__).parents[2] / "platforms").glob("*.yml"))


def _vmalert(folder: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [forky_binary("vmalert"), "-dryRun", f"-rule={folder}/*.yml"]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.stem)
def test_vmalert_accepts_the_rules(platform: Path, tmp_path: Path) -> None:
    write(files(catalogue(platform)), tmp_path)
    done = _vmalert(tmp_path / "prometheus" / "rules")
    assert done.returncode == 0, done.stderr


def test_vmalert_would_refuse_a_bad_one(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("groups: [{name: bad, rules: [{alert: A, expr: 'sum(up) by'}]}]")
    assert _vmalert(tmp_path).returncode != 0
