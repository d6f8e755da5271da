"""Where the exporter keeps what must survive a restart."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from exporter.platform.base import Part
from exporter.platform.values import Duration, Secret, fault


class PostgresState(Part):
    """A Postgres database that several exporters of this platform share; one of them leads."""

    dsn: Secret
    """Connection string, by reference. The schema platform_exporter is made in its database."""
    lease: Duration = Duration(10)
    """How long the leader may stay silent before another exporter takes over."""

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.lease < 1:
            raise fault("lease", "a lease below 1s is lost to any delay", "Write 1s or more, such as 10s.")
        return self


class State(Part):
    """Counters over windows and their cursors. A SQLite file in the state directory when left out."""

    path: Annotated[str, Field(min_length=1)] | None = None
    """SQLite file; relative ones lie in the state directory. For one exporter."""
    postgres: PostgresState | None = None
    """For two exporters or more."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.path is not None and self.postgres is not None:
            raise fault("state", "names two places", "Write one of: path, postgres.")
        return self
