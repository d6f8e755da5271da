"""The page docs/postgres-coverage.md: what is told of a server here and by other exporters, and by which collector."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files

import yaml

from exporter.engine.families import Family
from exporter.platform.base import Part
from exporter.sources.postgres.collector import Builtin, Collector, builtin

_THERE, _OFF, _PARTLY, _NOT = "●○◐–"


class Statistic(Part):
    """A row of the table: what it is of, patterns of our metrics, and the marks of the others in their order."""

    of: str
    metrics: list[str]
    marks: str = ""
    """Set apart by spaces; empty when nobody compared."""


class Coverage(Part):
    """The file coverage.yml."""

    exporters: dict[str, str]
    """Name → which release was read."""
    statistics: list[Statistic]


def coverage() -> Coverage:
    """Read coverage.yml.

    Raises:
        ValueError: a row has not one mark for each exporter, or another character.
    """
    text = (files("exporter.sources.postgres") / "coverage.yml").read_text(encoding="utf-8")
    found = Coverage.model_validate(yaml.safe_load(text))
    for row in found.statistics:
        marks = row.marks.split()
        if marks and (len(marks) != len(found.exporters) or not {*marks} <= {_THERE, _OFF, _PARTLY, _NOT}):
            raise ValueError(
                f"coverage.yml: {row.of}: {row.marks} are no marks of {len(found.exporters)} exporters"
            )
    return found


def page(families: Iterable[Family]) -> Iterator[str]:
    """Yield the lines of the page. `families` are all that the exporter declares.

    Raises:
        ValueError: a pattern fits no metric.
    """
    data, names = coverage(), [family.name for family in families]
    yield from (
        "What is told of a Postgres server, here and by other exporters. The first column of marks is found from the",
        "collectors as they are declared. Those of the others were read from their sources:",
        "",
        *(f"- **{name}**: {release}" for name, release in data.exporters.items()),
        "",
        "Names and values were compared with a running postgres_exporter 0.19.1 (`make test`), costs with that",
        "and with query-exporter 5.0.2, faults with these and justwatchcom/sql_exporter 0.9 (`make bench`).",
        "",
        f"{_THERE} on by default · {_OFF} there, but off by default, optional or outside the standard preset · "
        f"{_PARTLY} in part · {_NOT} not there",
        "",
        *_row(["Statistic", "here", *data.exporters]),
        *_row(["---", *[":-:"] * (len(data.exporters) + 1)]),
    )
    compared = [statistic for statistic in data.statistics if statistic.marks]
    for statistic in compared:
        yield from _row([_described(statistic), _mark(statistic, names), *statistic.marks.split()])
    yield from ("", "Also told here, and not compared:", "")
    for statistic in data.statistics:
        if statistic not in compared:
            _mark(statistic, names)
            yield f"- {_described(statistic)}"
    yield from (
        "",
        "## Collectors",
        "",
        "Every statement runs read-only behind a savepoint, with its own time-out and at most 200 ms for a lock. A",
        "collector exists where the server has what it needs; `once` is once a server, `each` is in each database.",
        "",
        *_row(["Collector", "Question", "Scope", "Every", "Where", "Needs", "Metrics"]),
        *_row(["---", "---", "---", "--:", "---", "---", "--:"]),
    )
    for collector in sorted(builtin(), key=lambda collector: collector.name):
        yield from _row(_collector(collector))
    yield ""


def matching(pattern: str, names: Sequence[str]) -> list[str]:
    """Return the names that fit a pattern. Raises ValueError if none does."""
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise ValueError(f"coverage.yml: no metric is called {pattern}")
    return found


def _described(statistic: Statistic) -> str:
    ours = ", ".join(f"`{pattern}`" for pattern in statistic.metrics)
    return f"{statistic.of}: {ours}" if ours else statistic.of


def _mark(statistic: Statistic, names: Sequence[str]) -> str:
    """Find our mark: off if each of its metrics belongs to a collector that is."""
    ours = {name for pattern in statistic.metrics for name in matching(pattern, names)}
    off = {
        column.family.name
        for collector in builtin()
        if not _builtin(collector).enabled
        for column in collector.columns
    }
    return _NOT if not ours else _OFF if ours <= off else _THERE


def _collector(collector: Collector) -> list[str]:
    statement = _builtin(collector)
    every = "collection" if statement.every is None else str(statement.every)
    return [
        f"`{collector.name}`" + ("" if statement.enabled else " (off)"),
        statement.question,
        {"cluster": "once", "database": "each"}[statement.scope],
        every,
        ", ".join(f"`{condition}`" for condition in statement.when),
        f"`{statement.needs}`" if statement.needs else "",
        str(len(collector.columns)),
    ]


def _builtin(collector: Collector) -> Builtin:
    assert isinstance(collector.statement, Builtin), "it came from builtin()"
    return collector.statement


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
