"""Keeps a family of one source within its bound of series without making a counter lie.

Series that are let in stay in, but for the one that makes room for `other`; what comes beyond is not shown. A counter's
increments beyond the bound are gathered in one more series whose label values are all `other`, so that rates summed
over the family stay right and no series ever decreases. Gauges beyond the bound are left out: a sum of them would mean
nothing.

No event is counted twice, and none that happened before it could be seen. A counter counts from the value that was
shown of it last, or else from the one it had when it was seen first, however late that is. So the last value of every
counter that is present is remembered, however many they are: no more than the source itself has just handed over.
Counters that are away are remembered up to a bound, should they come back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from exporter.engine.families import Collected, Family, Key, Samples

OTHER = "other"

_REMEMBERED = 10
"""So many times the bound of series that are away are remembered, should they come back."""


@dataclass(slots=True)
class _Ledger:
    """What is known of a family that is, or once was, beyond its bound."""

    other: Key | None
    admitted: dict[Key, None]
    last: Samples  # when they were seen last; those away longest come first
    total: float
    gathered: set[Key] = field(default_factory=set)  # which of them `other` has


class Budget:
    """The bound for one source: at most `most` series of each of its families, `other` included."""

    def __init__(self, most: int, on_drop: Callable[[Family, int], None]) -> None:
        self.most = most
        self._on_drop = on_drop
        self._ledgers: dict[Family, _Ledger] = {}
        self._within: dict[Family, Samples] = {}  # what was shown last of the families without a ledger

    def apply(self, collected: Collected) -> Collected:
        """Return what may be shown. The families that are within the bound are passed through as they are."""
        for family, samples in collected:
            if len(samples) <= self.most and family not in self._ledgers:
                self._within[family] = samples
                continue
            if family.type == "histogram":
                shown = first(family, samples, self.most)
                beyond = len(samples) - len(shown)
            else:
                shown, beyond = self._cut(family, samples)
                collected.cut.add(family)
            collected.families[family] = shown
            if beyond:
                self._on_drop(family, beyond)
        for family, ledger in self._ledgers.items():
            if ledger.other is not None and family not in collected.families:
                # Whoever goes on from what is shown would begin it at 0.
                collected.families[family] = {ledger.other: ledger.total}
                collected.cut.add(family)
        return collected

    @property
    def gathers(self) -> bool:
        """Whether `other` has series. They stay in it however high the bound: it cannot give back their growth."""
        return any(ledger.gathered for ledger in self._ledgers.values())

    def resume(self, shown: Collected) -> None:
        """Go on from what another exporter showed; what was known before is older than that.

        Counters that it had in its `other` begin here with the value they have when they are seen first.
        """
        self._ledgers, self._within = {}, dict(shown)
        for family in shown.cut:
            if shown.families[family]:
                ledger = self._open(family, shown.families[family])
                if ledger.other is not None:
                    ledger.last.pop(ledger.other, None)  # a sum, and not what the source says under that name

    def _open(self, family: Family, samples: Samples) -> _Ledger:
        """Begin the ledger of a family with what was shown of it last."""
        other, last = _other(family, samples), dict(self._within.pop(family, {}))
        admitted = dict.fromkeys(key for key in last if key != other)
        total = 0.0 if other is None else last.get(other, 0.0)
        ledger = self._ledgers[family] = _Ledger(other, admitted, last, total)
        return ledger

    def _cut(self, family: Family, samples: Samples) -> tuple[Samples, int]:
        """Return what is shown, and how many series are not shown as themselves."""
        ledger = self._ledgers.get(family) or self._open(family, samples)
        room = self.most if ledger.other is None else self.most - 1
        admitted = [key for key in ledger.admitted if key in samples]
        fresh = (
            key
            for key in samples
            if key not in ledger.admitted and key not in ledger.gathered and key != ledger.other
        )
        admitted = [*admitted[:room], *islice(fresh, max(0, room - len(admitted)))]
        ledger.admitted = dict.fromkeys(admitted)
        shown = {key: samples[key] for key in admitted}
        if ledger.other is not None:
            self._gather(ledger, samples)
            shown[ledger.other] = ledger.total
        return shown, len(samples) - len(admitted)

    def _gather(self, ledger: _Ledger, samples: Samples) -> None:
        """Add what the counters beyond the bound grew by, and remember all. One that fell began anew."""
        for key, value in samples.items():
            if key in ledger.admitted:
                continue
            before = ledger.last.get(key, value)
            ledger.total += value - before if value >= before else value
            ledger.gathered.add(key)
        away = {key: value for key, value in ledger.last.items() if key not in samples}
        for key in list(islice(away, max(0, len(away) - _REMEMBERED * self.most))):
            del away[key]
            ledger.gathered.discard(key)
        ledger.last = away | samples


def first(family: Family, samples: Samples, most: int, kept: Samples | None = None) -> Samples:
    """Return at most `most` of the samples, those that are among `kept` first.

    Histograms are whole or not there: buckets without their count would be none.
    """
    kept = kept or {}
    keys = [*(key for key in samples if key in kept), *(key for key in samples if key not in kept)]
    if family.type != "histogram":
        return {key: samples[key] for key in keys[:most]}
    histograms: dict[Key, list[Key]] = {}
    for key in keys:
        histograms.setdefault(key[1:-1] if key[0] == "_bucket" else key[1:], []).append(key)
    shown: Samples = {}
    for lines in histograms.values():
        if len(shown) + len(lines) <= most:
            shown |= {key: samples[key] for key in lines}
    return shown


def _other(family: Family, samples: Samples) -> Key | None:
    """Return the key of a counter's `other`; None for what cannot be added up.

    The label `target` keeps its value: other targets have an `other` of their own.
    """
    if family.type != "counter" or family.labels in ((), ("target",)):
        return None
    kept = next(iter(samples))[:1] if family.labels[0] == "target" else ()
    return (*kept, *(OTHER,) * (len(family.labels) - len(kept)))
