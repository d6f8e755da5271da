"""Writes families as Prometheus text 0.0.4 and OpenMetrics 1.0.

The line of a series is a prefix `name{labels} ` that never changes and a value that does. Prefixes are kept from one
rendering to the next, all values of a part are formatted by one call of orjson, and a part that has not changed since
the last rendering is not touched at all. Sample lines are the same bytes in both formats; headers differ, and so do
families with creation times or exemplars, which OpenMetrics alone has.

A body is made of pieces: neighbouring families, some hundreds of series together. A piece in which nothing changed is
the same object as last time, and one that both formats have in common is one object, so that each is compressed once.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import orjson

from exporter.engine.families import Exemplar, Family, Key, Samples, encodable, value_text

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PIECE = 256
"""A piece ends with the family that brings it to so many series. Bytes would not do: values grow and shrink."""

_NO_NUMBERS = (b"u", b"l", b'"', b"{")
"""null, true, false, texts and mappings have these in JSON. NaN and infinity become null; what else is none is rubbish.
"""

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_TEXT_TYPES = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one family from one origin. The same `samples` object again means that nothing changed."""

    samples: Samples
    created: Samples = field(default_factory=dict)
    exemplars: dict[Key, Exemplar] = field(default_factory=dict)


Piece = tuple[bytes, ...]
"""Neighbouring chunks of a body: headers and lines of some families."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """One rendering: the pieces of both bodies, in order."""

    text_pieces: tuple[Piece, ...]
    openmetrics_pieces: tuple[Piece, ...]
    series: int

    @property
    def text(self) -> bytes:
        """The body in text 0.0.4."""
        return b"".join(chain.from_iterable(self.text_pieces))

    @property
    def openmetrics(self) -> bytes:
        """The body in OpenMetrics 1.0."""
        return b"".join(chain.from_iterable(self.openmetrics_pieces))


class Renderer:
    """Renders families; remembers what it needs of the last rendering, and no more."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[Family, int], _Block] = {}
        self._pieces = _Pieces()

    def render(self, families: Iterable[tuple[Family, Sequence[Part]]]) -> Exposition:
        """Render families with distinct names. Parts of one family have distinct keys."""
        blocks: dict[tuple[Family, int], _Block] = {}
        pieces = _Pieces(self._pieces)
        series = 0
        for family, parts in sorted(families, key=lambda item: item[0].name):
            header = False
            for place, part in enumerate(parts):
                if not part.samples:
                    continue
                block = self._blocks.get((family, place)) or _Block(family)
                lines, richer = block.lines(part)
                if not header:
                    # Each chunk begins with the end of the line before it; before the first there is none.
                    pieces.add(*(block.headers if blocks else (each[1:] for each in block.headers)))
                    header = True
                pieces.add(lines, richer)
                blocks[family, place] = block
                series += len(part.samples)
                pieces.series += len(part.samples)
            if pieces.series >= _PIECE:
                pieces.close()
        pieces.add(b"\n" if blocks else b"", b"\n# EOF\n" if blocks else b"# EOF\n")
        pieces.close()
        self._blocks, self._pieces = blocks, pieces
        return Exposition(tuple(pieces.text), tuple(pieces.openmetrics), series)


class _Pieces:
    """The pieces of one rendering, with those of the rendering before it to take from."""

    def __init__(self, before: "_Pieces | None" = None) -> None:
        self.text: list[Piece] = []
        self.openmetrics: list[Piece] = []
        self.series = 0
        self._chunks: tuple[list[bytes], list[bytes]] = [], []
        self._made: dict[bytes, list[Piece]] = {}
        self._before = {} if before is None else before._made

    def add(self, text: bytes, openmetrics: bytes) -> None:
        """Go on with the piece under way."""
        self._chunks[0].append(text)
        self._chunks[1].append(openmetrics)

    def close(self) -> None:
        """End the piece under way."""
        text, openmetrics = self._chunks
        self.text.append(self._same(tuple(text)))
        self.openmetrics.append(self._same(tuple(openmetrics)))
        self.series, self._chunks = 0, ([], [])

    def _same(self, piece: Piece) -> Piece:
        """Return the equal piece that was there before, if there is one. The header in front tells where to look."""
        known = (*self._made.get(piece[0], ()), *self._before.get(piece[0], ()))
        same = next((each for each in known if each == piece), piece)
        self._made.setdefault(piece[0], []).append(same)
        return same


