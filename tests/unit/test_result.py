"""What is read from the state is a result or is refused: a row that somebody spoiled ends nothing."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from exporter.engine.families import Collected, Family
from exporter.engine.result import Result, dump, load
from exporter.engine.source import SourceError

EVENTS = Family("events_total", "counter", "Events.", ("kind",))


_INSTEAD: list[Any] = [None, [], {}, "x", 7, [[]], {"x": []}, ["x"]]


def written() -> bytes:
    data = Collected()
    data.set(EVENTS, 3, "a")
    data.created[EVENTS] = {("a",): 5.0}
    error = SourceError("timeout", "no answer", remedy="Wait.")
    return dump(Result(data, 1.5, 0.5, 0.1, {"timeout": 2}, error, 1, 3.0, 0.2))


def spoilt() -> Iterator[bytes]:
    """Return the document with each of its parts in turn replaced by each kind of JSON value."""
    document = orjson.loads(written())

    def parts(of: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        yield path
        inside = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
        for key, part in inside:
            yield from parts(part, (*path, key))

    for path in parts(document, ()):
        for instead in _INSTEAD:
            again: Any = {"whole": orjson.loads(written())}
            of = again
            for key in ("whole", *path)[:-1]:
                of = of[key]
            of[("whole", *path)[-1]] = instead
            yield orjson.dumps(again["whole"])


def test_it_comes_back_as_it_was_written() -> None:
    found = load(written(), age=2.0)
    assert (found.data.families, found.succeeded, found.age) == ({EVENTS: {("a",): 3.0}}, 1.5, 2.5)
    assert (found.failures, found.failures_in_a_row, found.wait) == ({"timeout": 2}, 1, 1.0)
    assert found.error is not None
    assert (found.error.reason, str(found.error), found.error.remedy) == ("timeout", "no answer", "Wait.")


def test_whatever_part_of_it_is_spoilt_it_is_a_result_or_refused() -> None:
    refused = 0
    for text in spoilt():
        try:
            found = load(text)
        except ValueError:
            refused += 1
        else:
            assert load(dump(found)).failures == found.failures, text
    assert refused > 100


def test_a_type_that_is_none_is_refused() -> None:
    """Prometheus would refuse the whole page."""
    with pytest.raises(ValueError, match="no type of metrics"):
        load(written().replace(b'"counter"', b'"nonsense"'))


@pytest.mark.parametrize("text", [b"", b"{", b"7", b"[]", b"null"])
def test_what_is_no_document_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"no result|JSON|empty|unexpected"):
        load(text)
