"""What Prometheus scrapes beside the exporter: metrics that a vendor serves in Prometheus' own format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem
from exporter.sources.postgres.supabase import Supabase


def scrape_entries(platform: Platform) -> list[dict[str, Any]]:
    """Return one entry a job. Supabase renews its metrics once a minute."""
    return [
        {
            "job": f"supabase-{key}",
            "host": supabase.host,
            "path": "/customer/v1/privileged/metrics",
            "username": "service_role",
            "password_file": str(supabase.service_key.path),
            "interval": "1m",
            "timeout": "30s",
        }
        for key, supabase in _supabases(platform)
    ]


def unreadable_keys(path: Path, platform: Platform) -> Iterator[Problem]:
    """Prometheus reads passwords from files alone: its configuration knows no environment variables."""
    for key, supabase in _supabases(platform):
        if supabase.service_key.kind != "file":
            yield locate(
                path,
                ("sources", "postgres", key, "supabase", "service_key"),
                "Prometheus can read this secret from a file only",
                f"Write ${{file:supabase_{key}}} and put the secret into that file of the secrets directory.",
            )


def _supabases(platform: Platform) -> Iterator[tuple[str, Supabase]]:
    for key, database in platform.section("postgres").items():
        supabase = getattr(database, "supabase", None)
        if isinstance(supabase, Supabase):
            yield key, supabase
