"""`/metrics?name[]=…`: the families of a snapshot's body that were asked for, cut out of it without rendering anew."""

from urllib.parse import parse_qsl, unquote_to_bytes

MOST_NAMES = 64
"""More names in one request are refused: each is looked up while other scrapers wait."""

_HELP = b"\n# HELP "
_HISTOGRAM = (b"_bucket", b"_count", b"_sum")
_EOF = b"# EOF\n"


class BadSelectionError(ValueError):
    """The query cannot be answered."""


def names(query: bytes) -> list[bytes]:
    """Return the values of `name[]` in a query string, an empty list when there are none.

    Raises BadSelectionError for too many.
    """
    if b"name" not in unquote_to_bytes(query):
        return []
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_NAMES)
    except ValueError as error:
        raise BadSelectionError(f"name[]: ask for at most {MOST_NAMES} names, in ASCII") from error
    return [value for key, value in pairs if key == b"name[]"]


class Index:
    """Where each family stands in a body. Names are those of samples: a counter's with `_total`, an info's with
    `_info`, a histogram's its base name or that of one of its kinds of sample."""

    def __init__(self, body: bytes, *, openmetrics: bool) -> None:
        self._body = body
        self._openmetrics = openmetrics
        self._places: dict[bytes, slice] = {}
        end = len(body) - (len(_EOF) if openmetrics else 0)
        start = 0 if body.startswith(_HELP[1:]) else end
        while start < end:
            # A line feed inside a help text or a label value is written as \n, so this is the start of a family.
            found = body.find(_HELP, start, end)
            stop = end if found < 0 else found + 1
            self._note(start, stop)
            start = stop

    def _note(self, start: int, stop: int) -> None:
        type_line = self._body.index(b"\n# TYPE ", start) + len(b"\n# TYPE ")
        name, kind = self._body[type_line : self._body.index(b"\n", type_line)].split(b" ")
        if self._openmetrics and kind in (b"counter", b"info"):
            name += b"_total" if kind == b"counter" else b"_info"
        place = slice(start, stop)
        self._places[name] = place
        if kind == b"histogram":
            for suffix in _HISTOGRAM:
                self._places.setdefault(name + suffix, place)

    def select(self, wanted: list[bytes]) -> bytes:
        """Return a whole body with the families in `wanted` that exist, each once, in the order of the snapshot."""
        places = {place.start: place for name in wanted if (place := self._places.get(name)) is not None}
        chosen = b"".join(self._body[places[start]] for start in sorted(places))
        return chosen + _EOF if self._openmetrics else chosen
