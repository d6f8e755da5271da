"""Writes families as Prometheus text 0.0.4 and OpenMetrics 1.0.

The line of a series is the name of its family, its labels, which never change, and a value that does. Labels are kept
as text from one rendering to the next, once for all families that have the same series, as those of a table do. All
values of a part are formatted by one call of orjson. Sample lines are the same bytes in both formats; headers differ,
and so do families with creation times or exemplars, which OpenMetrics alone has.

A body is made of pieces: neighbouring families, some hundreds of series together. Of the last rendering they are kept
compressed, and one in which nothing changed is taken as it is; one that both formats have in common is compressed once.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from exporter.engine.families import Exemplar, Family, Key, Samples, encodable, value_text
from exporter.engine.packing import Packer, Piece, member, unpacked
from exporter.engine.pauses import never

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PIECE = 256
"""A piece ends with the family that brings it to so many series. Bytes would not do: values grow and shrink."""

_IN_NUMBERS = b"0123456789.,-+eE"
"""A list of numbers has nothing else in JSON. NaN and infinity become null there; what else is none is rubbish."""

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_TEXT_TYPES = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}
_GROUPED = {"stateset", "summary"}


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one family from one origin. The same `samples` object again means that nothing changed."""

    samples: Samples
    created: Samples = field(default_factory=dict)
    exemplars: dict[Key, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exposition:
    """One rendering: the pieces of both bodies, in order."""

    text_pieces: tuple[Piece, ...]
    openmetrics_pieces: tuple[Piece, ...]
    series: int

    def gzip(self, *, openmetrics: bool) -> bytes:
        """Put the body in OpenMetrics 1.0 or text 0.0.4 together, as gzip."""
        return member(self.openmetrics_pieces if openmetrics else self.text_pieces)

    @property
    def text(self) -> bytes:
        """The body in text 0.0.4."""
        return unpacked(self.gzip(openmetrics=False))

    @property
    def openmetrics(self) -> bytes:
        """The body in OpenMetrics 1.0."""
        return unpacked(self.gzip(openmetrics=True))


Chunk = tuple[bytes, bytes]
"""A part of a piece in text and in OpenMetrics."""

_Contents = tuple[Chunk | object, ...]
"""What a piece is made of: headers, and the versions of blocks."""


class Renderer:
    """Renders families; remembers what it needs of the last rendering, and no more.

    `pause` is called after each family and each piece.
    """

    def __init__(self, pause: Callable[[], None] = never) -> None:
        self._pause = pause
        self._blocks: dict[tuple[Family, int], _Block] = {}
        self._pieces: dict[_Contents, tuple[Piece, Piece]] = {}

    def render(self, families: Iterable[tuple[Family, Sequence[Part]]]) -> Exposition:
        """Render families with distinct names. Parts of one family have distinct keys."""
        blocks: dict[tuple[Family, int], _Block] = {}
        pieces = _Pieces(self._pieces, self._pause)
        neighbours: dict[tuple[bool, tuple[str, ...]], _Series] = {}
        series = 0
        for family, parts in sorted(families, key=lambda item: item[0].name):
            header = False
            for place, part in enumerate(parts):
                if not part.samples:
                    continue
                block = self._blocks.get((family, place)) or _Block(family)
                alike = family.type == "histogram", family.labels
                block.take(part, neighbours.get(alike))
                neighbours[alike] = block.series
                if not header:
                    # Each chunk begins with the end of the line before it; before the first there is none.
                    text, openmetrics = block.headers
                    pieces.add(block.headers if blocks else (text[1:], openmetrics[1:]))
                    header = True
                pieces.add(block)
                blocks[family, place] = block
                series += len(part.samples)
                pieces.series += len(part.samples)
            if pieces.series >= _PIECE:
                pieces.close()
            self._pause()
        pieces.add((b"\n", b"\n# EOF\n") if blocks else (b"", b"# EOF\n"))
        pieces.close()
        self._blocks, self._pieces = blocks, pieces.made
        text_pieces, openmetrics_pieces = zip(*pieces.made.values(), strict=True)
        return Exposition(text_pieces, openmetrics_pieces, series)


class _Pieces:
    """The pieces of one rendering, with those of the rendering before it to take from."""

    def __init__(self, before: "dict[_Contents, tuple[Piece, Piece]]", pause: Callable[[], None]) -> None:
        self.made: dict[_Contents, tuple[Piece, Piece]] = {}
        self.series = 0
        self._before, self._pause, self._packer = before, pause, Packer()
        self._parts: list[Chunk | _Block] = []

    def add(self, part: "Chunk | _Block") -> None:
        """Go on with the piece under way."""
        self._parts.append(part)

    def close(self) -> None:
        """End the piece under way. It is written only if one of its blocks has changed, or has other neighbours."""
        contents = tuple(part.version if isinstance(part, _Block) else part for part in self._parts)
        if (known := self._before.get(contents)) is None:
            chunks = [part.lines() if isinstance(part, _Block) else part for part in self._parts]
            text, openmetrics = (b"".join(column) for column in zip(*chunks, strict=True))
            piece = self._packer.pack(text)
            known = piece, piece if openmetrics == text else self._packer.pack(openmetrics)
            self._pause()
        self.made[contents] = known
        self.series, self._parts = 0, []


@dataclass(frozen=True, slots=True)
class _Series:
    """Keys, and for each what stands between the name of its family and its value. Families share it: it is the larger
    part of the lines, and the same for all figures of a table."""

    keys: list[Key]
    texts: list[bytes]


class _Block:
    """What one part says, kept between renderings. Each of its lines begins with the end of the one before it."""

    __slots__ = ("_family", "_name", "_part", "_samples", "headers", "series", "version")

    def __init__(self, family: Family) -> None:
        self.headers: Chunk = _text_header(family), _openmetrics_header(family)
        self.series = _Series([], [])
        self.version = object()
        """Another one whenever the lines are others."""
        self._family, self._name = family, f"\n{family.name}".encode()
        self._part = Part({})
        self._samples: Samples = {}

    def take(self, part: Part, neighbour: _Series | None) -> None:
        """Take over a part. `neighbour` is of a family with the same labels."""
        before = self._part
        richer = part.created != before.created or part.exemplars != before.exemplars
        if before.samples is part.samples and not richer:
            return
        samples = _grouped(part.samples) if self._family.type in _GROUPED else part.samples
        series = self._find(list(samples), neighbour)
        same = series is self.series or series.keys == self.series.keys
        if richer or not same or list(samples.values()) != list(self._samples.values()):
            self.version = object()
        self.series, self._part, self._samples = series, part, samples

    def lines(self) -> Chunk:
        """Write the sample lines."""
        part, series, values = self._part, self.series, list(self._samples.values())
        lines = every = _join(self._name, series.texts, values)
        if part.created or part.exemplars:
            tails = [self._tail(part, key) for key in series.keys]
            every = _join(self._name, series.texts, values, tails)
        return lines, every

    def _find(self, keys: list[Key], neighbour: _Series | None) -> _Series:
        """Return the series of `keys`: the neighbour's if they are the same, else those of last time if they are."""
        candidates = [self.series] if neighbour is None else [neighbour, self.series]
        for candidate in candidates:
            if candidate.keys == keys:
                return candidate
        known = {
            key: text
            for candidate in candidates
            for key, text in zip(candidate.keys, candidate.texts, strict=True)
        }
        return _Series(keys, [known.get(key) or _text(self._family, key) for key in keys])

    def _tail(self, part: Part, key: Key) -> bytes:
        """Return what OpenMetrics has behind the value: an exemplar, and a line that says when the series began."""
        tail = b"" if (exemplar := part.exemplars.get(key)) is None else _exemplar(exemplar)
        if (created := part.created.get(key)) is not None:
            tail += f"{_created_prefix(self._family, key)}{value_text(created)}".encode()
        return tail


def _grouped(samples: Samples) -> Samples:
    """Bring what differs in the last label alone together, as OpenMetrics asks for; rows of SQL come as they like."""
    sets: dict[Key, Samples] = {}
    for key, value in samples.items():
        sets.setdefault(key[:-1], {})[key] = value
    return {key: value for states in sets.values() for key, value in states.items()}


def _join(name: bytes, labels: list[bytes], values: list[float], tails: list[bytes] | None = None) -> bytes:
    """Write a line for each value: name, labels, the value, and a tail if there are any."""
    numbers = orjson.dumps(values)
    if numbers.translate(None, _IN_NUMBERS) == b"[]":
        texts = numbers[1:-1].split(b",")
    else:
        texts = [value_text(value).encode() for value in values]
    columns = (labels, texts) if tails is None else (labels, texts, tails)
    width = 1 + len(columns)
    pieces = [name] * (width * len(values))
    for place, column in enumerate(columns, 1):
        pieces[place::width] = column
    return b"".join(pieces)


def _text(family: Family, key: Key) -> bytes:
    """Write what comes between name and value: the labels, in front of them the suffix of a histogram's sample."""
    suffix, names, values = "", family.labels, key
    if family.type == "histogram":
        suffix, *rest = key
        values = tuple(rest)
        names = (*names, "le") if suffix == "_bucket" else names
    return f"{suffix}{_labels(names, values)} ".encode()


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
