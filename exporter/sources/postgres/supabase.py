"""Supabase's own metrics of a project, which Prometheus scrapes by itself: host, pooler, auth, storage, realtime.

They come in Prometheus' format already, so they are a scrape job of the generated configuration and not a source.
Source: https://supabase.com/docs/guides/telemetry/metrics
"""

import re
from typing import Annotated

from pydantic import AfterValidator

from exporter.platform.base import Part
from exporter.platform.values import Secret, fault


def _reference(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{10,40}", text):
        raise fault(
            "supabase_project",
            f"{text!r} is no reference of a project",
            "Copy it from the project's address: https://supabase.com/dashboard/project/REFERENCE.",
        )
    return text


class Supabase(Part):
    """Supabase's own metrics of the project, as a scrape job of Prometheus."""

    project: Annotated[str, AfterValidator(_reference)]
    """The project's reference: 20 letters."""
    service_key: Secret
    """The secret key, sb_secret_…, or the old service_role key, as ${file:…}: Prometheus reads it, not the exporter."""

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return f"{self.project}.supabase.co:443"
