"""Collectors: a statement, fitted to a server, and the metrics that its rows become."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from exporter.engine.families import Family
from exporter.engine.source import SourceError
from exporter.platform.base import Interval, Text
from exporter.platform.conditions import Facts, term
from exporter.platform.queries import Metric, Query, Statement
from exporter.sources.postgres.cells import packed

_LONGEST_ROW = 1 << 14
_LONGEST_ANSWER = 1 << 25
_SHORTEST_BOUND = 1 << 10
"""Bytes of a row of own SQL, and of all its rows together."""
_ROW_OF_BYTES = " bytes in a row, more than"
_TOO_LONG = re.compile(rf"(\d+){_ROW_OF_BYTES} (\d+)")


class Builtin(Statement):
    """An entry of the files in `collectors/`, named by its key."""

    question: Text
    """What an operator asks that it answers."""
    every: Interval | None = None
    """How often; with the source itself when it is left out."""
    enabled: bool = True
    """Whether it runs unless the platform file says otherwise."""
    locks: bool = False
    """Whether locks that it takes last until the end of the transaction, which therefore ends after it."""
    follows: str | None = None
    """Collector with a fold, of whose shown rows it tells more: `{shown}` is an array of their last label."""
    scrub: str | None = None
    """Column of SQL texts, to be cleaned of literals and comments."""
    since: str | None = None
    """Column that tells since when the rows of a fold are counted: Unix time in milliseconds, the same in each."""
    mark: str | None = None
    """Column (int8) that changes whenever its row may have; NULL if that cannot be told. `{known}` is an array of those
    of last time, and the column `known` says that a row's is among them: such a row is sent without its cells, which
    need not be worked out."""


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

    @property
    def locks(self) -> bool:
        """Whether locks that it takes last until the end of the transaction."""
        return isinstance(self.statement, Builtin) and self.statement.locks

    @property
    def since(self) -> str | None:
        """Column that tells since when the rows are counted."""
        return self.statement.since if isinstance(self.statement, Builtin) else None

    @property
    def mark(self) -> str | None:
        """Column that changes whenever its row may have."""
        return self.statement.mark if isinstance(self.statement, Builtin) else None

    @property
    def packed(self) -> tuple[str, ...]:
        """Columns of which each row is sent as one text; none for own SQL and for rows of (name, value)."""
        if self.own or self.statement.pivot is not None:
            return ()
        labels = (label for column in self.columns for label in column.labels)
        values = (column.value for column in self.columns)
        since = () if self.since is None else (self.since,)
        return tuple(dict.fromkeys((*self.statement.labels, *labels, *values, *since)))

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

    def sql(self, facts: Facts, words: dict[str, str], limit: int, *, packs: bool = True) -> bytes:
        """Fit the statement to the server, and cut it off one row after `limit`; `packs` its rows if that is its way.

        `words` are further pieces that built-in statements may name, beside `{limit}`, which is that row's number.
        """
        text = self.statement.sql.strip().rstrip(";")
        pieces = {} if self.own else {**words, "limit": str(limit + 1)}
        for name, choices in self.statement.choose.items():
            pieces[name] = _choice(choices, facts)
        if schema := self._schema(facts):
            pieces["schema"] = schema
        for name, piece in pieces.items():
            text = text.replace(f"{{{name}}}", piece)
        what = packed(self.packed, self.mark) if packs and self.packed else "*"
        fitted = "\n".join(("select", what, "from (", text, f") as rows limit {limit + 1}"))
        return (_bounded(fitted, limit) if self.own else fitted).encode()

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


def _bounded(sql: str, limit: int) -> str:
    """Have the server refuse a row that is too long before it is sent: libpq takes in whatever comes.

    The limit within keeps what is asked for from being worked out twice. A constant text would be cast when planning.
    """
    most = max(_SHORTEST_BOUND, min(_LONGEST_ROW, _LONGEST_ANSWER // limit))
    stored = (
        'pg_catalog.pg_column_size("whole row")'  # compressed, and known without reading what is stored apart
    )
    text = '"whole row"::pg_catalog.text'
    written = (
        f"pg_catalog.octet_length(pg_catalog.replace({text}, '\"\"', '\"'))"  # a row writes quotes twice
    )
    size = f"(case when {stored} operator(pg_catalog.>) {most} then {stored} else {written} end)"
    refusal = f"pg_catalog.concat({size}, '{_ROW_OF_BYTES} {most}')::pg_catalog.bool"
    bound = f"case when {size} operator(pg_catalog.>) {most} then {refusal} else true end"
    return "\n".join(("select * from (", sql, f') as "whole row" where {bound}'))


def too_long(message: str) -> SourceError | None:
    """Return what the server means when it refuses a row for its length."""
    if (match := _TOO_LONG.search(message)) is None:
        return None
    size, most = map(int, match.groups())
    return SourceError(
        "rejected",
        f"a row has {size:,} bytes, more than {most:,}",
        remedy="Select labels and values alone, shorten texts with left(…, 100), or lower `limit`.",
    )


def _choice(choices: dict[str, str], facts: Facts) -> str:
    for condition, piece in choices.items():
        if condition != "else" and term(condition).holds(facts):
            return piece
    return choices.get("else", "null")


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
