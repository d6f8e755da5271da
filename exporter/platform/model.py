"""The platform file as a tree of typed parts: the user's whole interface."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, create_model, model_validator

from exporter import sources as source_kinds
from exporter.platform.base import Interval, LabelName, MetricName, Part, Slug, Text
from exporter.platform.state import State
from exporter.platform.values import Duration, HostPort, Ratio, Secret, Url, fault

Priority = Literal["p1", "p2", "p3", "p4"]
View = Literal["executive", "technical", "business", "operations"]


class Monitoring(Part):
    """Where the parts of the monitoring stack find each other, and how often they look."""

    exporter: HostPort = HostPort("localhost:9780")
    """host:port at which Prometheus scrapes this exporter."""
    prometheus: Url = Url("http://localhost:9090")
    """Address of Prometheus, for links and for Grafana's data source."""
    alertmanager: Url = Url("http://localhost:9093")
    """Address of Alertmanager."""
    grafana: Url = Url("http://localhost:3000")
    """Address of Grafana as people reach it, for links in notifications."""
    prometheus_external: Url | None = None
    """Address of Prometheus as people reach it with a browser, when it is another."""
    alertmanager_external: Url | None = None
    """Address of Alertmanager as people reach it with a browser, when it is another."""
    runbooks: Url | None = None
    """Folder of the runbooks, when it is not this project's own."""
    node_exporters: list[HostPort] = []
    """host:port of each node_exporter. One that the environment leaves empty is left out."""
    scrape_interval: Interval = Duration(15)
    """How often Prometheus scrapes."""
    evaluation_interval: Interval = Duration(15)
    """How often Prometheus evaluates rules."""


class Limits(Part):
    """Bounds on what the exporter holds and serves."""

    series: int = Field(default=50_000, gt=0)
    """Most series over all families; what comes beyond is dropped and counted."""
    series_per_family: int = Field(default=5_000, gt=0)
    """Most series of one family and source."""


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


def _distinct(labels: list[str]) -> list[str]:
    if len(set(labels)) < len(labels):
        raise fault("labels", "names a label twice", "Name each once.")
    return labels


class Metric(Part):
    """One metric of a query: which column is its value, which columns are its labels."""

    type: Literal["gauge", "counter"]
    help: Text
    value: str
    """Column that holds the value. NULL gives no sample."""
    labels: Annotated[list[LabelName], AfterValidator(_distinct)] = []
    """Columns that become labels of the same name."""
    title: Text | None = None
    """Heading of its panel; the query's title otherwise."""
    unit: str | None = None
    """Grafana unit of its panel, such as currencyUSD or s."""


class Query(Part):
    """The team's own SQL, in the format of the built-in Postgres collectors."""

    title: Text
    database: Slug
    """Key of the database under sources.postgres."""
    sql: Annotated[str, Field(min_length=1)]
    every: Interval = Duration(300)
    timeout: Interval = Duration(2)
    """Limit for the statement, enforced by the server."""
    metrics: Annotated[dict[MetricName, Metric], Field(min_length=1)]
    view: View = "business"
    """Dashboard on which its panels stand."""
    panel: Literal["stat", "timeseries", "bar"] | None = None
    """How it is drawn; chosen from the metrics' types otherwise."""


class Kpi(Part):
    """A key figure with a target."""

    title: Text
    help: str
    expr: str
    """PromQL that gives one value."""
    target: Annotated[str, Field(pattern=r"^(>=|<=|>|<)\s*\d+(\.\d+)?\s*%?$", examples=[">= 95%", "< 30"])]
    """Comparison and number; with % the value is a ratio from 0 to 1."""
    unit: str | None = None
    view: View = "business"


class Pagerduty(Part):
    """An Events API v2 integration."""

    routing_key: Secret
    url: Url = Url("https://events.pagerduty.com/v2/enqueue")


class Slack(Part):
    """An incoming webhook and the channel it writes to."""

    webhook: Secret
    channel: Annotated[str, Field(pattern=r"^[#@].+", examples=["#alerts"])]


class Email(Part):
    """Mail through an SMTP server."""

    to: str
    sender: str = Field(alias="from")
    smarthost: HostPort
    """host:port of the SMTP server."""
    require_tls: bool = True
    username: str | None = None
    password: Secret | None = None


class Channel(Part):
    """One way to reach people, and which priorities take it. Exactly one of pagerduty, slack, email."""

    pagerduty: Pagerduty | None = None
    slack: Slack | None = None
    email: Email | None = None
    priorities: Annotated[list[Priority], Field(min_length=1)]

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set - {"priorities"}) != 1:
            raise fault(
                "channel", "needs exactly one way to reach people", "Write one of: pagerduty, slack, email."
            )
        return self


class Timing(Part):
    """How Alertmanager groups and repeats."""

    group_wait: Interval = Duration(30)
    group_interval: Interval = Duration(300)
    repeat_interval: Interval = Duration(4 * 3600)


class Heartbeat(Part):
    """The dead man's switch: an outside service that speaks up when this call stays away."""

    url: Url
    every: Interval = Duration(60)


class AlertOverride(Part):
    """What this platform changes in one alert of the catalogue."""

    enabled: bool = True
    wait: Duration | None = Field(default=None, alias="for")
    """How long the condition must hold."""
    priority: Priority | None = None
    threshold: Annotated[str, Field(pattern=r"^\d+(\.\d+)?%?$")] | None = None


class Alerting(Part):
    """Who is told of what, and when."""

    priorities: dict[Priority, str] = {}
    """The team's own words for p1 (at once) to p4, such as P0 or high."""
    timing: Timing = Timing()
    channels: dict[Slug, Channel] = {}
    heartbeat: Heartbeat | None = None
    alerts: dict[str, AlertOverride] = {}
    """Changes to alerts of the catalogue, by name."""


Sources: type[Part] = create_model(
    "Sources",
    __base__=Part,
    __doc__="What is collected, by kind.",
    **{kind.name: (kind.field | None, None) for kind in source_kinds.KINDS.values()},  # type: ignore[call-overload]  # pydantic's stubs know no computed field names
)


class Platform(Part):
    """One platform file."""

    platform: Slug
    """Name of the platform: label `platform` on every series, and the beginning of every dashboard's uid."""
    environment: Slug = "production"
    title: Text | None = None
    """The platform's name as people say it."""
    monitoring: Monitoring = Monitoring()
    limits: Limits = Limits()
    state: State = State()
    services: dict[Slug, Service] = {}
    sources: Sources = Sources()
    queries: dict[Slug, Query] = {}
    kpis: list[Kpi] = []
    alerting: Alerting = Alerting()

    def section(self, kind: str) -> dict[str, Part]:
        """Return the configured sources of one kind by name; a kind that exists once has its own kind as name."""
        section = getattr(self.sources, kind)
        if section is None:
            return {}
        return section if isinstance(section, dict) else {kind: section}
