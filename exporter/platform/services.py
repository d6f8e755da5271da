"""Services and what they promise: what SLOs, alerts and dashboards speak of."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from exporter.platform.base import Part, Slug, Text
from exporter.platform.channels import Priority
from exporter.platform.promql import Selector
from exporter.platform.values import Duration, Ratio, fault


class Metrics(Part):
    """Counters and a histogram of the platform's own: any that Prometheus has, those of `queries` included."""

    total: Selector
    """PromQL selector of a counter of all events, such as business_calls_total."""
    bad: Selector
    """PromQL selector of a counter of the bad ones, such as business_calls_total{status="failed"}."""
    duration: Selector | None = None
    """PromQL selector of a histogram of durations in seconds, without _bucket and le."""
    events: Text = "events"
    """What is counted, as people say it: requests, calls."""


class Freshness(Part):
    """Something that must have happened lately: each look at its time is an event, bad when it is too old."""

    source: str | None = None
    """A source as kind.name: when it was read last."""
    metric: Selector | None = None
    """PromQL selector of a Unix time, such as that of the last backup."""
    within: Duration
    """How old it may be."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.source is None) is (self.metric is None):
            raise fault(
                "freshness", "needs exactly one thing that has an age", "Write one of: source, metric."
            )
        return self


class Signals(Part):
    """Where traffic, errors and latency of a service come from. Exactly one of them."""

    cloudflare_worker: str | None = None
    """Script name of the Worker that serves it, one of sources.cloudflare.workers.scripts if these are named."""
    health: Slug | None = None
    """A health endpoint of sources.health: each look at it is an event, bad when it is unhealthy or out of reach."""
    postgres: Slug | None = None
    """A database of sources.postgres: each look at it is an event, bad when it does not answer."""
    metrics: Metrics | None = None
    freshness: Freshness | None = None
    services: Annotated[list[Slug], Field(min_length=1)] | None = None
    """Other services, as one that works while all of them do: each moment is as bad as the worst of them."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise fault(
                "signals",
                "needs exactly one kind of signal",
                f"Write one of: {', '.join(type(self).model_fields)}.",
            )
        return self

    @property
    def kind(self) -> str:
        """The name of the one signal that is given."""
        return next(iter(self.model_fields_set))


def _reachable(objective: Ratio) -> Ratio:
    if not 0 < objective < 1:
        raise fault(
            "objective", f"{objective.percent} leaves no error budget to speak of", "Choose one below 100%."
        )
    return objective


Objective = Annotated[Ratio, AfterValidator(_reachable)]
"""A share of events that must be good, with something left for the bad ones."""


class Latency(Part):
    """How quick answers must be: one percentile and its bound, such as p95: 500ms."""

    p50: Duration | None = None
    p75: Duration | None = None
    p90: Duration | None = None
    p95: Duration | None = None
    p99: Duration | None = None
    of_minutes: Objective = Ratio("0.99")
    """Where only percentiles are known: share of the minutes in which the percentile keeps its bound."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set - {"of_minutes"}) != 1:
            raise fault("latency", "needs exactly one percentile", "Write one of: p50, p75, p90, p95, p99.")
        return self

    @property
    def percentile(self) -> str:
        """The percentile that has a bound: `p95`."""
        return next(
            name for name in type(self).model_fields if name in self.model_fields_set - {"of_minutes"}
        )

    @property
    def bound(self) -> Duration:
        """The bound of the percentile."""
        bound: Duration = getattr(self, self.percentile)
        return bound

    @property
    def share(self) -> Ratio:
        """Share of answers that must keep the bound, which is what the percentile says: 0.95."""
        return Ratio(Decimal(self.percentile[1:]) / 100)


class BurnPriorities(Part):
    """How urgent it is when an objective's error budget burns fast. Slow burning is p3, or as mild as this."""

    availability: Priority | None = None
    latency: Priority | None = None
    freshness: Priority | None = None


class Objectives(Part):
    """What the service promises over `period`."""

    availability: Objective | None = None
    """Share of events that must be good, such as 99.95%."""
    latency: Latency | None = None
    freshness: Objective | None = None
    """Share of the time in which what `signals.freshness` names must be fresh."""
    period: Duration = Duration(30 * 86400)
    """Length of the error budget's period: 3 to 30 days. A burn alert whose pace would keep the objective is left out:
    the fast one needs 3 days, the medium one 5, the slow one 10, the trend 30."""
    minimum_bad_events: int = Field(default=5, ge=1)
    """A burn alert waits for at least this many bad events in its long window: one failure at night pages nobody."""
    priorities: BurnPriorities = BurnPriorities()
    """How urgent the burn alerts of each objective are; p1, unless given."""

    @model_validator(mode="after")
    def _period(self) -> Self:
        if not 3 * 86400 <= self.period <= 30 * 86400:
            raise fault(
                "period",
                f"{self.period} is not between 3d and 30d",
                "Choose a length between these: Prometheus keeps 45 days, and in less than 3 the fast burn alert, "
                "2% of the budget within an hour, would page although the objective is kept.",
            )
        return self

    @model_validator(mode="after")
    def _ranked(self) -> Self:
        for name in self.priorities.model_fields_set:
            if getattr(self, name) is None:
                raise fault(
                    "priorities",
                    f"ranks {name}, of which nothing is promised",
                    f"Give {name} an objective, or take it out of `priorities`.",
                )
        return self


class Service(Part):
    """Something customers use; what SLOs, alerts and dashboards speak of."""

    title: Text
    """Its name as people say it."""
    question: Text
    """The question that its dashboard answers, in customers' words."""
    signals: Signals
    objectives: Objectives = Objectives()
    depends_on: list[str] = []
    """Other services, or sources as kind.name such as postgres.main: while one of them is down, or what it needs in
    turn (the source that it is measured on included), symptoms of this service are silent."""

    @property
    def needs(self) -> list[str]:
        """What it depends on, and its parts where it is several services as one."""
        return [*self.depends_on, *(self.signals.services or ())]
