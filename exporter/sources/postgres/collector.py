"""Collectors: a statement, fitted to a server, and how its rows become samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

import yaml
from psycopg.pq.abc import PGresult
from pydantic import TypeAdapter

from exporter.engine.families import Collected, Family, Key
from exporter.engine.source import SourceError
from exporter.platform.base import Interval, Text
from exporter.platform.conditions import Facts, term
from exporter.platform.queries import Metric, Query, Statement
from exporter.sources.postgres.fold import Fold, Rows
from exporter.sources.postgres.querytext import scrub

Cell = bytes | float | None
"""A value as the server writes it, or as it was computed from such."""

_LONGEST_LABEL = 1024
"""Bytes of a label's value; what is longer is cut."""

_BOOLEANS: dict[Cell, float] = {b"t": 1.0, b"f": 0.0}


class Builtin(Statement):
    """An entry of the files in `collectors/`, named by its key."""

    question: Text
    """What an operator asks that it answers."""
    every: Interval | None = None
    """How often; with the source itself when it is left out."""
    enabled: bool = True
    """Whether it runs unless the platform file says otherwise."""
    last: bool = False
    """Whether it comes after all others, because locks that it takes last until the end of the transaction."""
    follows: str | None = None
    """Collector with a fold, of whose shown rows it tells more: `{shown}` is an array of their last label."""
    scrub: str | None = None
    """Column of SQL texts, to be cleaned of literals and comments."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column becomes samples of a family. `labels` are columns as well."""

    family: Family
    value: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Collector:
    """A statement and its metrics. `every` is in seconds, 0 for each time that the source is collected."""

    name: str
    statement: Statement
    every: float
    own: bool
    columns: tuple[Column, ...]

    @property
    def follows(self) -> str | None:
        """Name of the collector whose shown rows it tells more of."""
        return self.statement.follows if isinstance(self.statement, Builtin) else None

    def conditions(self) -> Iterator[str]:
        """Yield every condition that it speaks of."""
        yield from self.statement.when
        for pieces in self.statement.choose.values():
            yield from (condition for condition in pieces if condition != "else")

    def applies(self, facts: Facts) -> bool:
        """Say whether the server has what it needs, rights left aside."""
        return all(term(condition).holds(facts) for condition in self.statement.when)

    def allowed(self, facts: Facts) -> bool:
        """Say whether the user has the role that it needs."""
        needs = self.statement.needs
        return needs is None or needs in facts.roles or facts.superuser

    def sql(self, facts: Facts, words: dict[str, str], limit: int) -> bytes:
        """Fit the statement to the server, and cut it off one row after `limit`.

        `words` are further pieces that built-in statements may name.
        """
        text = self.statement.sql.strip().rstrip(";")
        pieces = {} if self.own else dict(words)
        for name, choices in self.statement.choose.items():
            pieces[name] = _choice(choices, facts)
        if schema := self._schema(facts):
            pieces["schema"] = schema
        for name, piece in pieces.items():
            text = text.replace(f"{{{name}}}", piece)
        return "\n".join(("select * from (", text, f") as rows limit {limit + 1}")).encode()

    def _schema(self, facts: Facts) -> str | None:
        conditions = (term(condition) for condition in self.statement.when)
        return next(
            (
                facts.extensions[condition.name].schema
                for condition in conditions
                if condition.kind == "extension" and condition.name in facts.extensions
            ),
            None,
        )


def _choice(choices: dict[str, str], facts: Facts) -> str:
    for condition, piece in choices.items():
        if condition != "else" and term(condition).holds(facts):
            return piece
    return choices.get("else", "null")


@dataclass(slots=True)
class Table:
    """The rows of an answer, column by column, values as the server writes them."""

    columns: dict[str, list[Cell]]
    truncated: bool = False
    sums: "Table | None" = None
    """Of folded rows: what all of each group gained, for the metrics that have the labels of the group alone."""

    @classmethod
    def of(cls, result: PGresult, limit: int, statement: Statement) -> "Table":
        """Read at most `limit` rows; with a pivot, make one row of rows of (name, value)."""
        count, get = min(result.ntuples, limit), result.get_value
        columns: dict[str, list[Cell]] = {
            (result.fname(place) or b"").decode(): [get(row, place) for row in range(count)]
            for place in range(result.nfields)
        }
        if len(columns) < result.nfields:
            raise SourceError(
                "rejected",
                "the statement returns two columns of one name",
                remedy="Give each a name with `as`.",
            )
        if isinstance(statement, Builtin) and statement.scrub is not None:
            texts = columns[statement.scrub]
            columns[statement.scrub] = [scrub(_text(text)).encode() for text in texts]
        if (pivot := statement.pivot) is not None:
            value = next((name for name in columns if name != pivot), None)
            if pivot not in columns or value is None:
                raise SourceError(
                    "rejected",
                    f"the statement returns no column {pivot} beside one of values",
                    remedy=f"It returns: {', '.join(columns)}.",
                )
            columns = {_text(name): [cell] for name, cell in zip(columns[pivot], columns[value], strict=True)}
        return cls(columns, truncated=result.ntuples > limit)

    def folded(self, fold: Fold, collector: Collector) -> "Table":
        """Return the rows that stay by themselves, and the rest of each group in one."""
        for name in (*collector.statement.labels, *(column.value for column in collector.columns)):
            if name not in self.columns:
                raise _missing(collector, self, name)
        cells = (map(_text, self.columns[name]) for name in collector.statement.labels)
        values = {
            name: [None if cell is None else _number(collector, name, cell) for cell in self.columns[name]]
            for name in dict.fromkeys(column.value for column in collector.columns)
        }
        kept = fold.apply(list(zip(*cells, strict=True)), values)
        return Table(_columns(collector, kept), self.truncated, Table(_columns(collector, fold.totals())))


