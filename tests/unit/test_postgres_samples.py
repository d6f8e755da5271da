"""How rows become samples: NULL is nothing, two values for one series are an error, folds give sums as well."""

from collections.abc import Callable
from random import Random
from typing import cast
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.pq.abc import PGresult

from exporter.engine.source import SourceError
from exporter.platform.queries import Statement
from exporter.sources.postgres import cells
from exporter.sources.postgres.cells import Cell, Cells, Columns, _apart, _floats
from exporter.sources.postgres.collector import Builtin, Collector, _collector, builtin
from exporter.sources.postgres.fold import Fold
from exporter.sources.postgres.rows import Last, Table, samples


def collector(**changes: object) -> Collector:
    entry = {
        "question": "Which statements take the time?",
        "sql": "select 1",
        "labels": ["datname", "user", "queryid"],
        "metrics": {
            "all_total": {"type": "counter", "help": "All.", "value": "calls", "labels": ["datname"]},
            "each_total": {"type": "counter", "help": "Each.", "value": "calls"},
        },
        **changes,
    }
    return _collector("statements", Builtin.model_validate(entry), 0, own=False)


def told(of: Collector, table: Table) -> dict[str, dict[tuple[str, ...], float]]:
    return {family.name: found for family, found in samples(of, ("main",), table)}


def test_rows_of_different_kinds_may_stand_in_one_answer() -> None:
    """A summary and the rows that it is of: each has NULL where the other has a value."""
    of = collector(
        labels=["name"],
        metrics={
            "total": {"type": "gauge", "help": "All.", "value": "count", "labels": []},
            "each": {"type": "gauge", "help": "Each.", "value": "size"},
        },
    )
    table = Table({"name": [None, b"a", b"b"], "count": [b"2", None, None], "size": [None, b"1", b"5"]})
    assert told(of, table) == {
        "total": {("main",): 2.0},
        "each": {("main", "a"): 1.0, ("main", "b"): 5.0},
    }


def test_two_values_for_one_series_are_an_error() -> None:
    of = collector(labels=["name"], metrics={"each": {"type": "gauge", "help": "Each.", "value": "size"}})
    with pytest.raises(SourceError, match="two rows have the same name"):
        samples(of, ("main",), Table({"name": [b"a", b"a"], "size": [b"1", b"1"]}))


def test_a_fold_gives_the_shown_the_others_and_the_sums() -> None:
    of = collector()
    fold = Fold(of.statement.labels, 1, "calls", "user")

    def rows(*calls: int) -> Table:
        return Table(
            {
                "datname": [b"shop"] * 3,
                "user": [b"app"] * 3,
                "queryid": [b"1", b"2", b"3"],
                "calls": [str(number).encode() for number in calls],
            }
        )

    last = Last()
    rows(0, 0, 9).folded(fold, of, last)
    assert told(of, rows(1, 2, 12).folded(fold, of, last)) == {
        "all_total": {("main", "shop"): 6.0},
        "each_total": {("main", "shop", "app", "3"): 3.0, ("main", "shop", "other", "other"): 3.0},
    }


def test_a_fold_takes_the_labels_that_rows_have_by_now() -> None:
    of, last = collector(), Last()
    fold = Fold(of.statement.labels, 0, "calls", "user")
    for datname, calls in (("a", 1), ("a", 2), ("b", 7), ("b", 9)):
        table = Table({"datname": [datname], "user": ["app"], "queryid": ["1"], "calls": [float(calls)]})
        sums = told(of, table.folded(fold, of, last))["all_total"]
    assert sums == {("main", "a"): 1.0, ("main", "b"): 9.0}


def test_a_fold_over_no_rows_gives_nothing() -> None:
    of = collector()
    empty = Table({"datname": [], "user": [], "queryid": [], "calls": []})
    assert told(of, empty.folded(Fold(of.statement.labels, 1, "calls", "user"), of, Last())) == {}


def test_the_built_in_statements_are_folded_by_a_column_that_they_export() -> None:
    for of in builtin():
        statement: Statement = of.statement
        if statement.fold is not None:
            assert statement.fold.by in {column.value for column in of.columns}
            assert statement.fold.other in statement.labels


def test_what_stays_the_same_is_the_same_object() -> None:
    """So that it is neither kept twice nor written again."""
    of = collector(
        labels=["name"],
        metrics={
            "scans_total": {"type": "counter", "help": "Scans.", "value": "scans"},
            "size_bytes": {"type": "gauge", "help": "Size.", "value": "size"},
        },
    )
    last = Last()

    def ask(names: str, scans: list[Cell], size: list[Cell]) -> list[dict[tuple[str, ...], float]]:
        found = samples(of, ("main",), Table({"name": list(names), "scans": scans, "size": size}), last)
        return list(found.families.values())

    scans, size = ask("ab", [1.0, 2.0], [8.0, 9.0])
    more, same = ask("ab", [1.0, 3.0], [8.0, 9.0])
    assert more == {("main", "a"): 1.0, ("main", "b"): 3.0}
    assert same is size
    assert all(one is other for one, other in zip(scans, more, strict=True))
    assert ask("ba", [1.0, 3.0], [8.0, 9.0])[0] == {("main", "b"): 1.0, ("main", "a"): 3.0}
    assert ask("b", [None], [9.0]) == [{("main", "b"): 9.0}]
    assert ask("b", ["t"], ["NaN"])[0] == {("main", "b"): 1.0}


class Rows:
    """An answer of rows that are one text each."""

    nfields = 1

    def __init__(self, *rows: str) -> None:
        self.rows: list[tuple[Cell, ...]] = [(row,) for row in rows]

    def fname(self, _: int) -> bytes:
        return b"row"

    def ftype(self, _: int) -> int:
        return 25


