"""What the exporter says of itself: build, configuration, and its process as Linux tells of it.

prometheus-client reads /proc too, but brings a web server and a client into the process: 1.5 MB more than these lines.
"""

import os
import platform as python_platform
import resource
from contextlib import suppress
from functools import cache
from pathlib import Path

from exporter import __version__
from exporter.engine.families import Collected, Family

BUILD = Family(
    "platform_exporter_build_info",
    "gauge",
    "1; version of the exporter and of Python.",
    ("version", "python"),
)
PLATFORM = Family(
    "platform_exporter_platform_info",
    "gauge",
    "1; fingerprint of the platform file in use. The generated rules carry the one they were made from.",
    ("platform_hash",),
)
RELOADED = Family(
    "platform_exporter_config_last_reload_successful",
    "gauge",
    "Whether the last reading of the platform file succeeded.",
)
RELOAD_TIME = Family(
    "platform_exporter_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the platform file in use was read, Unix time.",
)
CPU = Family("process_cpu_seconds_total", "counter", "User and system CPU time.")
OPEN_FDS = Family("process_open_fds", "gauge", "Open file descriptors.")
MAX_FDS = Family("process_max_fds", "gauge", "Most file descriptors that may be open.")
VIRTUAL = Family("process_virtual_memory_bytes", "gauge", "Size of virtual memory.")
RESIDENT = Family("process_resident_memory_bytes", "gauge", "Size of resident memory.")
STARTED = Family("process_start_time_seconds", "gauge", "When the process started, Unix time.")
FAMILIES = (BUILD, PLATFORM, RELOADED, RELOAD_TIME, CPU, OPEN_FDS, MAX_FDS, VIRTUAL, RESIDENT, STARTED)

_PROC = Path("/proc")


class OwnMetrics:
    """Collects them. `reload_successful` and `loaded_at` are set by whoever reads the platform file."""

    def __init__(self, platform_hash: str, loaded_at: float) -> None:
        self.platform_hash = platform_hash
        self.loaded_at = loaded_at
        self.reload_successful = True

    def collected(self) -> Collected:
        """Return them as they are now."""
        out = Collected()
        out.set(BUILD, 1, __version__, python_platform.python_version())
        out.set(PLATFORM, 1, self.platform_hash)
        out.set(RELOADED, self.reload_successful)
        out.set(RELOAD_TIME, self.loaded_at)
        with suppress(OSError):  # no Linux, or no descriptor left: there is no such metric then
            _process(out)
        return out


def _process(out: Collected) -> None:
    """Fill in what proc(5) tells."""
    # The name of the program stands before the last `)`; the first field after it is the third.
    fields = (_PROC / "self/stat").read_bytes().rpartition(b")")[2].split()
    user, system, began, virtual, resident = (int(fields[place - 3]) for place in (14, 15, 22, 23, 24))
    ticks = os.sysconf("SC_CLK_TCK")
    out.set(CPU, (user + system) / ticks)
    out.set(VIRTUAL, virtual)
    out.set(RESIDENT, resident * resource.getpagesize())
    out.set(STARTED, _booted() + began / ticks)
    out.set(MAX_FDS, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    out.set(OPEN_FDS, sum(1 for _ in (_PROC / "self/fd").iterdir()))


@cache
def _booted() -> int:
    """Return when the machine was started, Unix time."""
    lines = (_PROC / "stat").read_bytes().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(b"btime "))
