"""The node `workersInvocationsAdaptive`: filter, group and aggregate invocations as the vendor does."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from exporter.demo.world.invocations import Invocation

MEMORY_GB = 0.125
"""A Worker's memory; the vendor's `duration` is wall time times this, in GB·s."""

Filter = Mapping[str, Any]
Row = dict[str, Any]

METRICS: dict[str, Callable[[Invocation], float]] = {
    "cpuTime": lambda i: i.cpu_us,
    "wallTime": lambda i: i.wall_us,
    "requestDuration": lambda i: i.wall_us,
    "duration": lambda i: i.wall_us / 1e6 * MEMORY_GB,
    "responseBodySize": lambda i: i.response_bytes,
}
SUMS: dict[str, Callable[[Invocation], float]] = {
    "requests": lambda i: 1,
    "errors": lambda i: i.status not in ("success", "clientDisconnected"),
    "subrequests": lambda i: i.subrequests,
    "clientDisconnects": lambda i: i.status == "clientDisconnected",
    "cpuTimeUs": METRICS["cpuTime"],
    "wallTime": METRICS["wallTime"],
    "requestDuration": METRICS["requestDuration"],
    "duration": METRICS["duration"],
    "responseBodySize": METRICS["responseBodySize"],
}
QUANTILES = {"P25": 0.25, "P50": 0.5, "P75": 0.75, "P90": 0.9, "P95": 0.95, "P99": 0.99, "P999": 0.999}
_TRUNCATED = {
    "datetimeMinute": 60,
    "datetimeFiveMinutes": 300,
    "datetimeFifteenMinutes": 900,
    "datetimeHour": 3600,
    "datetimeSixHours": 21600,
}
_PLAIN: dict[str, Callable[[Invocation], Any]] = {
    "scriptName": lambda i: i.script,
    "status": lambda i: i.status,
    "coloCode": lambda i: i.colo,
    "environmentName": lambda i: "production",
    "usageModel": lambda i: "standard",
    "isDispatcher": lambda i: 0,
    "datetime": lambda i: i.started,
    "date": lambda i: i.started.date(),
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda value, given: bool(value == given),
    "gt": lambda value, given: bool(value > given),
    "geq": lambda value, given: bool(value >= given),
    "lt": lambda value, given: bool(value < given),
    "leq": lambda value, given: bool(value <= given),
    "neq": lambda value, given: bool(value != given),
    "in": lambda value, given: value in given,
    "notin": lambda value, given: value not in given,
    "like": lambda value, given: _like(value, given),
    "notlike": lambda value, given: not _like(value, given),
}


def available_fields() -> list[str]:
    """Return the fields as the `settings` node lists them: group, underscore, field."""
    sums = [f"sum_{name}" for name in SUMS]
    extremes = [f"{group}_{name}" for group in ("max", "min") for name in METRICS]
    quantiles = [f"quantiles_{name}{suffix}" for name in METRICS for suffix in QUANTILES]
    dimensions = [f"dimensions_{name}" for name in (*_PLAIN, *_TRUNCATED)]
    return sorted([*sums, *extremes, *quantiles, *dimensions, "avg_sampleInterval"])


def dimension(invocation: Invocation, name: str) -> Any:
    """Return a dimension's value; those that the demo's Workers do not have are empty strings."""
    if name in _TRUNCATED:
        seconds = _TRUNCATED[name]
        return datetime.fromtimestamp(invocation.started.timestamp() // seconds * seconds, UTC)
    plain = _PLAIN.get(name)
    return "" if plain is None else plain(invocation)


def matches(invocation: Invocation, conditions: Filter) -> bool:
    """Return whether an invocation passes a filter object; its members are joined by AND."""
    for key, given in conditions.items():
        if key == "AND":
            passed = all(matches(invocation, part) for part in given)
        elif key == "OR":
            passed = any(matches(invocation, part) for part in given)
        else:
            name, _, comparison = key.partition("_")
            passed = _COMPARISONS[comparison](dimension(invocation, name), given)
        if not passed:
            return False
    return True


def time_range(conditions: Filter, now: datetime) -> tuple[datetime | None, datetime]:
    """Return the span that a filter asks for: None when it has no beginning, `now` when it has no end."""
    lower: list[datetime] = []
    upper: list[datetime] = []
    for key, given in conditions.items():
        name, _, comparison = key.partition("_")
        if not name.startswith("date"):
            continue
        moments = [_moment(value) for value in (given if isinstance(given, Sequence) else [given])]
        if comparison in ("", "in", "gt", "geq"):
            lower.append(min(moments, default=now))
        if comparison in ("", "in", "lt", "leq"):
            upper.append(max(moments, default=now) + (timedelta(days=1) if name == "date" else timedelta()))
    for part in conditions.get("AND", ()):
        start, end = time_range(part, now)
        lower.extend([start] if start is not None else [])
        upper.append(end)
    return max(lower, default=None), min(upper, default=now)


def aggregate(
    invocations: Iterable[Invocation], dimensions: Sequence[str], order: Sequence[str], limit: int
) -> list[Row]:
    """Group by `dimensions` (none: one row, if there is anything at all), order and cut."""

    def key(invocation: Invocation) -> tuple[Any, ...]:
        return tuple(dimension(invocation, name) for name in dimensions)

    rows = [
        _row(dict(zip(dimensions, values, strict=True)), list(members))
        for values, members in groupby(sorted(invocations, key=key), key=key)
    ]
    for name in reversed(order):
        field, _, direction = name.rpartition("_")
        rows.sort(key=lambda row: _order_value(row, field), reverse=direction == "DESC")
    return rows[:limit]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the quantile of ascending values by linear interpolation between the two nearest ranks."""
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _row(dimensions: dict[str, Any], members: list[Invocation]) -> Row:
    ordered = {name: sorted(read(member) for member in members) for name, read in METRICS.items()}
    return {
        "dimensions": dimensions,
        "avg": {"sampleInterval": 1.0},
        "sum": {name: sum(read(member) for member in members) for name, read in SUMS.items()},
        "min": {name: values[0] for name, values in ordered.items()},
        "max": {name: values[-1] for name, values in ordered.items()},
        "quantiles": {
            f"{name}{suffix}": quantile(values, share)
            for name, values in ordered.items()
            for suffix, share in QUANTILES.items()
        },
    }


def _order_value(row: Row, field: str) -> Any:
    group, _, name = field.partition("_")
    return row[group][name] if name else row["dimensions"].get(field, "")


def _moment(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)


def _like(value: str, pattern: str) -> bool:
    parts = (".*" if letter == "%" else "." if letter == "_" else re.escape(letter) for letter in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None
