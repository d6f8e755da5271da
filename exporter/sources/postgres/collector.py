"""Collectors: SQL and the metrics made of its rows, the same format for the built-in ones and for the team's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import TypeAdapter

from exporter.engine.families import Collected, Family
from exporter.engine.source import SourceError
from exporter.platform.base import LabelName, MetricName, Part
from exporter.platform.values import Duration

if TYPE_CHECKING:
    from exporter.platform.queries import Query


class BuiltinMetric(Part):
    """A metric of a built-in collector; see `exporter.platform.queries.Metric`."""

    type: Literal["gauge", "counter"]
    help: str
    value: str
    labels: list[LabelName] = []


class BuiltinCollector(Part):
    """One entry of the files in `collectors/`."""

    name: str
    sql: str
    every: Duration | None = None
    """How often; with the source itself when it is left out."""
    timeout: Duration = Duration(2)
    metrics: dict[MetricName, BuiltinMetric]


@dataclass(frozen=True, slots=True)
class Column:
    """How a column becomes samples of a family. `labels` are columns; the label `target` comes before them."""

    family: Family
    value: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collector:
    """A statement that is run read-only within `timeout` seconds, every `every` seconds (0: with the source)."""

    name: str
    sql: str
    every: float
    timeout: float
    columns: tuple[Column, ...]

    def samples(self, target: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Collected:
        """Turn rows into samples. Raises SourceError (rejected) when a column is missing or is not a number."""
        out = Collected()
        places = {name: place for place, name in enumerate(names)}
        for column in self.columns:
            if missing := {column.value, *column.labels} - places.keys():
                raise SourceError(
                    "rejected",
                    f"{self.name}: the statement returns no column {', '.join(sorted(missing))}",
                    remedy=f"It returns: {', '.join(names)}.",
                )
            labels = [places[label] for label in column.labels]
            for row in rows:
                value = row[places[column.value]]
                try:
                    number = None if value is None else float(value)
                except (TypeError, ValueError) as error:
                    raise SourceError(
                        "rejected", f"{self.name}: column {column.value} holds {value!r}, not a number"
                    ) from error
                out.set(
                    column.family,
                    number,
                    target,
                    *("" if row[place] is None else str(row[place]) for place in labels),
                )
        return out


def builtin() -> list[Collector]:
    """Read the built-in collectors."""
    folder = files("exporter.sources.postgres") / "collectors"
    adapter = TypeAdapter(list[BuiltinCollector])
    found: list[Collector] = []
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        for entry in adapter.validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))):
            found.append(_collector(entry.name, entry.sql, entry.every or 0.0, entry.timeout, entry.metrics))
    return found


def own(name: str, query: "Query") -> Collector:
    """Make a collector of a query of the platform file."""
    return _collector(name, query.sql, query.every, query.timeout, query.metrics)


def _collector(name: str, sql: str, every: float, timeout: float, metrics: Mapping[str, Any]) -> Collector:
    columns = tuple(
        Column(
            Family(metric, entry.type, entry.help, ("target", *entry.labels)),
            entry.value,
            tuple(entry.labels),
        )
        for metric, entry in metrics.items()
    )
    return Collector(name, sql.strip().rstrip(";"), every, timeout, columns)
