"""What is said of every source: whether it answers, how old what it said is, why it fails."""

from exporter.engine.families import Family

UP = Family(
    "platform_exporter_source_up",
    "gauge",
    "Whether the last collection of the source succeeded, and its result is known where another exporter asks.",
    ("source",),
)
LAST_SUCCESS = Family(
    "platform_exporter_source_last_success_timestamp_seconds",
    "gauge",
    "When the source last succeeded, Unix time. Its series are as old as that.",
    ("source",),
)
DURATION = Family(
    "platform_exporter_source_duration_seconds",
    "gauge",
    "How long the last collection of the source took.",
    ("source",),
)
INTERVAL = Family(
    "platform_exporter_source_interval_seconds",
    "gauge",
    "How often the source is asked while all is well.",
    ("source",),
)
FAILURES = Family(
    "platform_exporter_source_failures_total",
    "counter",
    "Failed collections of the source, by reason.",
    ("source", "reason"),
)
FAILING = Family(
    "platform_exporter_source_failing",
    "gauge",
    "1 with the reason why the source is not up: of the last failure, or `state` where no young result is known.",
    ("source", "reason"),
)
CIRCUIT_OPEN = Family(
    "platform_exporter_source_circuit_open",
    "gauge",
    "Whether the source failed so often in a row that it is only probed, ever less often; a success closes it.",
    ("source",),
)
SERVED_AGE = Family(
    "platform_exporter_source_served_age_seconds",
    "gauge",
    "How old the source's data were when they were scraped last.",
    ("source",),
)
FAMILIES = (UP, LAST_SUCCESS, DURATION, INTERVAL, FAILURES, FAILING, CIRCUIT_OPEN, SERVED_AGE)

STALE_AFTER_INTERVALS = 3
"""After so many intervals without success a source's series are withdrawn, so that Prometheus marks them stale."""


def stale_after(every: float, timeout: float) -> float:
    """Return the age in seconds at which the data of a source with this interval and time-out stop being shown."""
    return STALE_AFTER_INTERVALS * every + timeout
