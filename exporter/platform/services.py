"""Services and what they promise: what SLOs, alerts and dashboards speak of."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from exporter.platform.base import Part, Slug, Text
from exporter.platform.values import Duration, Ratio, fault


class Signals(Part):
    """Where traffic, errors and latency of a service come from. Exactly one of them."""

    cloudflare_worker: str | None = None
    """Script name of the Worker that serves it, one of sources.cloudflare.workers.scripts if these are named."""
    health: Slug | None = None
    """A health endpoint of sources.health: each look at it is an event, bad when it is unhealthy or out of reach."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise fault(
                "signals", "needs exactly one kind of signal", "Write one of: cloudflare_worker, health."
            )
        return self


def _reachable(objective: Ratio) -> Ratio:
    if not 0 < objective < 1:
        raise fault(
            "objective", f"{objective.percent} leaves no error budget to speak of", "Choose one below 100%."
        )
    return objective


class Objectives(Part):
    """What the service promises over `period`."""

    availability: Annotated[Ratio, AfterValidator(_reachable)] | None = None
    """Share of events that must be good, such as 99.95%."""
    period: Duration = Duration(30 * 86400)
    """Length of the error budget's period."""
    minimum_bad_events: int = Field(default=5, ge=1)
    """A burn alert waits for at least this many bad events in its long window: one failure at night pages nobody."""


class Service(Part):
    """Something customers use; what SLOs, alerts and dashboards speak of."""

    title: Text
    """Its name as people say it."""
    question: Text
    """The question that its dashboard answers, in customers' words."""
    signals: Signals
    objectives: Objectives = Objectives()
    depends_on: list[str] = []
    """Other services, or sources as kind.name such as postgres.main."""
