"""Rows of an answer, and the samples that they become."""

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import cast

from psycopg.pq.abc import PGresult

from exporter.engine.families import Collected, Family, Key, Samples
from exporter.engine.source import SourceError
from exporter.sources.postgres.cells import Cell, Cells, Columns
from exporter.sources.postgres.collector import Builtin, Collector
from exporter.sources.postgres.fold import Fold, Labels, Rows
from exporter.sources.postgres.querytext import scrub

_LONGEST_LABEL = 1024
"""Bytes of a label's value; what is longer is cut."""
_SHORT = _LONGEST_LABEL // 4
"""Characters that cannot take more bytes."""

_READ = frozenset({float, type(None)})
"""Types of the cells of a column of numbers."""
_STRINGS = frozenset({str})

_BOOLEANS: dict[Cell, float] = {"t": 1.0, "f": 0.0, b"t": 1.0, b"f": 0.0}

_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)
"""As the server writes numbers: float() reads 1_0, spaces and digits of other scripts as well."""


@dataclass(slots=True)
class Table:
    """The rows of an answer, column by column."""

    columns: dict[str, list[Cell]]
    truncated: bool = False
    sums: "Table | None" = None
    """Of folded rows: what all of each group gained, for the metrics that have the labels of the group alone."""
    read: Columns | None = None
    """What the rows were made of, if they are that alone."""
    since: float | None = None
    """Since when the rows are counted, Unix time; None if they do not tell."""

    @classmethod
    def of(cls, result: PGresult, limit: int, collector: Collector, last: "Last | None" = None) -> "Table":
        """Read at most `limit` rows; with a pivot, make one row of rows of (name, value).

        `last` is brought up to date.
        """
        statement = collector.statement
        labels = {label for column in collector.columns for label in column.labels}
        scrubbed = statement.scrub if isinstance(statement, Builtin) else None
        texts = {*labels, *statement.labels, statement.pivot, scrubbed}
        packed = collector.packed
        names = packed or [(result.fname(place) or b"").decode() for place in range(result.nfields)]
        cells = (last or Last()).cells.read(
            result, min(result.ntuples, limit), [name in texts for name in names], packed=bool(packed)
        )
        columns = dict(zip(names, cells, strict=True))
        if len(columns) < len(names):
            raise SourceError(
                "rejected",
                "the statement returns two columns of one name",
                remedy="Give each a name with `as`.",
            )
        if scrubbed is not None:
            columns[scrubbed] = [scrub(_text(text)) for text in columns[scrubbed]]
        if (pivot := statement.pivot) is not None:
            value = next((name for name in columns if name != pivot), None)
            if pivot not in columns or value is None:
                raise SourceError(
                    "rejected",
                    f"the statement returns no column {pivot} beside one of values",
                    remedy=f"It returns: {', '.join(columns)}.",
                )
            columns = {_text(name): [cell] for name, cell in zip(columns[pivot], columns[value], strict=True)}
        since = _since(collector, columns)
        return cls(columns, truncated=result.ntuples > limit, read=cells, since=since)

    def folded(self, fold: Fold, collector: Collector, last: "Last") -> "Table":
        """Return the rows that stay by themselves, and the rest of each group in one. `last` is brought up to date."""
        for name in (*collector.statement.labels, *(column.value for column in collector.columns)):
            if name not in self.columns:
                raise _missing(collector, self, name)
        texts = [self.columns[name] for name in collector.statement.labels]
        if texts != last.folded[0]:
            last.folded = texts, list(zip(*map(_texts, texts), strict=True))
        values = {
            name: _numbers(collector, name, self.columns[name])
            for name in dict.fromkeys(column.value for column in collector.columns)
        }
        kept = fold.apply(last.folded[1], values, whole=not self.truncated)
        return Table(_columns(collector, kept), self.truncated, Table(_columns(collector, fold.totals())))


def _since(collector: Collector, columns: dict[str, list[Cell]]) -> float | None:
    if collector.since is None:
        return None
    told = _numbers(collector, collector.since, columns[collector.since][:1])
    return told[0] / 1000 if told and told[0] is not None else None


def _columns(collector: Collector, rows: Rows) -> dict[str, list[Cell]]:
    """Lay out folded rows, whose labels are the first ones of the statement's or all of them."""
    labels, values = rows
    columns: dict[str, list[Cell]] = {name: [] for name in collector.statement.labels} if not labels else {}
    for name, texts in zip(collector.statement.labels, zip(*labels, strict=True), strict=False):
        columns[name] = list(texts)
    return columns | {name: list(column) for name, column in values.items()}


