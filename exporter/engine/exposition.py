"""Writes families as Prometheus text 0.0.4 and OpenMetrics 1.0.

The line of a series is a prefix `name{labels} ` that never changes and a value that does. Prefixes are kept from one
rendering to the next, all values of a part are formatted by one call of orjson, and a part that has not changed since
the last rendering is not touched at all. Sample lines are the same bytes in both formats; headers differ, and so do
families with creation times or exemplars, which OpenMetrics alone has.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from exporter.engine.families import Exemplar, Family, Key, Samples, value_text

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_TEXT_TYPES = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of one family from one origin. The same `samples` object again means that nothing changed."""

    samples: Samples
    created: Samples = field(default_factory=dict)
    exemplars: dict[Key, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exposition:
    """One rendering in both formats."""

    text: bytes
    openmetrics: bytes
    series: int


class Renderer:
    """Renders families; remembers what it needs of the last rendering, and no more."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[Family, int], _Block] = {}

    def render(self, families: Iterable[tuple[Family, Sequence[Part]]]) -> Exposition:
        """Render families with distinct names. Parts of one family have distinct keys."""
        text: list[bytes] = []
        openmetrics: list[bytes] = []
        blocks: dict[tuple[Family, int], _Block] = {}
        series = 0
        for family, parts in sorted(families, key=lambda item: item[0].name):
            header = False
            for place, part in enumerate(parts):
                if not part.samples:
                    continue
                block = blocks[family, place] = self._blocks.get((family, place)) or _Block(family)
                lines, richer = block.lines(part)
                if not header:
                    text.append(_text_header(family))
                    openmetrics.append(_openmetrics_header(family))
                    header = True
                text.append(lines)
                openmetrics.append(richer)
                series += len(part.samples)
        self._blocks = blocks
        openmetrics.append(b"\n# EOF")
        return Exposition(_body(text), _body(openmetrics), series)


def _body(chunks: list[bytes]) -> bytes:
    """Join chunks, each of which begins with the end of the line before it."""
    if not chunks:
        return b""
    return b"".join([chunks[0][1:], *chunks[1:], b"\n"])


class _Block:
    """The lines of one part, kept between renderings. Each line begins with the end of the one before it."""

    __slots__ = ("_family", "_keys", "_part", "_prefixes", "_rendered")

    def __init__(self, family: Family) -> None:
        self._family = family
        self._keys: list[Key] = []
        self._prefixes: list[bytes] = []
        self._part: Part | None = None
        self._rendered = (b"", b"")

    def lines(self, part: Part) -> tuple[bytes, bytes]:
        """Return the sample lines for text and for OpenMetrics."""
        if self._part is not None and self._part.samples is part.samples:
            return self._rendered
        keys = list(part.samples)
        if keys != self._keys:
            known = dict(zip(self._keys, self._prefixes, strict=True))
            self._prefixes = [known.get(key) or _prefix(self._family, key) for key in keys]
            self._keys = keys
        lines = _join(self._prefixes, list(part.samples.values()))
        richer = self._openmetrics(part) if part.created or part.exemplars else lines
        self._part, self._rendered = part, (lines, richer)
        return self._rendered

    def _openmetrics(self, part: Part) -> bytes:
        lines = []
        for key, prefix in zip(self._keys, self._prefixes, strict=True):
            exemplar = part.exemplars.get(key)
            tail = _exemplar(exemplar) if exemplar is not None else ""
            lines.append(f"{prefix.decode()}{value_text(part.samples[key])}{tail}")
            if (created := part.created.get(key)) is not None:
                lines.append(f"\n{_created_prefix(self._family, key)}{value_text(created)}")
        return "".join(lines).encode()


def _join(prefixes: list[bytes], values: list[float]) -> bytes:
    """Put a value behind each prefix."""
    numbers = orjson.dumps(values)
    lossy = b"null" in numbers  # JSON has no NaN and no infinity
    texts = [value_text(value).encode() for value in values] if lossy else numbers[1:-1].split(b",")
    pieces = prefixes * 2
    pieces[0::2] = prefixes
    pieces[1::2] = texts
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
    return f"{family.name.removesuffix('_total')}_created{_labels(family.labels, labels)} "


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    inside = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in pairs)
    return f"{{{inside}}}" if inside else ""


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in exemplar.labels)
    stamp = "" if exemplar.timestamp is None else f" {exemplar.timestamp:.3f}"
    return f" # {{{labels}}} {value_text(exemplar.value)}{stamp}"


@lru_cache(maxsize=4096)
def _text_header(family: Family) -> bytes:
    help_text = family.help.translate(_HELP_ESCAPES)
    kind = _TEXT_TYPES.get(family.type, family.type)
    return f"\n# HELP {family.name} {help_text}\n# TYPE {family.name} {kind}".encode()


@lru_cache(maxsize=4096)
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
