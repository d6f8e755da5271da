"""Learns when scrapers come, so that sources can be asked just before the next scrape instead of at any time.

A scraper is a connection: Prometheus keeps one open to each target. After three scrapes at an even pace its next one is
predicted; whoever comes at odd times, or opens a connection for each request, is never predicted and disturbs nothing.
Nor is more than a few: each has sources asked for it, and who may scrape must not decide how often that is.
All times are seconds of one monotonic clock.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import pairwise
from math import log2
from statistics import median

_REMEMBERED = 8
_EVEN = 0.2
"""Intervals that differ from their median by more than this share of it are not an even pace."""

_SHORTEST = 0.4
"""Seconds, somewhat less than the half second that Prometheus may be set to. Whoever asks again sooner asks without a
pause, and has no next scrape that a source could wait for."""

_MISSED = 2.5
"""After so many intervals without a scrape a scraper is forgotten."""

_MOST_SCRAPERS = 64

_MOST_PREDICTED = 3
"""Scrapers that are predicted, of all that are even: two replicas, and one that takes the place of another."""


@dataclass(slots=True)
class _Scraper:
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def pace(self) -> tuple[float, float] | None:
        """The interval and the largest deviation from it, or None while the pace is not that of a scraper."""
        recent = list(self.times)[-4:]
        gaps = [later - earlier for earlier, later in pairwise(recent)]
        if len(gaps) < 2:
            return None
        interval = median(gaps)
        deviation = max(abs(gap - interval) for gap in gaps)
        return (interval, deviation) if interval >= _SHORTEST and deviation <= _EVEN * interval else None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A scrape that is predicted: when, how far off that may be, and whose."""

    time: float
    deviation: float
    scraper: Hashable


class Cadence:
    """The scrapers seen lately."""

    def __init__(self) -> None:
        self._scrapers: dict[Hashable, _Scraper] = {}

    def seen(self, scraper: Hashable, now: float) -> None:
        """Note that `scraper` has scraped at `now`."""
        if scraper not in self._scrapers:
            self._forget(now)
            if len(self._scrapers) >= _MOST_SCRAPERS and not self._evict():
                return
        self._scrapers.setdefault(scraper, _Scraper()).times.append(now)

    def upcoming(self, now: float, until: float, every: float = 15.0) -> list[Upcoming]:
        """Return the scrapes predicted in (now, until], in order, for a source with the interval `every`.

        They are those of the scrapers whose pace is nearest to it, of about the same pace of those that are known
        longest: who comes far more often finds the data old most times anyway, who comes seldom needs them seldom.
        """
        found = []
        even = (
            (name, scraper, pace)
            for name, scraper in self._scrapers.items()
            if (pace := scraper.pace) is not None and now - scraper.times[-1] <= _MISSED * pace[0]
        )
        nearest = nsmallest(_MOST_PREDICTED, even, key=lambda each: abs(round(log2(each[2][0] / every))))
        for name, scraper, (interval, deviation) in nearest:
            scrape = scraper.times[-1] + interval
            while scrape <= until:
                if scrape > now:
                    found.append(Upcoming(scrape, deviation, name))
                scrape += interval
        return sorted(found, key=lambda upcoming: upcoming.time)

    def _evict(self) -> bool:
        """Give up the scraper without a pace that was seen longest ago; those seen but once go first."""
        known = self._scrapers
        odd = [name for name, scraper in known.items() if scraper.pace is None]
        if odd:
            del known[min(odd, key=lambda name: (len(known[name].times) > 1, known[name].times[-1]))]
        return bool(odd)

    def _forget(self, now: float) -> None:
        oldest = now - 3600
        for key, scraper in list(self._scrapers.items()):
            pace = scraper.pace
            if scraper.times[-1] < (oldest if pace is None else now - 2 * _MISSED * pace[0]):
                del self._scrapers[key]
