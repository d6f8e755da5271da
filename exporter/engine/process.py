"""What the exporter says of itself: build, configuration, and the process as prometheus-client reads it."""

import platform as python_platform

from prometheus_client import ProcessCollector
from prometheus_client.registry import CollectorRegistry

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
_PROCESS = {
    "process_cpu_seconds_total": Family("process_cpu_seconds_total", "counter", "User and system CPU time."),
    "process_open_fds": Family("process_open_fds", "gauge", "Open file descriptors."),
    "process_max_fds": Family("process_max_fds", "gauge", "Most file descriptors that may be open."),
    "process_virtual_memory_bytes": Family(
        "process_virtual_memory_bytes", "gauge", "Size of virtual memory."
    ),
    "process_resident_memory_bytes": Family(
        "process_resident_memory_bytes", "gauge", "Size of resident memory."
    ),
    "process_start_time_seconds": Family(
        "process_start_time_seconds", "gauge", "When the process started, Unix time."
    ),
}
FAMILIES = (BUILD, PLATFORM, RELOADED, RELOAD_TIME, *_PROCESS.values())


class OwnMetrics:
    """Collects them. `reload_successful` and `loaded_at` are set by whoever reads the platform file."""

    def __init__(self, platform_hash: str, loaded_at: float) -> None:
        self.platform_hash = platform_hash
        self.loaded_at = loaded_at
        self.reload_successful = True
        self._process = ProcessCollector(registry=CollectorRegistry())

    def collected(self) -> Collected:
        """Return them as they are now."""
        out = Collected()
        out.set(BUILD, 1, __version__, python_platform.python_version())
        out.set(PLATFORM, 1, self.platform_hash)
        out.set(RELOADED, self.reload_successful)
        out.set(RELOAD_TIME, self.loaded_at)
        for metric in self._process.collect():
            for sample in metric.samples:
                if (family := _PROCESS.get(sample.name)) is not None:
                    out.set(family, sample.value)
        return out
