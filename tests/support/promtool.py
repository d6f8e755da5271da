"""Asks a real Prometheus engine, without a server: promtool's tests of rules."""

import subprocess
from pathlib import Path

import yaml

from tests.support.dashboards import Json
from tests.support.programs import binary


def evaluate(
    folder: Path, series: dict[str, str], expr: str, samples: list[Json], *, every: str = "1m", at: str = "5m"
) -> None:
    """Fail unless `expr` answers `samples` after five minutes; `series` are values by the minute, such as "1x9".

    They follow each other each `every`, and `expr` is asked when `at` has passed.
    """
    test = {
        "evaluation_interval": every,
        "tests": [
            {
                "interval": every,
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [{"expr": expr, "eval_time": at, "exp_samples": samples}],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [binary("promtool"), "test", "rules", file], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{expr}\n{done.stdout}{done.stderr}"