class _Block:
    """The lines of one part, kept between renderings. Each line begins with the end of the one before it."""

    __slots__ = ("_family", "_keys", "_part", "_prefixes", "_rendered", "headers")

    def __init__(self, family: Family) -> None:
        self.headers = _text_header(family), _openmetrics_header(family)
        self._family = family
        self._keys: list[Key] = []
        self._prefixes: list[bytes] = []
        self._part: Part | None = None
        self._rendered = (b"", b"")

    def lines(self, part: Part) -> tuple[bytes, bytes]:
        """Return the sample lines for text and for OpenMetrics."""
        if self._part is not None and self._part.samples is part.samples:
            return self._rendered
        samples = _grouped(part.samples) if self._family.type == "stateset" else part.samples
        keys = list(samples)
        if keys != self._keys:
            known = dict(zip(self._keys, self._prefixes, strict=True))
            self._prefixes = [known.get(key) or _prefix(self._family, key) for key in keys]
            self._keys = keys
        values = list(samples.values())
        lines = richer = _join(self._prefixes, values)
        if part.created or part.exemplars:
            richer = _join(self._prefixes, values, [self._tail(part, key) for key in keys])
        self._part, self._rendered = part, (lines, richer)
        return self._rendered

    def _tail(self, part: Part, key: Key) -> bytes:
        """Return what OpenMetrics has behind the value: an exemplar, and a line that says when the series began."""
        tail = b"" if (exemplar := part.exemplars.get(key)) is None else _exemplar(exemplar)
        if (created := part.created.get(key)) is not None:
            tail += f"{_created_prefix(self._family, key)}{value_text(created)}".encode()
        return tail


def _grouped(samples: Samples) -> Samples:
    """Bring the states of each stateset together, as OpenMetrics asks for; rows of SQL come as they like."""
    sets: dict[Key, Samples] = {}
    for key, value in samples.items():
        sets.setdefault(key[:-1], {})[key] = value
    return {key: value for states in sets.values() for key, value in states.items()}


def _join(prefixes: list[bytes], values: list[float], tails: list[bytes] | None = None) -> bytes:
    """Put a value behind each prefix, and a tail behind each value."""
    numbers = orjson.dumps(values)
    if any(sign in numbers for sign in _NO_NUMBERS) or numbers.find(b"[", 1) > 0:
        texts = [value_text(value).encode() for value in values]
    else:
        texts = numbers[1:-1].split(b",")
    columns = (prefixes, texts) if tails is None else (prefixes, texts, tails)
    pieces = prefixes * len(columns)
    for place, column in enumerate(columns):
        pieces[place :: len(columns)] = column
    return b"".join(pieces)


def _prefix(family: Family, key: Key) -> bytes:
    name, names = family.name, family.labels
    if family.type == "histogram":
        suffix, *values = key
        name += suffix
        names = (*names, "le") if suffix == "_bucket" else names
    else:
        values = list(key)
    return f"\n{name}{_labels(names, values)} ".encode()


def _created_prefix(family: Family, key: Key) -> str:
    labels = key[1:] if family.type == "histogram" else key
    return f"\n{family.name.removesuffix('_total')}_created{_labels(family.labels, labels)} "


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    inside = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in pairs)
    return f"{{{inside}}}" if inside else ""


def _exemplar(exemplar: Exemplar) -> bytes:
    labels = ",".join(
        f'{name}="{encodable(value).translate(_LABEL_ESCAPES)}"' for name, value in exemplar.labels
    )
    stamp = "" if exemplar.timestamp is None else f" {exemplar.timestamp:.3f}"
    return f" # {{{labels}}} {value_text(exemplar.value)}{stamp}".encode()


def _text_header(family: Family) -> bytes:
    help_text = family.help.translate(_HELP_ESCAPES)
    kind = _TEXT_TYPES.get(family.type, family.type)
    return f"\n# HELP {family.name} {help_text}\n# TYPE {family.name} {kind}".encode()


def _openmetrics_header(family: Family) -> bytes:
    # A counter's family is named without _total, an info's without _info. A counter that does not end in _total, as
    # some incumbents' do not, is no OpenMetrics counter: it goes as unknown, as client_golang has it.
    name, kind = family.name, family.type
    if kind == "counter" and name.endswith("_total"):
        name = name.removesuffix("_total")
    elif kind == "counter":
        kind = "unknown"
    elif kind == "info":
        name = name.removesuffix("_info")
    return f"\n# HELP {name} {family.help.translate(_LABEL_ESCAPES)}\n# TYPE {name} {kind}".encode()
