"""The platform file as a tree of typed parts: the user's whole interface."""

from pydantic import Field, create_model

from exporter import sources as source_kinds
from exporter.platform.alerting import Alerting
from exporter.platform.base import Interval, Part, RuleInterval, Slug, Text
from exporter.platform.kpis import Kpis
from exporter.platform.queries import Query
from exporter.platform.quotas import Quota
from exporter.platform.services import Service
from exporter.platform.state import State
from exporter.platform.values import Duration, HostPort, Url


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
    """Address of a folder of runbooks, a page NAME.md for each alert, to which every notification links. Without one
    it is docs/runbooks of this project on GitHub; copy it to where your team can read and change it."""
    node_exporters: list[HostPort] = []
    """host:port of each node_exporter. One that the environment leaves empty is left out."""
    scrape_interval: Interval = Duration(15)
    """How often Prometheus scrapes."""
    evaluation_interval: RuleInterval = Duration(15)
    """How often Prometheus evaluates rules."""


RUNBOOKS = "https://github.com/platform-exporter/platform-exporter/blob/main/docs/runbooks"
"""This project's own runbooks."""


class Limits(Part):
    """Bounds on what the exporter holds and serves."""

    series: int = Field(default=50_000, gt=0)
    """Most series over all families and sources. Beyond it the largest family of one source is cut first, counters
    too; what is cut is counted. What the exporter says of itself and of its sources is outside of it."""
    series_per_family: int = Field(default=5_000, gt=0)
    """Most series that one source gives to one family; sources do not share it. A counter's increments beyond it are
    added to a series whose label values are all `other`."""


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
    kpis: Kpis = []
    quotas: dict[Slug, Quota] = {}
    alerting: Alerting = Alerting()

    def section(self, kind: str) -> dict[str, Part]:
        """Return the configured sources of one kind by name; a kind that exists once has its own kind as name."""
        section = getattr(self.sources, kind, None)  # what the exporter does beside asking sources has none
        if section is None:
            return {}
        return section if isinstance(section, dict) else {kind: section}
