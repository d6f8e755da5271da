"""Supabase's own metrics of a project, which Prometheus scrapes by itself: host, pooler, auth, storage, realtime.

They come in Prometheus' format already, so they are a scrape job of the generated configuration and not a source.
Source: https://supabase.com/docs/guides/telemetry/metrics
"""

from typing import Annotated

from exporter.platform.base import Part, matching
from exporter.platform.values import Secret

Reference = Annotated[
    str,
    matching(
        r"[a-z0-9]{10,40}",
        "supabase_project",
        "no reference of a project",
        "Copy it from the project's address: https://supabase.com/dashboard/project/REFERENCE.",
    ),
]


class Supabase(Part):
    """Supabase's own metrics of the project, as a scrape job of Prometheus."""

    project: Reference
    """The project's reference: 20 letters."""
    service_key: Secret
    """The secret key, sb_secret_…, or the old service_role key, as ${file:…}: Prometheus reads it, not the exporter."""

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return f"{self.project}.supabase.co:443"
