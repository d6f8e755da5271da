"""The servers that the demo runs, found on this machine."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.demo.errors import DemoError


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the servers; `grafana` is None where it is not installed."""

    postgres: Path
    redis: Path
    prometheus: Path
    promtool: Path
    alertmanager: Path
    grafana: Path | None


PACKAGES = {
    "postgres": "postgresql",
    "redis": "redis-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "alertmanager": "prometheus-alertmanager",
}


def find_programs() -> Programs:
    """Find all servers, the newest PostgreSQL among several. Raises DemoError naming the packages that are missing."""
    found = {
        "postgres": _newest_postgres(),
        "redis": _which("redis-server"),
        "prometheus": _which("prometheus"),
        "promtool": _which("promtool"),
        "alertmanager": _which("prometheus-alertmanager", "alertmanager"),
    }
    missing = sorted({PACKAGES[name] for name, path in found.items() if path is None})
    if missing:
        raise DemoError(
            f"not installed: {', '.join(missing)}. On Debian: sudo apt-get install {' '.join(missing)}"
        )
    present = {name: path for name, path in found.items() if path is not None}
    return Programs(**present, grafana=_which("grafana", "grafana-server"))


def own_command() -> list[str]:
    """Return the command line of platform-exporter itself, the one of this Python environment."""
    beside = Path(sys.executable).with_name("platform-exporter")
    if beside.exists():
        return [str(beside)]
    on_path = shutil.which("platform-exporter")
    if on_path is None:
        raise DemoError(
            "the command platform-exporter is not installed: pip install 'platform-exporter[demo]'"
        )
    return [on_path]


def _which(*names: str) -> Path | None:
    # /usr/sbin is not on every user's PATH, and Debian has some servers there.
    for name in names:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if path:
            return Path(path)
    return None


def _newest_postgres() -> Path | None:
    def version(path: Path) -> tuple[int, ...]:
        return tuple(int(number) for number in path.parent.name.split(".") if number.isdecimal())

    folders: Sequence[Path] = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()
    ]
    if folders:
        return max(folders, key=version)
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None
