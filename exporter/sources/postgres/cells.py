"""The cells of an answer, column by column.

To make an object of each cell takes most of the time of a collection, and most rows are those of last time. So built-in
statements send each row as one text, the way the server writes a composite value: rows are known again by it, and only
new ones are taken apart.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import ne
from typing import cast

from psycopg import adapters
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

Cell = str | bytes | float | None
"""A number, or a value as the server writes it: bytes where that is no UTF-8."""

Columns = list[list[Cell]]

_TEXT = adapters.types["text"].oid
_NUMBERS = {
    adapters.types[name].oid for name in ("int2", "int4", "int8", "oid", "float4", "float8", "numeric")
}
_FIELD = re.compile(r'(?:"((?:[^"\\]+|""|\\\\)*)"|([^",]*)),')
_DOUBLED = re.compile(r'(["\\])\1')


def packed(names: Iterable[str], mark: str | None = None) -> str:
    """Return the expression of a row of these columns as one text; before `mark`, if given, and NULL if `known`."""
    row = "row({})::text".format(", ".join(f'"{name}"' for name in names))
    return row if mark is None else f'case when not "known" then {row} end, "{mark}"'


class Cells:
    """Reads the answers of one statement, one after the other."""

    def __init__(self) -> None:
        self._shape: Sequence[object] = ()
        self._rows: list[tuple[Cell, ...]] = []
        self._columns: Columns = []
        self._marked: dict[int, Cell] = {}

    @property
    def marks(self) -> Iterable[int]:
        """Marks of the last answer's rows, which the server need not send again."""
        return self._marked

    def read(self, result: PGresult, count: int, texts: Sequence[bool], *, packed: bool) -> Columns:
        """Return the first `count` rows, column by column: the same object as last time if all rows are the same.

        Columns that are no `texts` come as numbers, where they are of such a type. Of `packed` rows each is one text,
        in which an empty label is not told from NULL; a mark may stand beside it, and for it.
        """
        shape = [*texts, *((result.fname(place), result.ftype(place)) for place in range(result.nfields))]
        rows = _loaded(result, count)
        if packed and result.nfields == 2:
            rows = self._filled(rows)
        if shape != self._shape:
            self._rows, self._columns = [], [[] for _ in texts]
        if rows != self._rows:
            if packed:
                self._columns = self._unpacked(rows, texts)
            else:
                read = (text or result.ftype(place) not in _NUMBERS for place, text in enumerate(texts))
                self._columns = _parsed(rows, read)
        self._rows, self._shape = rows, shape
        return self._columns

    def _filled(self, rows: list[tuple[Cell, ...]]) -> list[tuple[Cell, ...]]:
        """Put in the rows that were sent by their marks alone."""
        marks = [None if mark is None else int(mark) for _, mark in rows]
        texts = [
            self._marked[cast("int", mark)] if row[0] is None else row[0]
            for row, mark in zip(rows, marks, strict=True)
        ]
        self._marked = {mark: text for mark, text in zip(marks, texts, strict=True) if mark is not None}
        return [(text,) for text in texts]

    def _unpacked(self, rows: list[tuple[Cell, ...]], texts: Sequence[bool]) -> Columns:
        """Take those rows apart that are not known from last time."""
        if not rows:
            return [[] for _ in texts]
        before: Sequence[tuple[Cell, ...] | None] = self._rows
        columns = list(map(list, self._columns))
        if len(rows) != len(before):  # they may stand elsewhere by now
            known = dict(zip(self._rows, zip(*columns, strict=True), strict=True))
            before = [row if row in known else None for row in rows]
            nothing = (None,) * len(texts)
            columns = list(map(list, zip(*(known.get(row, nothing) for row in rows), strict=True)))
        new = list(compress(range(len(rows)), map(ne, rows, before)))
        read = _parsed([_apart(rows[place][0]) for place in new], texts)
        for column, cells in zip(columns, read, strict=True):
            for place, cell in zip(new, cells, strict=True):
                column[place] = cell
        return columns


def _loaded(result: PGresult, count: int) -> list[tuple[Cell, ...]]:
    loader = Transformer()
    loader.set_pgresult(result, set_loaders=False)
    loader.set_loader_types([_TEXT] * result.nfields, Format.TEXT)
    try:
        return loader.load_rows(0, count, tuple)
    except UnicodeDecodeError:  # SQL_ASCII
        get = result.get_value
        return [tuple(get(row, place) for place in range(result.nfields)) for row in range(count)]


def _apart(row: Cell) -> list[Cell]:
    """Take a row apart: `(1,"a b",)`, with quotes around what needs them."""
    if isinstance(row, bytes):
        return [cast("str", cell).encode("latin-1") for cell in _apart(row.decode("latin-1"))]
    inside = cast("str", row)[1:-1]
    if '"' not in inside:
        return list[Cell](inside.split(","))
    return [plain or _DOUBLED.sub(r"\1", quoted) for quoted, plain in _FIELD.findall(inside + ",")]


def _parsed(rows: Sequence[Sequence[Cell]], texts: Iterable[bool]) -> Columns:
    if not rows:
        return [[] for _ in texts]
    columns = zip(*rows, strict=True)
    return [list(column) if text else _floats(column) for column, text in zip(columns, texts, strict=True)]


class _Numbers(dict[Cell, Cell]):
    """Numbers by their texts: most of a column are the same few, of which each is one object.

    NULL stays what it is, and so do a server's `t` and `f`.
    """

    def __missing__(self, text: Cell) -> Cell:
        number: Cell = None
        if text:
            try:
                number = float(text)
            except ValueError:
                number = text
        self[text] = number
        return number


def _floats(column: tuple[Cell, ...]) -> list[Cell]:
    return list(map(_Numbers().__getitem__, column))
