"""What is marked on every dashboard, as Prometheus answers it."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.dashboards import Json
from tests.support.programs import binary

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


def _evaluate(folder: Path, series: dict[str, object], expr: str, samples: list[Json]) -> None:
    """Ask a real Prometheus engine (promtool) and fail unless it answers `samples`."""
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": f"{value}x9"} for name, value in series.items()],
                "promql_expr_test": [{"expr": expr, "eval_time": "5m", "exp_samples": samples}],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [binary("promtool"), "test", "rules", file], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{expr}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(("started", "marked"), [(STARTED, True), (BEFORE, False)])
def test_a_restart_of_the_exporter_is_marked_at_its_second(
    boards: list[Json], tmp_path: Path, started: int, marked: bool
) -> None:
    """One that began before the time shown is not; nor is another process, such as Prometheus itself."""
    for expr in {_asked(board, "Exporter restarts") for board in boards}:
        own = '{instance="exporter:9108", job="platform-exporter"}'
        _evaluate(
            tmp_path,
            {
                f"process_start_time_seconds{own}": started,
                f"platform_exporter_build_info{own}": 1,
                'process_start_time_seconds{instance="prometheus:9090", job="prometheus"}': STARTED,
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
        _evaluate(
            tmp_path,
            {'health_start_time_seconds{target="api"}': STARTED},
            expr,
            [{"labels": '{target="api"}', "value": STARTED * 1000}],
        )
