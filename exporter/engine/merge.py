"""Brings what all sources said together: families by name, each series once, all of them within one bound.

The bound over all is a fuse, so that the process and Prometheus survive a source that explodes. It cuts the largest
first, a family of one source at a time, down to a size at which all fit: small families are whole, whoever is large.
What is cut is not gathered anywhere, counters neither. What the exporter says of itself and of its sources is outside
of it: one must see who fails all the more.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from exporter.engine.budget import first
from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Family, Key, Samples
from exporter.engine.pauses import never

Dropped = list[tuple[Family, int]]
"""Families of which samples are not shown, and how many."""


@dataclass(slots=True)
class _Share:
    """What one source says of a family: `samples` as it said them, `fresh` those of them to be shown."""

    family: Family
    samples: Samples
    fresh: Samples
    origin: Collected


class Merger:
    """Merges collections. What is left out is told once, however often what a source said last is merged again.

    A collection is known again by its identity, and so are samples that cannot be written: mappings of samples do not
    change, and the next collection may have the same ones.
    `unbounded` are the families that the bound `most` does not touch. `pause` is called now and then.
    """

    def __init__(
        self, most: int, unbounded: Collection[Family] = (), pause: Callable[[], None] = never
    ) -> None:
        self.most = most
        self._pause = pause
        self._unbounded = frozenset(unbounded)
        self._left_out: dict[tuple[int, Family], tuple[Collected, int]] = {}
        self._rubbish: dict[int, Samples] = {}
        self._cut: dict[tuple[Family, int], Samples] = {}

    def merge(self, collections: Iterable[Collected]) -> tuple[dict[Family, list[Part]], Dropped]:
        """Return the parts of each family, and what is left out since the last call: of two declarations of one name
        the later, of two samples of one series the later, what is beyond the bound, and what `sort_out` found."""
        by_name = self._distinct(collections)
        self._bound(by_name)
        dropped, left_out = Dropped(), dict[tuple[int, Family], tuple[Collected, int]]()
        merged: dict[Family, list[Part]] = {}
        for shares in by_name.values():
            for share in shares:
                if count := len(share.samples) - len(share.fresh):
                    collection = share.origin if share.origin.of is None else share.origin.of
                    _, before = self._left_out.get((id(collection), share.family), (collection, 0))
                    left_out[id(collection), share.family] = collection, count
                    dropped += [(share.family, count - before)] if count > before else []
                if share.fresh:
                    created = share.origin.created.get(share.family, {})
                    exemplars = share.origin.exemplars.get(share.family, {})
                    merged.setdefault(shares[0].family, []).append(Part(share.fresh, created, exemplars))
            self._pause()
        self._left_out = left_out
        return merged, dropped

    def _distinct(self, collections: Iterable[Collected]) -> dict[str, list[_Share]]:
        """Return the shares of each name, each series in one of them."""
        by_name: dict[str, list[_Share]] = {}
        seen: dict[str, set[Key]] = {}
        rubbish: dict[int, Samples] = {}
        for collected in collections:
            for family, samples in collected:
                fresh = samples
                shares = by_name.setdefault(family.name, [])
                if id(samples) in self._rubbish:
                    rubbish[id(samples)] = samples
                    fresh = {}
                elif shares and shares[0].family is not family and shares[0].family != family:
                    fresh = {}
                elif shares:
                    known = seen.setdefault(family.name, set(shares[0].fresh))
                    if not known.isdisjoint(fresh):
                        fresh = {key: value for key, value in fresh.items() if key not in known}
                    known.update(fresh)
                shares.append(_Share(family, samples, fresh, collected))
            self._pause()
        self._rubbish = rubbish
        return by_name

    def _bound(self, by_name: dict[str, list[_Share]]) -> None:
        """Cut the largest shares until all fit. A series that was shown before is kept before one that was not."""
        bounded = [
            share for shares in by_name.values() for share in shares if share.family not in self._unbounded
        ]
        most, odd = _level([len(share.fresh) for share in bounded], self.most)
        cut: dict[tuple[Family, int], Samples] = {}
        for shares in by_name.values():
            for place, share in enumerate(shares):
                if len(share.fresh) > most and share.family not in self._unbounded:
                    before = self._cut.get((share.family, place))
                    share.fresh = first(share.family, share.fresh, most + (odd > 0), before)
                    cut[share.family, place] = share.fresh
                    odd -= 1
        self._cut = cut

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


def _level(sizes: list[int], most: int) -> tuple[int, int]:
    """Return the largest size to which all must be cut so that their sum is at most `most`, and what is left then."""
    left = most
    for place, size in enumerate(sorted(sizes)):
        larger = len(sizes) - place
        if size * larger > left:
            return divmod(left, larger)
        left -= size
    return most, 0