def _columns(collector: Collector, rows: Rows) -> dict[str, list[Cell]]:
    """Lay out folded rows, whose labels are the first ones of the statement's or all of them."""
    labels, values = rows
    columns: dict[str, list[Cell]] = {name: [] for name in collector.statement.labels} if not labels else {}
    for name, texts in zip(collector.statement.labels, zip(*labels, strict=True), strict=False):
        columns[name] = [text.encode() for text in texts]
    return columns | {name: list(column) for name, column in values.items()}


def samples(collector: Collector, before: Key, table: Table) -> Collected:
    """Turn rows into samples, whose labels begin with the values `before`.

    Raises:
        SourceError: rejected, when a column is missing, holds no number, or two rows have the same labels.
    """
    out, keys = Collected(), _Keys(collector, before, table)
    sums = None if table.sums is None else _Keys(collector, before, table.sums)
    for column in collector.columns:
        of = keys if sums is None or len(column.labels) == len(collector.statement.labels) else sums
        if column.value not in of.table.columns:
            if collector.statement.pivot is not None:
                continue  # a setting that this server does not know
            raise _missing(collector, of.table, column.value)
        values = of.table.columns[column.value]
        labels = of(column.labels)
        try:
            found = {
                key: float(value) for key, value in zip(labels, values, strict=True) if value is not None
            }
        except ValueError:
            found = {
                key: _number(collector, column.value, value)
                for key, value in zip(labels, values, strict=True)
                if value is not None
            }
        if len(found) < len(values) - values.count(None):
            raise SourceError(
                "rejected",
                f"{collector.name}: two rows have the same {', '.join(column.labels) or 'labels: none'}",
                remedy="Group by the label columns, or make a label of what tells the rows apart.",
            )
        if found:
            out.families[column.family] = found
    return out


class _Keys:
    """The label values of each row, made once for all metrics with the same labels."""

    def __init__(self, collector: Collector, before: Key, table: Table) -> None:
        self._collector, self._before, self.table = collector, before, table
        self._made: dict[tuple[str, ...], list[Key]] = {}

    def __call__(self, labels: tuple[str, ...]) -> list[Key]:
        if labels not in self._made:
            self._made[labels] = self._make(labels)
        return self._made[labels]

    def _make(self, labels: tuple[str, ...]) -> list[Key]:
        table = self.table.columns
        for label in labels:
            if label not in table:
                raise _missing(self._collector, self.table, label)
        count = len(next(iter(table.values()))) if table else 0
        if not labels:
            return [self._before] * count
        before = self._before
        texts = [[_text(cell) for cell in table[label]] for label in labels]
        return [(*before, *row) for row in zip(*texts, strict=True)]


def _text(cell: Cell) -> str:
    """Write a value as text. Bytes that are no UTF-8, as SQL_ASCII allows, stay told apart, and so do long texts."""
    if isinstance(cell, bytes):
        if len(cell) > _LONGEST_LABEL:
            cell = cell[:1000] + b"... " + blake2b(cell, digest_size=8).hexdigest().encode()
        return cell.decode(errors="backslashreplace")
    return "" if cell is None else str(cell)


def _number(collector: Collector, column: str, value: Cell) -> float:
    try:
        return _BOOLEANS[value] if value in _BOOLEANS else float(value if value is not None else 0)
    except ValueError as error:
        raise SourceError(
            "rejected", f"{collector.name}: column {column} holds {_text(value)[:80]!r}, not a number"
        ) from error


def _missing(collector: Collector, table: Table, column: str) -> SourceError:
    return SourceError(
        "rejected",
        f"{collector.name}: the statement returns no column {column}",
        remedy=f"It returns: {', '.join(table.columns)}.",
    )


@cache
def builtin() -> tuple[Collector, ...]:
    """Read the built-in collectors.

    Raises:
        ValueError: a name stands for two collectors or two metrics.
    """
    folder = files("exporter.sources.postgres") / "collectors"
    adapter = TypeAdapter(dict[str, Builtin])
    found: dict[str, Collector] = {}
    owners: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        entries = adapter.validate_python(
            yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        )
        for name, entry in entries.items():
            if name in found:
                raise ValueError(f"two collectors are called {name}")
            for metric in entry.metrics:
                if (owner := owners.setdefault(metric, name)) != name:
                    raise ValueError(f"{metric} belongs to both {owner} and {name}")
            found[name] = _collector(name, entry, entry.every or 0.0, own=False)
    return tuple(found.values())


def own(name: str, query: Query) -> Collector:
    """Make a collector of a query of the platform file. Its name is its place there, so it is no built-in one's."""
    return _collector(f"queries.{name}", query, query.every, own=True)


def _collector(name: str, statement: Statement, every: float, *, own: bool) -> Collector:
    return Collector(
        name,
        statement,
        every,
        own,
        tuple(_column(statement, metric, declared) for metric, declared in statement.metrics.items()),
    )


def _column(statement: Statement, metric: str, declared: Metric) -> Column:
    family = Family(metric, declared.type, declared.help, statement.labels_of(declared))
    return Column(family, declared.value, statement.columns_of(declared))
