"""Supabase's own metrics become a scrape job, and its key stays in a file."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.check import unreadable_secrets
from exporter.generate.catalogue import catalogue
from exporter.generate.files import files
from exporter.generate.folder import write
from exporter.platform.load import load
from exporter.platform.problems import PlatformError
from tests.support.forky import forky_binary
from tests.support.programs import binary

PLATFORM = """
platform: test
sources:
  postgres:
    main:
      dsn: "${env:DATABASE_URL}"
      provider: supabase
      supabase: {project: abcdefghijklmnopqrst, service_key: "%s"}
    other: {dsn: "${env:OTHER_URL}"}
"""


def generated(tmp_path: Path, key: str) -> dict[str, str]:
    file = tmp_path / "platform.yml"
    file.write_text(PLATFORM % key)
    return files(catalogue(file))


def test_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path))
    config: dict[str, Any] = yaml.safe_load(
        generated(tmp_path, "${file:supabase_key}")["prometheus/prometheus.yml"]
    )
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert {name for name in jobs if name.startswith("supabase")} == {"supabase-main"}
    assert jobs["supabase-main"] == {
        "job_name": "supabase-main",
        "scheme": "https",
        "metrics_path": "/customer/v1/privileged/metrics",
        "scrape_interval": "1m",
        "scrape_timeout": "30s",
        "basic_auth": {"username": "service_role", "password_file": f"{tmp_path}/supabase_key"},
        "static_configs": [
            {
                "targets": ["abcdefghijklmnopqrst.supabase.co:443"],
                "labels": {"platform": "test", "environment": "production"},
            }
        ],
    }


@pytest.mark.parametrize("version", ["installed", "newest"])
def test_promtool_has_nothing_to_say(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promtool = binary("promtool") if version == "installed" else forky_binary("promtool")
    monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path))
    (tmp_path / "supabase_key").write_text("sb_secret_of_no_worth")
    write(generated(tmp_path, "${file:supabase_key}"), tmp_path / "out")
    done = subprocess.run(
        [promtool, "check", "config", tmp_path / "out/prometheus/prometheus.yml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "sb_secret_of_no_worth" not in (tmp_path / "out/prometheus/prometheus.yml").read_text()


def test_a_key_that_prometheus_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="Prometheus can read this secret from a file only") as caught:
        generated(tmp_path, "${env:SUPABASE_KEY}")
    assert "platform.yml:8: sources.postgres.main.supabase.service_key" in str(caught.value)


def test_the_exporter_need_not_have_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do anything to the data, so it lies with Prometheus alone; `check` does not miss it."""
    monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    file = tmp_path / "platform.yml"
    file.write_text(PLATFORM % "${file:supabase_key}")
    unreadable = [problem.key for problem in unreadable_secrets(file, load(file))]
    assert unreadable == ["sources.postgres.main.dsn", "sources.postgres.other.dsn"]


def test_a_project_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text((PLATFORM % "${file:key}").replace("abcdefghijklmnopqrst", "https://x.supabase.co"))
    with pytest.raises(PlatformError, match="is no reference of a project"):
        catalogue(file)
