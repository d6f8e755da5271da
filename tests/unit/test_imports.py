"""What `run` imports: each library costs memory in a process that runs for months."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import sys
from pathlib import Path
from exporter import cli
from exporter.engine.engine import build_sources
from exporter.platform.load import load

build_sources(load(Path(sys.argv[1])))
print(*sys.modules)
"""


def imported(platform: str, folder: Path) -> set[str]:
    file = folder / "platform.yml"
    file.write_text(platform)
    run = [sys.executable, "-c", RUN, str(file)]
    return set(subprocess.run(run, capture_output=True, text=True, check=True, timeout=300).stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        "rich",
        "pygments",
        "httpx",
        "structlog",
        "_jsonnet",
        "unittest",
        "redis",
        "bcrypt",
        "exporter.check",
        "exporter.demo",
        "exporter.explain",
        "exporter.generate",
        "exporter.reference",
    ],
)
def test_what_other_commands_and_sources_need_is_not_imported(name: str, postgres_alone: set[str]) -> None:
    assert name not in postgres_alone


@pytest.fixture(scope="module")
def postgres_alone(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    source = "postgres: {main: {dsn: '${env:DSN}'}}"
    found = imported(f"platform: test\nsources: {{{source}}}\n", tmp_path_factory.mktemp("imports"))
    assert "exporter.sources.postgres.source" in found
    return found
