"""Keeps a family within its bound of series without making a counter lie.

Series that are let in stay in; what comes beyond is not shown. A counter's increments beyond the bound are gathered in
one more series whose label values are all `other`, so that sums over the family stay right and never decrease. Gauges
beyond the bound are left out: a sum of them would mean nothing.
"""

from collections.abc import Callable
from itertools import islice

from exporter.engine.families import Collected, Family, Key, Samples

OTHER = "other"

_REMEMBERED = 10
"""So many times the bound of series beyond it are remembered, should they vanish and come back."""


class Budget:
    """The bound for one source: at most `most` series of each of its families, `other` included."""

    def __init__(self, most: int, on_drop: Callable[[Family, int], None]) -> None:
        self.most = most
        self._on_drop = on_drop
        self._admitted: dict[Family, dict[Key, None]] = {}
        self._beyond: dict[Family, Samples] = {}
        self._other: dict[Family, float] = {}

    def apply(self, collected: Collected) -> Collected:
        """Return what may be shown. The families that are within the bound are passed through as they are."""
        for family, samples in collected:
            if len(samples) > self.most or family in self._admitted:
                cut = self._whole if family.type == "histogram" else self._cut
                collected.families[family] = cut(family, samples)
        return collected

    def _cut(self, family: Family, samples: Samples) -> Samples:
        other = _other(family, samples)
        room = self.most if other is None else self.most - 1
        admitted = {key: None for key in self._admitted.get(family, {}) if key in samples}
        for key in samples:
            if len(admitted) >= room:
                break
            if key not in self._beyond.get(family, {}) and key != other:
                admitted[key] = None
        admitted = dict(islice(admitted.items(), room))
        self._admitted[family] = admitted
        shown = {key: samples[key] for key in admitted}
        beyond = {key: value for key, value in samples.items() if key not in admitted}
        if beyond:
            self._on_drop(family, len(beyond))
        if other is not None:
            shown[other] = self._gather(family, beyond)
        return shown

    def _whole(self, family: Family, samples: Samples) -> Samples:
        """Leave out histograms beyond the bound as a whole: buckets without their count would be no histogram."""
        lines: dict[Key, list[Key]] = {}
        for key in samples:
            lines.setdefault(key[1:-1] if key[0] == "_bucket" else key[1:], []).append(key)
        shown: Samples = {}
        for keys in lines.values():
            if len(shown) + len(keys) <= self.most:
                shown |= {key: samples[key] for key in keys}
        if len(shown) < len(samples):
            self._on_drop(family, len(samples) - len(shown))
        return shown

    def _gather(self, family: Family, beyond: Samples) -> float:
        """Add up what the counters beyond the bound grew by; one that fell began anew.

        One that is away for a while is remembered, or its whole value would be added again when it comes back.
        """
        before = self._beyond.setdefault(family, {})
        grown = sum(
            value - before.get(key, 0.0) if value >= before.get(key, 0.0) else value
            for key, value in beyond.items()
        )
        for key, value in beyond.items():
            before.pop(key, None)
            before[key] = value  # the latest last: the oldest are forgotten first
        for key in list(islice(before, max(0, len(before) - _REMEMBERED * self.most))):
            del before[key]
        self._other[family] = self._other.get(family, 0.0) + grown
        return self._other[family]


def _other(family: Family, samples: Samples) -> Key | None:
    """Return the key of a counter's `other`; None for what cannot be added up.

    The label `target` keeps its value: other targets have an `other` of their own.
    """
    if family.type != "counter" or family.labels in ((), ("target",)):
        return None
    kept = next(iter(samples))[:1] if family.labels[0] == "target" else ()
    return (*kept, *(OTHER,) * (len(family.labels) - len(kept)))
