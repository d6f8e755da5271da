"""A Postgres server in the platform file."""

from typing import Annotated

from pydantic import AfterValidator, Field

from exporter.platform.base import Interval, Part, Text
from exporter.platform.conditions import Provider
from exporter.platform.problems import suggestion
from exporter.platform.values import Duration, Secret, fault
from exporter.sources.postgres.collector import builtin
from exporter.sources.postgres.health import HealthCheck
from exporter.sources.postgres.neon import Neon
from exporter.sources.postgres.supabase import Supabase


class Databases(Part):
    """In which databases of a server, beside that of the connection string, collectors of scope `database` run."""

    include: list[str] = ["*"]
    """Names; * and ? stand for other characters."""
    exclude: list[str] = []
    """Names that are left out all the same."""
    most: int = Field(default=20, ge=0, le=500)
    """Most other databases; further ones, by name, are left out and counted."""


class CollectorOverride(Part):
    """What this server changes in one collector."""

    enabled: bool | None = None
    every: Interval | None = None
    timeout: Interval | None = None
    limit: Annotated[int, Field(gt=0, le=50_000)] | None = None
    """Most rows. Collectors that tell the worst alone have a bound of their own, which this does not raise:
    `table_bloat`, `index_problems`, `sequences`, `table_xid_age`."""


def _known(changes: dict[str, CollectorOverride]) -> dict[str, CollectorOverride]:
    names = {collector.name for collector in builtin()}
    for name in changes.keys() - names:
        raise fault("collector", f"`{name}` is no collector", suggestion(name, names))
    return changes


class Postgres(Part):
    """A Postgres server."""

    dsn: Secret
    """Connection string, by reference. TLS is verified on remote hosts unless it says sslmode itself."""
    title: Text | None = None
    provider: Provider | None = None
    """Who runs it, which decides on collectors, databases and roles to leave out; guessed from the host if left out."""
    every: Interval = Duration(15)
    timeout: Interval = Duration(10)
    phase_lock: bool = True
    """Finish just before the next scrape once the scrapers' rhythm is known."""
    connections: int = Field(default=3, ge=1, le=50)
    """Most connections at a time. The first serves the database of the connection string, further ones the others, by
    turns if there are more of these; with 1 they are left out."""
    databases: Databases = Databases()
    collectors: Annotated[dict[str, CollectorOverride], AfterValidator(_known)] = {}
    """Changes to built-in collectors, by name."""
    neon: Neon | None = None
    """Look at Neon's control plane first, so that a compute that sleeps is not woken."""
    supabase: Supabase | None = None
    """Have Prometheus scrape Supabase's own metrics of the project too."""
    health: HealthCheck | None = None
    """Measure connecting, a query and, if asked to, a write."""
