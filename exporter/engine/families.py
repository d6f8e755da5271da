"""Metric families: their declaration, and the samples that one collection gives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

FamilyType = Literal["gauge", "counter", "info", "unknown"]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Family:
    """The declaration of a metric. `name` is the name of its samples, so a counter's includes `_total`."""

    name: str
    type: FamilyType
    help: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a metric name")
        if bad := [label for label in self.labels if not _LABEL.fullmatch(label) or label.startswith("__")]:
            raise ValueError(f"{self.name}: {bad} cannot be label names")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{self.name}: a label is declared twice")


Samples = dict[tuple[str, ...], float]
"""Values by label values, in the order of the family's labels."""


class Collected:
    """What one collection brought: samples by family. NULL is absent: `set` and `add` pass over None."""

    __slots__ = ("families",)

    def __init__(self) -> None:
        self.families: dict[Family, Samples] = {}

    def set(self, family: Family, value: float | None, *labels: str) -> None:
        """Set one sample. `labels` are values in the order of `family.labels`."""
        if value is None:
            return
        if len(labels) != len(family.labels):
            raise ValueError(f"{family.name} has the labels {family.labels}, got {labels}")
        self.families.setdefault(family, {})[labels] = float(value)

    def update(self, other: Self) -> None:
        """Take over all samples of `other`."""
        for family, samples in other.families.items():
            self.families[family] = {**self.families.get(family, {}), **samples}

    def __iter__(self) -> Iterator[tuple[Family, Samples]]:
        return iter(self.families.items())

    def __len__(self) -> int:
        return sum(map(len, self.families.values()))
