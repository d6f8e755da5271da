"""Writes families as Prometheus text 0.0.4 and OpenMetrics 1.0.

The line of a series is a prefix `name{labels} ` that never changes and a value that does, so prefixes are kept from one
rendering to the next and only values are formatted. Sample lines are the same bytes in both formats; headers differ.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.engine.families import Family, Samples

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_TEXT_TYPES = {"gauge": "gauge", "counter": "counter", "info": "gauge", "unknown": "untyped"}


@dataclass(frozen=True, slots=True)
class Exposition:
    """One rendering in both formats."""

    text: bytes
    openmetrics: bytes
    series: int


class Renderer:
    """Renders families; keeps the prefixes of series that it has seen in the last rendering, and no others."""

    def __init__(self) -> None:
        self._prefixes: dict[Family, dict[tuple[str, ...], str]] = {}

    def render(self, families: Iterable[tuple[Family, Samples]]) -> Exposition:
        """Render families with distinct names, sorted by name."""
        text: list[str] = []
        openmetrics: list[str] = []
        prefixes: dict[Family, dict[tuple[str, ...], str]] = {}
        series = 0
        for family, samples in sorted(families, key=lambda item: item[0].name):
            if not samples:
                continue
            known = self._prefixes.get(family, {})
            kept = {labels: known.get(labels) or _prefix(family, labels) for labels in samples}
            prefixes[family] = kept
            lines = _lines(kept.values(), samples.values())
            text += (_text_header(family), lines)
            openmetrics += (_openmetrics_header(family), lines)
            series += len(samples)
        self._prefixes = prefixes
        openmetrics.append("# EOF\n")
        return Exposition("".join(text).encode(), "".join(openmetrics).encode(), series)


def _lines(prefixes: Iterable[str], values: Iterable[float]) -> str:
    text = "".join([f"{prefix}{value!r}\n" for prefix, value in zip(prefixes, values, strict=True)])
    if not math.isfinite(sum(values)):  # Python writes nan and inf, the formats ask for NaN, +Inf and -Inf
        pairs = zip(prefixes, values, strict=True)
        text = "".join([f"{prefix}{value_text(value)}\n" for prefix, value in pairs])
    return text


def value_text(value: float) -> str:
    """Write a value as both formats do."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def _prefix(family: Family, labels: tuple[str, ...]) -> str:
    if not labels:
        return f"{family.name} "
    pairs = zip(family.labels, labels, strict=True)
    inside = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in pairs)
    return f"{family.name}{{{inside}}} "


def _text_header(family: Family) -> str:
    help_text = family.help.translate(_HELP_ESCAPES)
    return f"# HELP {family.name} {help_text}\n# TYPE {family.name} {_TEXT_TYPES[family.type]}\n"


def _openmetrics_header(family: Family) -> str:
    # A counter's family is named without _total, an info's without _info. A counter that does not end in _total, as
    # some incumbents' do not, is no OpenMetrics counter: it goes as unknown, as client_golang has it.
    name, kind = family.name, family.type
    if kind == "counter":
        name, kind = (name.removesuffix("_total"), kind) if name.endswith("_total") else (name, "unknown")
    elif kind == "info":
        name = name.removesuffix("_info")
    return f"# HELP {name} {family.help.translate(_LABEL_ESCAPES)}\n# TYPE {name} {kind}\n"
