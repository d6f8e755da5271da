"""Keeps a family within its bound of series without making a counter lie.

Series that are let in stay in; what comes beyond is not shown. A counter's increments beyond the bound are gathered in
one more series whose label values are all `other`, so that sums over the family stay right and never decrease. Gauges
beyond the bound are left out: a sum of them would mean nothing.
"""

from collections.abc import Callable

from exporter.engine.families import Collected, Family, Key, Samples

OTHER = "other"


class Budget:
    """The bound for one source: at most `most` series of each of its families, `other` included."""

    def __init__(self, most: int, on_drop: Callable[[Family, int], None]) -> None:
        self._most = most
        self._on_drop = on_drop
        self._admitted: dict[Family, dict[Key, None]] = {}
        self._beyond: dict[Family, Samples] = {}
        self._other: dict[Family, float] = {}

    def apply(self, collected: Collected) -> Collected:
        """Return what may be shown. The families that are within the bound are passed through as they are."""
        for family, samples in collected:
            if len(samples) > self._most or family in self._admitted:
                collected.families[family] = self._cut(family, samples)
        return collected

    def _cut(self, family: Family, samples: Samples) -> Samples:
        gathers = family.type == "counter" and bool(family.labels)
        other = (OTHER,) * len(family.labels) if gathers else None
        room = self._most - 1 if gathers else self._most
        admitted = {key: None for key in self._admitted.get(family, {}) if key in samples}
        for key in samples:
            if len(admitted) >= room:
                break
            if key not in self._beyond.get(family, {}) and key != other:
                admitted[key] = None
        self._admitted[family] = admitted
        shown = {key: samples[key] for key in admitted}
        beyond = {key: value for key, value in samples.items() if key not in admitted}
        if beyond:
            self._on_drop(family, len(beyond))
        if other is not None:
            shown[other] = self._gather(family, beyond)
        self._beyond[family] = beyond
        return shown

    def _gather(self, family: Family, beyond: Samples) -> float:
        """Add up what the counters beyond the bound grew by; one that fell began anew."""
        before = self._beyond.get(family, {})
        grown = sum(
            value - before.get(key, 0.0) if value >= before.get(key, 0.0) else value
            for key, value in beyond.items()
        )
        self._other[family] = self._other.get(family, 0.0) + grown
        return self._other[family]
