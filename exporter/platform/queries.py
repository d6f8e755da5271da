"""SQL that gives metrics: one format for the built-in Postgres collectors and for the team's own queries."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from exporter.platform.base import Interval, LabelName, MetricName, Part, Slug, Text
from exporter.platform.conditions import Condition
from exporter.platform.kpis import View
from exporter.platform.problems import suggestion
from exporter.platform.values import Duration, fault

Grant = Literal["pg_monitor", "pg_read_all_stats"]
"""A predefined role that a statement may need."""


def _distinct(labels: list[str]) -> list[str]:
    if len(set(labels)) < len(labels):
        raise fault("labels", "names a label twice", "Name each once.")
    return labels


Labels = Annotated[list[LabelName], AfterValidator(_distinct)]


class Metric(Part):
    """One metric of a statement: which column is its value, which columns are its labels."""

    type: Literal["gauge", "counter"]
    help: Text
    value: str
    """Column that holds the value. NULL gives no sample."""
    labels: Labels | None = None
    """Columns that become labels of the same name; those of the statement when left out."""
    title: Text | None = None
    """Heading of its panel; the query's title otherwise."""
    unit: str | None = None
    """Grafana unit of its panel, such as currencyUSD or s."""


class Fold(Part):
    """Keep the rows that grew most of late, and add up all others in one row. For cumulative counters."""

    keep: int = Field(default=20, gt=0, le=500)
    """How many rows stay by themselves."""
    by: str
    """Column whose growth decides."""
    other: LabelName
    """Label that is `other` in the row of the rest."""


class Windows(Part):
    """Asks for one stretch of time after the other, `{from}` to `{to}`, so that each row is counted once."""

    lag: Duration = Duration(60)
    """How long it takes until a row of a moment is there and no longer changes; younger ones are not asked for."""
    keeps: Duration = Duration(86400)
    """How far back an interruption is caught up, an hour at a time."""


class Statement(Part):
    """A SELECT and the metrics made of its rows. Run read-only, within a time-out, apart from all others."""

    sql: Annotated[str, Field(min_length=1)]
    """One SELECT. Of braces only `{name}` with a name under `choose` is replaced."""
    scope: Literal["cluster", "database"] = "cluster"
    """`cluster`: once a server. `database`: in each of its databases, which adds the label `datname`."""
    timeout: Interval = Duration(2)
    """Limit for the statement, enforced by the server."""
    limit: int = Field(default=1000, gt=0, le=50_000)
    """Most rows that are read; further ones are cut off, and pg_scrape_collector_truncated says so."""
    needs: Grant | None = None
    """Role without which it would be silently wrong; it is then left out and reported as a permission gap."""
    when: list[Condition] = []
    """What the server must have, otherwise the statement is left out there."""
    choose: dict[LabelName, dict[Condition, str]] = {}
    """Pieces of SQL by name: the first whose condition holds; `else` if none, and NULL without it."""
    pivot: str | None = None
    """Column whose values are to be columns: rows of (name, value) become one row."""
    fold: Fold | None = None
    labels: Labels = []
    """Labels of the metrics that name none themselves."""
    metrics: Annotated[dict[MetricName, Metric], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        values = [metric.value for metric in self.metrics.values()]
        if self.fold is not None and self.fold.other not in self.labels:
            raise fault(
                "fold",
                f"`other: {self.fold.other}` is none of `labels`",
                suggestion(self.fold.other, self.labels),
            )
        if self.fold is not None and self.fold.by not in values:
            raise fault(
                "fold", f"`by: {self.fold.by}` is the value of no metric", suggestion(self.fold.by, values)
            )
        if self.pivot is not None and any(self.columns_of(metric) for metric in self.metrics.values()):
            raise fault(
                "pivot", "`pivot` leaves one row, which needs no labels", "Leave out `labels`, or `pivot`."
            )
        return self

    def columns_of(self, metric: Metric) -> tuple[str, ...]:
        """Return the columns that become labels of the metric."""
        return tuple(self.labels if metric.labels is None else metric.labels)

    def labels_of(self, metric: Metric) -> tuple[str, ...]:
        """Return the names of all labels that the metric has on the exporter's page."""
        database = ("datname",) if self.scope == "database" else ()
        return ("target", *database, *self.columns_of(metric))


class Query(Statement):
    """The team's own SQL, in the format of the built-in Postgres collectors."""

    title: Text
    database: Slug
    """Key of the database under sources.postgres."""
    every: Interval = Duration(300)
    view: View = "business"
    """Dashboard on which its panels stand."""
    panel: Literal["stat", "timeseries", "bar"] | None = None
    """How it is drawn; chosen from the metrics' types otherwise."""
    windows: Windows | None = None
    """Counts the rows of each stretch of time once, whatever becomes of them later: the SQL holds `{from}` (included)
    and `{to}` (not included). Without it a counter is what the SQL returns, and falls when rows are deleted."""

    @model_validator(mode="after")
    def _counts(self) -> Self:
        if self.windows is None:
            return self
        for part in ("{from}", "{to}"):
            if part not in self.sql:
                raise fault(
                    "windows",
                    f"`sql` does not hold {part}",
                    "Write `where created_at >= {from} and created_at < {to}`, with the column of the event's time.",
                )
        for name, metric in self.metrics.items():
            if metric.type != "counter":
                raise fault(
                    "windows",
                    f"{name} is a {metric.type}, and windows are added up",
                    "Make it a counter, or put it in a query without `windows`.",
                )
        if self.scope != "cluster" or self.fold is not None:
            given = "fold" if self.fold is not None else "scope: database"
            raise fault("windows", f"does not go with `{given}`", f"Leave out `{given}`.")
        return self
