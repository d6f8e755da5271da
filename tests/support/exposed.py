"""Families drawn at random, once as ours and once as prometheus-client's: what both write must mean the same.

Left out of the draw is what only one of them can say:
- a counter whose name does not end in `_total`: prometheus-client gives its family the ending, ours leaves the name;
- half of a pair of surrogates: prometheus-client cannot write it, ours writes "?";
- a colon in a name: prometheus-client writes it in headers, and an underline in samples;
- a family without samples: of that prometheus-client writes the header alone, ours nothing;
- a NUL in an exemplar: Prometheus refuses the page for it, and our engine the exemplar;
- bounds of a histogram below zero: OpenMetrics forbids the sum there, and prometheus-client leaves it out.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import samples as client
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.engine.exposition import Exposition, Part, Renderer
from exporter.engine.families import Collected, Exemplar, Family, FamilyType, Key, value_text


@dataclass(frozen=True, slots=True)
class Row:
    """What stands behind one set of label values. Which fields count depends on the type of the family.

    `exemplars` go by the bound of their bucket; a counter's goes by infinity.
    """

    value: float = 1
    buckets: Mapping[float, float] = field(default_factory=dict)
    quantiles: dict[float, float] = field(default_factory=dict)
    states: dict[str, bool] = field(default_factory=dict)
    created: float | None = None
    exemplars: dict[float, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One family: `number` and the x behind it make its name differ from all others on its page, endings and all."""

    kind: FamilyType
    stem: str
    help: str
    labels: tuple[str, ...]
    rows: dict[Key, Row]
    number: int = 0

    @property
    def name(self) -> str:
        """The name without the ending that its type asks for."""
        return f"{self.stem}_{self.number}x"

    @property
    def family(self) -> Family:
        """Our declaration."""
        ending = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        last = {"stateset": (self.name,), "summary": ("quantile",)}.get(self.kind, ())
        labels = (*self.labels, *last)
        return Family(self.name + ending, self.kind, self.help, labels)

    def set(self, out: Collected) -> None:
        """Say it to our engine."""
        for key, row in self.rows.items():
            match self.kind:
                case "histogram":
                    out.observe(
                        self.family,
                        row.buckets,
                        row.value,
                        *key,
                        created=row.created,
                        exemplars=row.exemplars,
                    )
                case "stateset":
                    for state, on in row.states.items():
                        out.set(self.family, on, *key, state)
                case "summary":
                    for quantile, value in row.quantiles.items():
                        out.set(self.family, value, *key, value_text(quantile))
                case _:
                    exemplar = row.exemplars.get(math.inf)
                    out.set(self.family, row.value, *key, created=row.created, exemplar=exemplar)

    def metric(self) -> Metric:
        """Say it to prometheus-client."""
        match self.kind:
            case "counter":
                counter = CounterMetricFamily(self.name, self.help, labels=self.labels)
                for key, row in self.rows.items():
                    exemplar = _theirs(row.exemplars.get(math.inf))
                    counter.add_metric(key, row.value, row.created, exemplar=exemplar)
                return counter
            case "histogram":
                return self._histogram()
            case "info":
                info = InfoMetricFamily(self.name, self.help, labels=self.labels)
                for key in self.rows:
                    info.add_metric(key, {})
                return info
            case "stateset":
                states = StateSetMetricFamily(self.name, self.help, labels=self.labels)
                for key, row in self.rows.items():
                    states.add_metric(key, row.states)
                return states
            case "summary":
                summary = Metric(self.name, self.help, "summary")
                for key, row in self.rows.items():
                    for quantile, value in row.quantiles.items():
                        labels = {
                            **dict(zip(self.labels, key, strict=True)),
                            "quantile": value_text(quantile),
                        }
                        summary.add_sample(self.name, labels, value)
                return summary
            case "gauge" | "unknown":
                declare = GaugeMetricFamily if self.kind == "gauge" else UnknownMetricFamily
                made = declare(self.name, self.help, labels=self.labels)
                for key, row in self.rows.items():
                    made.add_metric(key, row.value)
                return made

    def _histogram(self) -> Metric:
        histogram = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for key, row in self.rows.items():
            buckets = [
                _bucket(bound, count, row.exemplars.get(bound)) for bound, count in row.buckets.items()
            ]
            histogram.add_metric(key, buckets, row.value)
            if row.created is not None:  # add_metric takes none
                labels = dict(zip(self.labels, key, strict=True))
                histogram.add_sample(f"{self.name}_created", labels, row.created)
        return histogram


def _bucket(
    bound: float, count: float, exemplar: Exemplar | None
) -> tuple[str, float] | tuple[str, float, client.Exemplar]:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # no hints there
    return (text, count) if (theirs := _theirs(exemplar)) is None else (text, count, theirs)


def _theirs(exemplar: Exemplar | None) -> client.Exemplar | None:
    if exemplar is None:
        return None
    return client.Exemplar(dict(exemplar.labels), exemplar.value, exemplar.timestamp)


