"""Metric families: their declaration, and the samples that one collection gives."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

FamilyType = Literal["gauge", "counter", "histogram", "summary", "info", "stateset", "unknown"]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Family:
    """The declaration of a metric. `name` is the name of its samples, so a counter's includes `_total`.

    An info's name ends in `_info`. A stateset's last label is named like the stateset. A histogram's samples are named
    after it with `_bucket`, `_count` and `_sum`; `le` is not among its labels. A summary is quantiles alone, which are
    its last label, written as numbers are.
    """

    name: str
    type: FamilyType
    help: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a metric name")
        if self.type not in get_args(FamilyType):
            raise ValueError(f"{self.name}: {self.type!r} is no type of metrics")
        if bad := [label for label in self.labels if not _LABEL.fullmatch(label) or label.startswith("__")]:
            raise ValueError(f"{self.name}: {bad} cannot be label names")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{self.name}: a label is declared twice")
        if self.type == "stateset" and self.labels[-1:] != (self.name,):
            raise ValueError(f"{self.name}: the last label of a stateset is named like it")
        if self.type == "summary" and self.labels[-1:] != ("quantile",):
            raise ValueError(f"{self.name}: the last label of a summary is quantile")
        if self.type == "histogram" and "le" in self.labels:
            raise ValueError(f"{self.name}: le is the bound of a bucket, and no label of a histogram")

    @property
    def has_created(self) -> bool:
        """Whether OpenMetrics has creation times and exemplars for it: histograms, and counters named `…_total`."""
        return self.type == "histogram" or (self.type == "counter" and self.name.endswith("_total"))

    def __hash__(self) -> int:
        return hash(self.name)  # that of all fields would be made anew at every look-up


Key = tuple[str, ...]
"""Label values in the order of the family's labels. A histogram's key begins with the suffix of the sample's name,
and for `_bucket` ends with the value of `le`."""

Samples = dict[Key, float]


LONGEST_EXEMPLAR = 128
"""Characters of all label names and values of an exemplar together, as OpenMetrics 1.0 bounds them."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One event that stands for a sample: labels such as a trace id, its value, and when it was, Unix time.

    Raises ValueError for label names that are none or come twice, for more characters than OpenMetrics allows, for a
    NUL, and for a time that is none: a parser, Prometheus' or another, would refuse the whole scrape.
    """

    labels: tuple[tuple[str, str], ...]
    value: float
    timestamp: float | None = None

    def __post_init__(self) -> None:
        if bad := [name for name, _ in self.labels if not _LABEL.fullmatch(name)]:
            raise ValueError(f"{bad} cannot be label names of an exemplar")
        if len({name for name, _ in self.labels}) < len(self.labels):
            raise ValueError("a label of an exemplar comes twice")
        if any("\0" in text for _, text in self.labels):
            raise ValueError("a label of an exemplar has a NUL, which Prometheus cannot read there")
        if self.timestamp is not None and not math.isfinite(self.timestamp):
            raise ValueError(f"{self.timestamp} is no time of an exemplar")
        length = sum(len(name) + len(text) for name, text in self.labels)
        if length > LONGEST_EXEMPLAR:
            raise ValueError(
                f"the labels of an exemplar have {length} characters, at most {LONGEST_EXEMPLAR} are allowed"
            )


class Collected:
    """What one collection brought: samples by family. NULL is absent: `set` passes over None.

    `created` and `exemplars` go by family and key as samples do, and are written in OpenMetrics alone; for families
    that have none there they are passed over. `dropped` counts the samples that the source itself gathered in `other`.
    `cut` are the families of which a part is shown, for they are or were beyond their bound. `wait` is for how many
    seconds the source asks to be left alone, when that is longer than its interval. `final` says that no mapping of
    samples is changed any more: they need not be copied, and one in which nothing is new may come again. `of` is the
    collection whose samples are shown here, if that is another: what cannot be exported of one is counted once.
    """

    __slots__ = ("created", "cut", "dropped", "exemplars", "families", "final", "of", "wait")

    def __init__(self, of: "Collected | None" = None) -> None:
        self.families: dict[Family, Samples] = {}
        self.created: dict[Family, Samples] = {}
        self.exemplars: dict[Family, dict[Key, Exemplar]] = {}
        self.dropped: dict[Family, int] = {}
        self.cut: set[Family] = set()
        self.wait = 0.0
        self.final = False
        self.of = of

    def set(
        self,
        family: Family,
        value: float | None,
        *labels: str,
        created: float | None = None,
        exemplar: Exemplar | None = None,
    ) -> None:
        """Set one sample. `labels` are values in the order of `family.labels`; `created` is Unix time."""
        if value is None:
            return
        if len(labels) != len(family.labels) or family.type == "histogram":
            raise ValueError(
                f"{family.name} is a {family.type} with the labels {family.labels}, got {labels}"
            )
        if not all(map(str.isascii, labels)):
            labels = tuple(map(encodable, labels))
        self.families.setdefault(family, {})[labels] = float(value)
        if created is not None and family.has_created:
            self.created.setdefault(family, {})[labels] = created
        if exemplar is not None and family.has_created:
            self.exemplars.setdefault(family, {})[labels] = exemplar

    def observe(
        self,
        family: Family,
        buckets: Mapping[float, float],
        total: float,
        *labels: str,
        created: float | None = None,
        exemplars: Mapping[float, Exemplar] | None = None,
    ) -> None:
        """Set one histogram: cumulative counts by upper bound, infinity last, and the sum of all observations.

        Raises ValueError for bounds out of order, counts that fall, or no bound of infinity.
        """
        bounds, counts = list(buckets), list(buckets.values())
        if len(labels) != len(family.labels) or family.type != "histogram":
            raise ValueError(
                f"{family.name} is a {family.type} with the labels {family.labels}, got {labels}"
            )
        if not bounds or bounds[-1] != math.inf or bounds != sorted(set(bounds)) or counts != sorted(counts):
            raise ValueError(f"{family.name}: buckets must rise and end with infinity, got {buckets}")
        labels = tuple(map(encodable, labels))
        samples = self.families.setdefault(family, {})
        for bound, count in buckets.items():
            key = ("_bucket", *labels, value_text(bound))
            samples[key] = float(count)
            if exemplars and bound in exemplars:
                self.exemplars.setdefault(family, {})[key] = exemplars[bound]
        samples["_count", *labels] = float(counts[-1])
        samples["_sum", *labels] = float(total)
        if created is not None:
            self.created.setdefault(family, {})["_sum", *labels] = created

    def update(self, other: Self) -> None:
        """Take over all samples of `other`."""
        for family, samples in other.families.items():
            mine = self.families.get(family)
            self.families[family] = samples if mine is None else {**mine, **samples}
        for family, created in other.created.items():
            self.created[family] = {**self.created.get(family, {}), **created}
        for family, exemplars in other.exemplars.items():
            self.exemplars[family] = {**self.exemplars.get(family, {}), **exemplars}
        for family, count in other.dropped.items():
            self.dropped[family] = self.dropped.get(family, 0) + count

    def copy(self) -> "Collected":
        """Return one that stays as it is when a source goes on filling this one."""
        out = Collected()
        out.families = {
            family: samples if self.final else dict(samples) for family, samples in self.families.items()
        }
        out.created = {family: dict(times) for family, times in self.created.items()}
        out.exemplars = {family: dict(exemplars) for family, exemplars in self.exemplars.items()}
        out.dropped, out.cut, out.wait = dict(self.dropped), set(self.cut), self.wait
        return out

    def __iter__(self) -> Iterator[tuple[Family, Samples]]:
        return iter(self.families.items())

    def __len__(self) -> int:
        return sum(map(len, self.families.values()))


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot write, such as half of a pair of surrogates in somebody's JSON."""
    return text.encode("utf-8", "replace").decode("utf-8")


def value_text(value: float) -> str:
    """Write a value as the exposition formats do."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
