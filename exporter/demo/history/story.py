"""What happened in the thirty days before the demo began: rhythm, growth and incidents, the same for all metrics.

Everything counts back from the demo's start, so that each demo has the same past. Shapes are factors that are 1 at the
start: multiplied with what is measured then, the past meets the present without a step. What Prometheus would have made
of it, such as alerts on burn rates, is computed (see `recorded`).
"""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

MINUTE, HOUR, DAY = 60, 3600, 86400
DAYS = 30
USUAL_FAILURES = 0.0002
"""Share of requests that fail on an ordinary day."""
_GROWTH = 0.22  # of customers and traffic over the whole time
_WEEKEND = 0.62


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that went wrong `ago` seconds before the start, for `lasted` seconds.

    `failing` is the share of requests that failed, `slower` the factor on all durations, `check` the component that
    said `status`; `alerts` fired (alert's name → whom it concerned), `after` seconds after the beginning.
    """

    ago: float
    lasted: float
    failing: float = 0.0
    slower: float = 1.0
    check: str = ""
    status: str = "healthy"
    database_down: bool = False
    alerts: tuple[tuple[str, str], ...] = ()
    after: float = MINUTE


INCIDENTS = (
    Incident(26.3 * DAY, 14 * MINUTE, 0.13),
    Incident(
        18.6 * DAY,
        11 * MINUTE,
        0.9,
        4.0,
        "database",
        "unhealthy",
        database_down=True,
        alerts=(("DatabaseDown", "postgres.main"), ("HealthUnhealthy", "api")),
    ),
    Incident(
        11.4 * DAY,
        3 * HOUR,
        0.0,
        1.3,
        "external_apis",
        "degraded",
        alerts=(("HealthDegraded", "api"),),
        after=10 * MINUTE,
    ),
    # Too little for an hour's burn rate, too much for six hours'.
    Incident(5.7 * DAY, 4.7 * HOUR, 0.0138, 1.6),
    Incident(
        2.2 * DAY,
        16 * MINUTE,
        0.015,
        4.5,
        "redis",
        "degraded",
        alerts=(("HealthDegraded", "api"),),
        after=10 * MINUTE,
    ),
    Incident(
        4.1 * HOUR,
        13 * MINUTE,
        0.012,
        3.0,
        "external_apis",
        "degraded",
        alerts=(("HealthDegraded", "api"),),
        after=10 * MINUTE,
    ),
)

DEPLOYMENTS = tuple(day * DAY for day in (28.2, 26.31, 23.1, 20.4, 18.2, 14.3, 9.25, 5.71, 3.3, 1.15))
"""Seconds before the start at which a new version went out; two of them went wrong."""


def nearest(now: float) -> float:
    """Return the round time from which a story that ends `now` counts back."""
    return now // 10 * 10


def moments(now: float, steps: Sequence[tuple[float, float]]) -> list[float]:
    """Return the moments of a story until `now`; `steps` are (seconds before now, distance of moments from there on).

    While things go wrong, and for an hour after, there is one each minute at least.
    """
    # At round times, as panels ask: the age of what was read would look older in between. And the very end, because
    # until Prometheus scrapes, seconds later, there is nothing.
    end = nearest(now)
    found: set[float] = {end, now}
    for (ago, step), (until, _) in zip(steps, [*steps[1:], (0.0, 0.0)], strict=True):
        found.update(float(round(end - ago + number * step)) for number in range(int((ago - until) / step)))
    for incident in INCIDENTS:
        begins = (now - incident.ago) // MINUTE * MINUTE
        found.update(begins + number * MINUTE for number in range(int((incident.lasted + HOUR) / MINUTE)))
    return sorted(moment for moment in found if moment <= now)


class Story:
    """The shapes of the past at given moments, which end at `now`, the demo's start."""

    def __init__(self, now: float, times: Sequence[float]) -> None:
        self.now = now
        self.times = times
        chance = random.Random(11)  # noqa: S311 - the same noise in every demo, no secret
        # What is high now is still high a moment later.
        noise = list(
            accumulate(times, lambda before, _: 0.85 * before + 0.527 * chance.gauss(0.0, 1.0), initial=0.0)
        )
        noise = noise[: len(times)]
        self.noise = noise
        self.growth = [_growth(now - time) for time in times]
        self.usual = [usual(now, time) for time in times]
        self.traffic = [usual * (1 + 0.04 * wobble) for usual, wobble in zip(self.usual, noise, strict=True)]
        self.failing = [USUAL_FAILURES * (1 + 0.4 * abs(wobble)) for wobble in noise]
        self.slower = [1 + 0.06 * wobble for wobble in noise]
        self.steady = list(self.slower)
        self.database_up = [1.0] * len(times)
        for incident in INCIDENTS:
            begins = now - incident.ago
            for at in range(bisect_right(times, begins), bisect_right(times, begins + incident.lasted)):
                # At its very end rounding may leave a sine below zero, which has no real root.
                ramp = max(0.0, math.sin(math.pi * (times[at] - begins) / incident.lasted)) ** 0.4
                self.failing[at] = max(self.failing[at], incident.failing * ramp)
                self.slower[at] = max(self.slower[at], 1 + (incident.slower - 1) * ramp)
                if incident.database_down:
                    self.database_up[at] = 0.0
        self.failed = [part * whole for part, whole in zip(self.failing, self.traffic, strict=True)]

    def since(self, start: float) -> int:
        """Return the place of the first moment at or after `start`."""
        return bisect_right(self.times, start - 1e-3)

    def until_now(self, shape: Sequence[float]) -> list[float]:
        """Return, for each moment, the integral of a shape from then until the start, in seconds."""
        spans = [later - time for time, later in zip(self.times, [*self.times[1:], self.now], strict=True)]
        areas = [value * span for value, span in zip(shape, spans, strict=True)]
        return list(accumulate(reversed(areas)))[::-1]

    def drift(self, key: str) -> list[float]:
        """Return a slow wave between -1 and 1 that is 0 at the start; each key has its own, of some days."""
        days = 2.1 + crc32(key.encode()) % 70 / 10
        turns = [2 * math.pi * (self.now - time) / DAY / days for time in self.times]
        return [0.6 * math.sin(turn) + 0.4 * math.sin(2.7 * turn) for turn in turns]

    def statuses(self, check: str | None = None) -> list[int]:
        """Return the state of one component, or of all together: 0 healthy, 1 degraded, 2 unhealthy."""
        codes = [0] * len(self.times)
        for incident in INCIDENTS:
            if incident.check and check in (None, incident.check):
                begins = self.now - incident.ago
                code = {"degraded": 1, "unhealthy": 2}[incident.status]
                for at in range(
                    bisect_right(self.times, begins), bisect_right(self.times, begins + incident.lasted)
                ):
                    codes[at] = max(codes[at], code)
        return codes

    def slower_check(self, check: str) -> list[float]:
        """Return how much longer than usual the check of a component took: what is wrong with another is none of it."""
        took = [
            steady * (1 + 0.1 * drift) for steady, drift in zip(self.steady, self.drift(check), strict=True)
        ]
        for incident in INCIDENTS:
            if incident.check == check:
                begins = self.now - incident.ago
                for at in range(self.since(begins), self.since(begins + incident.lasted)):
                    took[at] = self.slower[at]
        return took

    def deployed(self) -> list[float]:
        """Return, for each moment, when the version that ran then had been deployed."""
        starts = sorted(self.now - ago for ago in DEPLOYMENTS)
        first = self.now - 33 * DAY
        return [starts[at - 1] if (at := bisect_right(starts, time)) else first for time in self.times]


def usual(now: float, time: float) -> float:
    """Return the traffic at `time` of an ordinary day, as a multiple of that at `now`, the start."""
    return rhythm(time) / rhythm(now) * _growth(now - time)


def _growth(ago: float) -> float:
    return 1 - _GROWTH * ago / (DAYS * DAY)


def rhythm(time: float) -> float:
    """Customers work on weekdays, most of them early in the afternoon (UTC)."""
    day = (time / DAY) % 1
    daily = 1 + 0.42 * math.sin(2 * math.pi * (day - 0.33)) + 0.08 * math.sin(4 * math.pi * (day - 0.1))
    # Friday evening fades into the weekend: half of the way from one day's pace to the next's lies in six hours.
    tonight = (day * DAY + 3 * HOUR) // DAY  # 1 from three hours before midnight on
    fade = ((day * DAY + 3 * HOUR) % DAY) / (6 * HOUR)
    before, after = _pace_of_day(time // DAY + tonight - 1), _pace_of_day(time // DAY + tonight)
    return daily * (before + (after - before) * min(1.0, fade))


def _pace_of_day(number: float) -> float:
    return _WEEKEND if (int(number) + 3) % 7 >= 5 else 1.0  # 1970 began on a Thursday
