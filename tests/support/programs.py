"""Programs that Debian's stable release packages, found on this machine."""

import os
import shutil
from pathlib import Path

# program -> (Debian package, name or glob of the file)
PROGRAMS = {
    "prometheus": ("prometheus", "prometheus"),
    "promtool": ("prometheus", "promtool"),
    "alertmanager": ("prometheus-alertmanager", "prometheus-alertmanager"),
    "amtool": ("prometheus-alertmanager", "amtool"),
    "redis-server": ("redis-server", "redis-server"),
    "initdb": ("postgresql", "/usr/lib/postgresql/*/bin/initdb"),
    "postgres": ("postgresql", "/usr/lib/postgresql/*/bin/postgres"),
    "pgbench": ("postgresql", "/usr/lib/postgresql/*/bin/pgbench"),
    "pgbouncer": ("pgbouncer", "pgbouncer"),
    "chromium": ("chromium", "chromium"),
}


class ProgramMissing(RuntimeError):
    """A program is not installed; the message names the package that has it."""


def binary(name: str) -> Path:
    """Return the path of the program `name` (a key of PROGRAMS), the newest where several are installed.

    Raises ProgramMissing.
    """
    package, file = PROGRAMS[name]
    if file.startswith("/"):
        found = sorted(Path("/").glob(file[1:]), key=lambda path: float(path.parts[4]))
        if found:
            return found[-1]
    elif at := shutil.which(file, path=f"{os.environ['PATH']}:/usr/sbin"):
        return Path(at)
    raise ProgramMissing(f"{name} is not installed: apt-get install {package}")