NASTY = (
    "",
    '"',
    "\\",
    "\n",
    "\r",
    "\t",
    " ",
    "{",
    "}",
    ",",
    "=",
    "#",
    " # {",
    "# EOF",
    "\\n",
    "\x01",
    "\u2028",
    "ü✓日",
)
TEXT = st.lists(
    st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4
).map("".join)
# An x is in no label, so that none is named like the state set whose states it stands beside.
LABELS = st.lists(
    st.from_regex(r"_?[a-wyz][a-wyz0-9_]{0,7}", fullmatch=True).filter(
        lambda name: name not in ("le", "quantile", "job", "instance")
    ),
    max_size=3,
    unique=True,
).map(tuple)
STEMS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
WHOLE = st.integers(-(2**63), 2**63)
NUMBERS = st.floats() | WHOLE | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 1e21, 5e-324, 0.1])
COUNTS = st.floats(min_value=0, allow_nan=False) | WHOLE.map(abs)
TIMES = st.integers(0, 1_700_000_000_000).map(lambda milliseconds: milliseconds / 1000)
KINDS: tuple[FamilyType, ...] = ("gauge", "counter", "unknown", "histogram", "summary", "info", "stateset")


def _exemplars(text: st.SearchStrategy[str]) -> st.SearchStrategy[Exemplar]:
    readable = text.map(lambda drawn: drawn.replace("\0", ""))
    labels = st.dictionaries(st.sampled_from(["trace_id", "span_id"]), readable)
    return st.builds(Exemplar, labels.map(lambda named: tuple(named.items())), NUMBERS, st.none() | TIMES)


@st.composite
def _rows(draw: st.DrawFn, kind: FamilyType, exemplars: st.SearchStrategy[Exemplar]) -> Row:
    created = draw(st.none() | TIMES | st.floats(0, 1e12)) if kind in ("counter", "histogram") else None
    match kind:
        case "gauge" | "unknown":
            return Row(draw(NUMBERS))
        case "counter":
            shown = draw(st.dictionaries(st.just(math.inf), exemplars, max_size=1))
            return Row(draw(COUNTS), created=created, exemplars=shown)
        case "histogram":
            finite = draw(
                st.sets(st.floats(0, allow_infinity=False) | st.integers(0, 10**18).map(float), max_size=4)
            )
            bounds = [*sorted(finite), math.inf]
            counts = sorted(draw(st.lists(st.integers(0, 2**60), min_size=len(bounds), max_size=len(bounds))))
            buckets = dict(zip(bounds, counts, strict=True))
            shown = draw(st.dictionaries(st.sampled_from(bounds), exemplars))
            return Row(draw(COUNTS), buckets, created=created, exemplars=shown)
        case "summary":
            return Row(quantiles=draw(st.dictionaries(st.floats(0, 1), COUNTS, min_size=1, max_size=3)))
        case "info":
            return Row()
        case "stateset":
            return Row(states=draw(st.dictionaries(TEXT, st.booleans(), min_size=1, max_size=3)))


@st.composite
def families(draw: st.DrawFn, exemplar_text: st.SearchStrategy[str] = TEXT) -> Drawn:
    """Draw one family of any type."""
    kind = draw(st.sampled_from(KINDS))
    labels = draw(LABELS)
    keys = st.tuples(*(TEXT for _ in labels))
    rows = draw(st.dictionaries(keys, _rows(kind, _exemplars(exemplar_text)), min_size=1, max_size=4))
    return Drawn(kind, draw(STEMS), draw(TEXT), labels, rows)


def numbered(drawn: Iterable[Drawn]) -> list[Drawn]:
    """Give each family of a page a name of its own."""
    return [replace(each, number=number) for number, each in enumerate(drawn)]


# prometheus-client's parser, unlike Prometheus', takes an escaped quote in an exemplar for the end of the text.
pages = st.lists(families(TEXT.map(lambda text: text.replace('"', "'"))), max_size=5).map(numbered)


def many(number: int, count: int) -> list[Drawn]:
    """Return a page of `count` families, the same for the same `number`."""
    found: list[Drawn] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(families())
    def keep(drawn: Drawn) -> None:
        found.append(drawn)

    keep()
    return numbered(found)


def collected(page: Iterable[Drawn]) -> Collected:
    """Return a page as a source collects it."""
    out = Collected()
    for drawn in page:
        drawn.set(out)
    return out


def parts(out: Collected) -> list[tuple[Family, list[Part]]]:
    """Return what our renderer takes."""
    return [
        (family, [Part(samples, out.created.get(family, {}), out.exemplars.get(family, {}))])
        for family, samples in out
    ]


def ours(page: Iterable[Drawn]) -> Exposition:
    """Render a page as the exporter does."""
    return Renderer().render(parts(collected(page)))


class _Page(Collector):
    def __init__(self, page: Iterable[Drawn]) -> None:
        self._page = list(page)

    def collect(self) -> Iterator[Metric]:
        return (drawn.metric() for drawn in self._page)


def theirs(page: Iterable[Drawn]) -> CollectorRegistry:
    """Return a registry for prometheus-client's `generate_latest` to render."""
    registry = CollectorRegistry()
    registry.register(_Page(page))
    return registry
