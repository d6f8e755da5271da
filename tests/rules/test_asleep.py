"""A database that scales to zero: while it sleeps no alert fires, and while nobody knows why it is silent one does."""

import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.generate import catalogue, files, write

PLATFORM = """
platform: test
services:
  database:
    title: Database
    question: Can it be asked?
    signals: {postgres: main}
    objectives: {availability: 99.9%}
sources:
  postgres:
    main:
      dsn: "${env:DATABASE_URL}"
      neon: {project: late-sun-10203040, api_key: "${env:NEON_API_KEY}"}
      health: {}
"""
OURS = 'ALERTS{alertstate="firing", alertname=~"Database.*|Sli.*|Traffic.*|ErrorBudget.*"}'


def half_an_hour_awake_then_silent(reason: str) -> list[dict[str, str]]:
    return [
        {"series": 'pg_up{target="main"}', "values": "1x30 _x60"},
        *(
            {
                "series": f'pg_scrape_skipped{{target="main", reason="{each}"}}',
                "values": f"0x30 {int(each == reason)}x60",
            }
            for each in ("suspended", "only_self_active", "api_error")
        ),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("suspended", []), ("only_self_active", []), ("api_error", ["SliMissing"]), ("none", ["SliMissing"])],
)
def test_which_alerts_a_silent_database_fires(
    promtool: Path, tmp_path: Path, reason: str, expected: list[str]
) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(PLATFORM)
    write(files(catalogue(file)), tmp_path / "out")
    look = {
        "expr": f"group by (alertname) ({OURS})",
        "eval_time": "85m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
    }
    test = tmp_path / "out" / "prometheus" / "asleep.yml"
    test.write_text(
        yaml.safe_dump(
            {
                "rule_files": ["rules/*.yml"],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": half_an_hour_awake_then_silent(reason),
                        "promql_expr_test": [look],
                    }
                ],
            }
        )
    )
    done = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_waking_up_is_no_restart(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    names = {}
    for kind, text in {
        "sleeps": PLATFORM,
        "awake": PLATFORM.replace("      neon: ", "      # neon: "),
    }.items():
        file.write_text(text)
        names[kind] = files(catalogue(file))["prometheus/rules/alerts-database.yml"]
    assert "DatabaseRestarted" not in names["sleeps"]
    assert "DatabaseRestarted" in names["awake"]
