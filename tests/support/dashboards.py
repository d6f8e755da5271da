"""Reading generated dashboards: their panels, their queries, and the metrics that these may name."""

from collections.abc import Iterator
from typing import Any

import promql_parser

from exporter.catalog import metric_families
from exporter.platform.model import Platform

Json = dict[str, Any]

WITHOUT_QUERY = {"row", "text"}
# What Grafana replaces before Prometheus sees a query.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__interval_ms": "60000",
    "$__interval": "1m",
    "$__range_s": "3600",
    "$__range": "1h",
    "$__from": "0",
    "$__to": "3600000",
    "$compare": "1d",
    "$service": "api",
    "$slo": "api-availability",
    "$target": "main",
    "$script": "demo-api",
}
TARGET_LABELS = {"job", "instance", "platform", "environment"}
_ALERT = {"alertname", "severity", "service", "source", "priority", "slo", "kind"}
FROM_PROMETHEUS = {
    "up": TARGET_LABELS,
    "scrape_duration_seconds": TARGET_LABELS,
    "ALERTS": _ALERT | {"alertstate"},
    "ALERTS_FOR_STATE": _ALERT,
    "node_cpu_seconds_total": TARGET_LABELS | {"mode"},
    "node_memory_MemAvailable_bytes": TARGET_LABELS,
    "node_memory_MemTotal_bytes": TARGET_LABELS,
    "node_filesystem_avail_bytes": TARGET_LABELS | {"fstype", "mountpoint"},
    "node_filesystem_size_bytes": TARGET_LABELS | {"fstype", "mountpoint"},
    "node_network_receive_bytes_total": TARGET_LABELS | {"device"},
    "node_network_transmit_bytes_total": TARGET_LABELS | {"device"},
    "node_disk_read_bytes_total": TARGET_LABELS | {"device"},
    "node_disk_written_bytes_total": TARGET_LABELS | {"device"},
    "prometheus_rule_evaluation_failures_total": TARGET_LABELS | {"rule_group"},
    "prometheus_rule_group_iterations_missed_total": TARGET_LABELS | {"rule_group"},
    "prometheus_tsdb_head_series": TARGET_LABELS,
    "alertmanager_notifications_total": TARGET_LABELS | {"integration"},
    "alertmanager_notifications_failed_total": TARGET_LABELS | {"integration"},
    "alertmanager_silences": TARGET_LABELS | {"state"},
}


def panels(dashboard: Json) -> Iterator[Json]:
    """All panels with those inside collapsed rows."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def shown(dashboard: Json) -> Iterator[Json]:
    """The panels that ask something."""
    yield from (panel for panel in panels(dashboard) if panel["type"] not in WITHOUT_QUERY)


def dashboards(files: Json) -> list[Json]:
    """The dashboards among the generated documents."""
    return [document for path, document in files.items() if path.startswith("dashboards/")]


def rules(files: Json) -> list[Json]:
    """The rules among the generated documents."""
    return [
        rule
        for path, document in files.items()
        if path.startswith("prometheus/rules/")
        for group in document["groups"]
        for rule in group["rules"]
    ]


def at_step(expr: str, point: int, *, step: int, last: int, to: int | None = None) -> str:
    """Return what the query of a page answers at one of its steps.

    The step, where the last one begins, and the right edge of the page (`to`), are in seconds. To be asked later than
    all of it: promtool knows nothing of what comes after.
    """
    # A query of a single point ends there, and not at the last step.
    expr = expr.replace(" @ end()", f" @ {last}")
    for variable, value in {
        "$__to": str((last if to is None else to) * 1000),
        "$__interval_ms": str(step * 1000),
        "$__rate_interval": f"{step}s",
        "$__interval": f"{step}s",
    }.items():
        expr = expr.replace(variable, value)
    return f"last_over_time(({expr})[1s:{step}s] @ {point * step})"


def parsed(expr: str) -> Any:
    """Parse a query with Grafana's variables filled in."""
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr.replace('$1"', ""), f"unknown variable in {expr}"
    return promql_parser.parse(expr)


def selectors(node: Any) -> Iterator[Any]:
    """Every vector selector below a node of the syntax tree."""
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield node.vector_selector
        case promql_parser.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:  # aggregations, parentheses, subqueries, signs
            yield from selectors(node.expr)


def known_metrics(platform: Platform, files: Json) -> dict[str, set[str]]:
    """Every metric that a query may name, with its labels: declared by the exporter or recorded by a rule."""
    known = {family.name: set(family.labels) | TARGET_LABELS for family in metric_families(platform)}
    known |= FROM_PROMETHEUS
    for rule in rules(files):
        if "record" in rule:
            known.setdefault(rule["record"], {"target"}).update(rule.get("labels", {}))
    # Series made from other recorded series carry the labels of these.
    shared: dict[str, set[str]] = {}
    for name, labels in known.items():
        if ":" in name:
            shared.setdefault(name.partition(":")[0], set()).update(labels)
    return {name: labels | shared.get(name.partition(":")[0], set()) for name, labels in known.items()}