def test_rows_are_known_again_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list[Cell]()
    monkeypatch.setattr(cells, "_loaded", lambda result, count: result.rows[:count])
    reader = Cells()

    def apart(row: Cell) -> list[Cell]:
        texts.append(row)
        return _apart(row)

    monkeypatch.setattr(cells, "_apart", apart)

    def read(*rows: str) -> tuple[Columns, list[Cell]]:
        texts.clear()
        return taken(reader, Rows(*rows)), list(texts)

    first, _ = read("(a,1)", "(b,)")
    assert first == [["a", "b"], [1.0, None]]
    assert read("(a,1)", "(b,)")[0] is first
    assert read("(a,1)", "(b,2)") == ([["a", "b"], [1.0, 2.0]], ["(b,2)"])
    assert first == [["a", "b"], [1.0, None]], "what was read before stays as it was"
    assert read("(c,3)", "(a,1)", "(b,2)") == ([["c", "a", "b"], [3.0, 1.0, 2.0]], ["(c,3)"])
    assert read("(b,2)") == ([["b"], [2.0]], [])
    assert read() == ([[], []], [])
    assert read("(b,2)") == ([["b"], [2.0]], ["(b,2)"])


def taken(reader: Cells, answer: Rows) -> Columns:
    return reader.read(cast("PGresult", answer), 99, [True, False], packed=True)


class Marked(Rows):
    """An answer of rows with marks."""

    nfields = 2

    def __init__(self, *rows: tuple[str | bytes | None, str | bytes | None]) -> None:
        super().__init__()
        self.rows = list(rows)


@given(
    st.lists(
        st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.sampled_from("abc"), max_size=5),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_a_row_may_come_as_its_mark_alone(states: list[dict[int, str]], random: Random) -> None:
    """As the server sends what it was told to be known, wherever the row stands; some cannot be told by a mark."""
    reader, plain = Cells(), Cells()
    with patch.object(cells, "_loaded", lambda result, count: result.rows[:count]):
        for state in states:
            rows = [(f"({name},{mark})", mark) for mark, name in {**_BEFORE, **state}.items()]
            random.shuffle(rows)
            known, unsure = set(reader.marks), set(random.sample(range(len(rows)), len(rows) // 3))
            sent = [
                (row, None) if place in unsure else (None if mark in known else row, str(mark))
                for place, (row, mark) in enumerate(rows)
            ]
            assert taken(reader, Marked(*sent)) == taken(plain, Rows(*(row for row, _ in rows)))
            assert set(reader.marks) == {mark for place, (_, mark) in enumerate(rows) if place not in unsure}


_BEFORE = {1: "a", 2: "b", 3: "c"}
"""Rows that are there all the time."""


def test_marks_are_the_same_in_any_encoding() -> None:
    """A server with SQL_ASCII sends bytes in one answer and text in the next."""
    reader = Cells()
    with patch.object(cells, "_loaded", lambda result, count: result.rows[:count]):
        first = taken(reader, Marked((b"(\xff,1)", b"7")))
        assert taken(reader, Marked((None, "7"))) is first


def test_what_was_refused_is_no_sample_next_time_either() -> None:
    of, last = (
        collector(labels=["name"], metrics={"each": {"type": "gauge", "help": "E.", "value": "size"}}),
        Last(),
    )
    twice = Table({"name": ["a", "a"], "size": [1.0, 1.0]}, read=[["a", "a"], [1.0, 1.0]])
    for _ in range(2):
        with pytest.raises(SourceError, match="two rows have the same name"):
            samples(of, ("main",), twice, last)


def test_rows_that_come_as_one_text_are_taken_apart() -> None:
    for row, expected in (
        ("(a,1)", ["a", "1"]),
        ('(,"")', ["", ""]),
        ('("a b","c,d")', ["a b", "c,d"]),
        ('("say ""hi""","C:\\\\x","(1)")', ['say "hi"', "C:\\x", "(1)"]),
        ('("two\nlines",,"""")', ["two\nlines", "", '"']),
        (b'("\xff\xe4,",2)', [b"\xff\xe4,", b"2"]),
    ):
        assert _apart(row) == expected


def test_numbers_of_a_column_are_read_and_the_rest_is_left() -> None:
    infinite = "1" + 400 * "0"
    assert _floats(("1", "0.1", "-Infinity", infinite)) == [1.0, 0.1, float("-inf"), float("inf")]
    assert _floats(("1", "", None, "t", b"2")) == [1.0, None, None, "t", 2.0]


NO_NUMBERS = ["1_0", " 1", "1 ", "1\n", "\u00a01", "\u0661\u0662", "\u0131nf", "1e1_0", "", ".", "0x1", "e5"]


@pytest.mark.parametrize("text", [*NO_NUMBERS, pytest.param("9" * 99_999 + "x", id="long")])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_what_only_python_reads_as_a_number_is_none(text: str, kind: Callable[[str], Cell]) -> None:
    of = collector(labels=[], metrics={"size": {"type": "gauge", "help": "Size.", "value": "size"}})
    with pytest.raises(SourceError, match="not a number") as caught:
        samples(of, ("main",), Table({"size": [kind(text)]}))
    assert caught.value.reason == "rejected"


NUMBERS = ["1", "-1", "+1", "1.5", "1.", ".5", "1e5", "1E-05", "-1.5e+300", "Infinity", "-Infinity", "inf"]


@pytest.mark.parametrize("text", [*NUMBERS, pytest.param("9" * 2000, id="long")])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_numbers_that_come_as_texts_are_read(text: str, kind: Callable[[str], Cell]) -> None:
    of = collector(labels=[], metrics={"size": {"type": "gauge", "help": "Size.", "value": "size"}})
    assert told(of, Table({"size": [kind(text)]})) == {"size": {("main",): float(text)}}
