"""A key figure is one series, whatever the team's expression gives."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from exporter.generate import catalogue, files, write

PARTS = [
    {"series": 'up{job="a"}', "values": "1x9"},
    {"series": 'up{job="b"}', "values": "0x9"},
    {"series": 'up{job="c"}', "values": "NaN " * 9},
]


@pytest.mark.parametrize(
    ("expr", "target", "value", "met"),
    [
        ("up", ">= 1", 0, 0),
        ("up", "> 0.5", 0, 0),
        ("up", "< 1", 1, 0),
        ("up", "<= 1", 1, 1),
        ('sum(up{job!="c"})', ">= 1", 1, 1),
        ("scalar(up{job='b'}) + 2 # no series at all", "< 3", 2, 1),
        ("-(1 - 4)", ">= 3", 3, 1),
        ("up{job='none'}", ">= 1", None, None),
    ],
)
def test_of_several_series_the_worst_counts(
    expr: str, target: str, value: float | None, met: float | None, promtool: Path, tmp_path: Path
) -> None:
    kpi = {"title": "Share", "help": "Of all.", "expr": expr, "target": target}
    file = tmp_path / "platform.yml"
    file.write_text(json.dumps({"platform": "shop", "kpis": [kpi]}))  # JSON is YAML
    write(files(catalogue(file)), tmp_path / "out")
    labels = '{kpi="share", view="business"}'

    def look(name: str, number: float | None) -> dict[str, Any]:
        samples = [] if number is None else [{"labels": name + labels, "value": number}]
        return {"expr": name, "eval_time": "5m", "exp_samples": samples}

    looks = [look("kpi_value", value), look("kpi_met", met)]
    test = tmp_path / "out" / "prometheus" / "kpis.yml"
    test.write_text(
        json.dumps(
            {
                "rule_files": ["rules/kpis.yml"],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": PARTS, "promql_expr_test": looks}],
            }
        )
    )
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
