"""Brings what all sources said together: families by name, each series once, all of them within one bound."""

from collections.abc import Iterable
from itertools import islice

from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Family, Key, Samples

Dropped = list[tuple[Family, int]]
"""Families of which samples are not shown, and how many."""


class Merger:
    """Merges collections. What is left out is told once, however often what a source said last is merged again.

    Samples are known again by the identity of their mapping, which does not change between two collections.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._left_out: dict[int, tuple[Samples, int]] = {}
        self._rubbish: dict[int, Samples] = {}

    def merge(self, collections: Iterable[Collected]) -> tuple[dict[Family, list[Part]], Dropped]:
        """Return the parts of each family, and what is left out since the last call: of two declarations of one name
        the later, of two samples of one series the later, what is beyond the bound, and what `sort_out` found."""
        by_name: dict[str, tuple[Family, list[Part]]] = {}
        seen: dict[str, set[Key]] = {}
        left, dropped = self.most, Dropped()
        left_out: dict[int, tuple[Samples, int]] = {}
        rubbish: dict[int, Samples] = {}
        for collected in collections:
            for family, samples in collected:
                fresh = samples
                declared, parts = by_name.setdefault(family.name, (family, []))
                if id(samples) in self._rubbish:
                    rubbish[id(samples)] = samples
                    fresh = {}
                elif declared is not family and declared != family:
                    fresh = {}
                elif parts:
                    known = seen.setdefault(family.name, set(parts[0].samples))
                    if not known.isdisjoint(fresh):
                        fresh = {key: value for key, value in fresh.items() if key not in known}
                    known.update(fresh)
                if len(fresh) > left:
                    fresh = dict(islice(fresh.items(), left))
                if count := len(samples) - len(fresh):
                    _, before = self._left_out.get(id(samples), (samples, 0))
                    left_out[id(samples)] = samples, count
                    dropped += [(family, count - before)] if count > before else []
                if fresh:
                    left -= len(fresh)
                    created, exemplars = (
                        collected.created.get(family, {}),
                        collected.exemplars.get(family, {}),
                    )
                    parts.append(Part(fresh, created, exemplars))
        self._left_out, self._rubbish = left_out, rubbish
        return dict(by_name.values()), dropped

    def sort_out(self, collections: Iterable[Collected]) -> None:
        """Find samples that cannot be written, so that they are left out from now on."""
        for collected in collections:
            for family, samples in collected:
                part = Part(samples, collected.created.get(family, {}), collected.exemplars.get(family, {}))
                try:
                    Renderer().render([(family, [part])])
                except (
                    AttributeError,
                    TypeError,
                    ValueError,
                    OverflowError,
                ):  # texts and numbers that are none
                    self._rubbish[id(samples)] = samples
