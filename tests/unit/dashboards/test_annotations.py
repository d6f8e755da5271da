"""What is marked on every dashboard, as Prometheus answers it."""

from pathlib import Path

import pytest

from tests.support.dashboards import Json
from tests.support.promtool import evaluate

BEGIN = 1_795_000_000_000
"""Milliseconds, as Grafana writes $__from."""
STARTED = 1_795_000_360
BEFORE = 1_794_999_999
WITHIN = {"$__from": str(BEGIN), "$__rate_interval": "5m", "$__interval": "5m"}


def _asked(board: Json, name: str) -> str:
    (expr,) = (a["expr"] for a in board["annotations"]["list"] if a["name"] == name)
    for variable, value in WITHIN.items():
        expr = expr.replace(variable, value)
    return str(expr)


@pytest.mark.parametrize(("started", "marked"), [(STARTED, True), (BEFORE, False)])
def test_a_restart_of_the_exporter_is_marked_at_its_second(
    boards: list[Json], tmp_path: Path, started: int, marked: bool
) -> None:
    """One that began before the time shown is not; nor is another process, such as Prometheus itself."""
    for expr in {_asked(board, "Exporter restarts") for board in boards}:
        own = '{instance="exporter:9108", job="platform-exporter"}'
        evaluate(
            tmp_path,
            {
                f"process_start_time_seconds{own}": f"{started}x9",
                f"platform_exporter_build_info{own}": "1x9",
                'process_start_time_seconds{instance="prometheus:9090", job="prometheus"}': f"{STARTED}x9",
            },
            expr,
            [{"labels": own, "value": started * 1000}] if marked else [],
        )


def test_a_restart_of_the_product_is_marked_at_its_second(
    variant: Json, boards: list[Json], tmp_path: Path
) -> None:
    reads = any(source["kind"] == "health" for source in variant["sources"])
    for board in boards:
        names = {annotation["name"] for annotation in board["annotations"]["list"]}
        assert ("Restarts and deployments" in names) == reads
    if not reads:
        return
    for expr in {_asked(board, "Restarts and deployments") for board in boards}:
        evaluate(
            tmp_path,
            {'health_start_time_seconds{target="api"}': f"{STARTED}x9"},
            expr,
            [{"labels": '{target="api"}', "value": STARTED * 1000}],
        )


def test_of_alerts_at_a_time_the_most_urgent_is_marked(boards: list[Json], tmp_path: Path) -> None:
    """Shades over each other would hide the curves; what escalates repeats an alert."""

    def firing(name: str, severity: str, service: str) -> str:
        own = f'alertname="{name}",service="{service}",severity="{severity}",priority="p1",kind="symptom"'
        return f'ALERTS{{{own},alertstate="firing"}}'

    labels = '{alertname="HealthUnhealthy",priority="p1",service="api",severity="critical"}'
    for expr in {_asked(board, "Firing alerts") for board in boards}:
        evaluate(
            tmp_path,
            {
                firing("SourceStale", "warning", "health.api"): "1x9",
                firing("ErrorRateHigh", "warning", "api"): "1x9",
                firing("HealthUnhealthy", "critical", "api"): "1x9",
                firing("Unresolved", "critical", "api"): "1x9",
            },
            f"{expr} > bool 0",
            [{"labels": labels, "value": 1}],
        )
        evaluate(
            tmp_path,
            {firing("HealthUnhealthy", "critical", name): "1x9" for name in ("api", "web", "voice")},
            f"count({expr})",
            [{"labels": "{}", "value": 1}],
        )
