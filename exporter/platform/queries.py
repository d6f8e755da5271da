"""The team's own SQL."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exporter.platform.base import Interval, LabelName, MetricName, Part, Slug, Text
from exporter.platform.kpis import View
from exporter.platform.values import Duration, fault


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