@dataclass(slots=True)
class Last:
    """What a collector gave last time, of which the next time takes what is the same: most rows stay, and each is in
    many families."""

    keys: dict[tuple[str, ...], list[Key]] = field(default_factory=dict)
    """Label values of the rows, by the names of their columns."""
    samples: dict[Family, Samples] = field(default_factory=dict)
    read: Columns | None = None
    """What the samples were made of, with the labels `before`."""
    before: Key = ()
    cells: Cells = field(default_factory=Cells)
    folded: tuple[list[list[Cell]], list[Labels]] = field(default_factory=lambda: ([], []))
    """Label columns that were folded, and the labels of each row: what is the same object is found at once."""


def samples(collector: Collector, before: Key, table: Table, last: Last | None = None) -> Collected:
    """Turn rows into samples, whose labels begin with the values `before`. `last` is brought up to date.

    Raises:
        SourceError: rejected, when a column is missing, holds no number, or two rows have the same labels.
    """
    out, last = Collected(), last or Last()
    if table.read is not None and table.read is last.read and before == last.before:
        out.families = dict(last.samples)
        return out
    keys = _Keys(collector, before, table, last)
    sums = None if table.sums is None else _Keys(collector, before, table.sums, last)
    for column in collector.columns:
        of = keys if sums is None or len(column.labels) == len(collector.statement.labels) else sums
        if column.value not in of.table.columns:
            if collector.statement.pivot is not None:
                continue  # a setting that this server does not know
            raise _missing(collector, of.table, column.value)
        cells, labels = of.table.columns[column.value], of(column.labels)
        same = last.samples.get(column.family, {})
        if cells == list(same.values()) and labels == list(same):
            found = same
        else:
            values = _numbers(collector, column.value, cells)
            found = {key: value for key, value in zip(labels, values, strict=True) if value is not None}
            if len(found) < len(values) - values.count(None):
                raise SourceError(
                    "rejected",
                    f"{collector.name}: two rows have the same {', '.join(column.labels) or 'labels: none'}",
                    remedy="Group by the label columns, or make a label of what tells the rows apart.",
                )
        if found:
            out.families[column.family] = found
    last.samples, last.read, last.before = dict(out.families), table.read, before
    return out


class _Keys:
    """The label values of each row, made once for all metrics with the same labels."""

    def __init__(self, collector: Collector, before: Key, table: Table, last: Last) -> None:
        self._collector, self._before, self.table = collector, before, table
        self._last, self._made = last.keys, dict[tuple[str, ...], list[Key]]()

    def __call__(self, labels: tuple[str, ...]) -> list[Key]:
        if labels not in self._made:
            made = self._make(labels)
            if made != self._last.get(labels):
                self._last[labels] = made
            self._made[labels] = self._last[labels]
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
        texts = [_texts(table[label]) for label in labels]
        return [(*before, *row) for row in zip(*texts, strict=True)]


def _texts(cells: list[Cell]) -> list[str]:
    if _STRINGS.issuperset(map(type, cells)):
        texts = cast("list[str]", cells)
        if max(map(len, texts), default=0) <= _SHORT:
            return texts
    return [cell if type(cell) is str and len(cell) <= _SHORT else _text(cell) for cell in cells]


def _text(cell: Cell) -> str:
    """Write a value as text. Bytes that are no UTF-8, as SQL_ASCII allows, stay told apart, and so do long texts."""
    if isinstance(cell, str):
        cell = cell.encode(errors="backslashreplace")
    if isinstance(cell, bytes):
        if len(cell) > _LONGEST_LABEL:
            cell = cell[:1000] + b"... " + blake2b(cell, digest_size=8).hexdigest().encode()
        return cell.decode(errors="backslashreplace")
    return "" if cell is None else str(cell)


def _numbers(collector: Collector, column: str, cells: list[Cell]) -> list[float | None]:
    if _READ.issuperset(map(type, cells)):
        return cast("list[float | None]", cells)
    return [
        cell if cell is None or type(cell) is float else _number(collector, column, cell) for cell in cells
    ]


def _number(collector: Collector, column: str, value: str | bytes | float) -> float:
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    if _NUMBER.fullmatch(text) is None:
        raise SourceError(
            "rejected", f"{collector.name}: column {column} holds {_text(value)[:80]!r}, not a number"
        )
    return float(text)


def _missing(collector: Collector, table: Table, column: str) -> SourceError:
    return SourceError(
        "rejected",
        f"{collector.name}: the statement returns no column {column}",
        remedy=f"It returns: {', '.join(table.columns)}.",
    )
