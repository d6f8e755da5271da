"""Who came and who went in the thirty days: counts, revenue, sign-ups and cancellations all follow from one list."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from exporter.demo.history.story import DAY, DAYS, Story, rhythm

# The product's own tables know of no more than some thirty cancellations when the demo starts.
_CAME, _WENT = 70, 24
_PLANS = ("starter", "starter", "starter", "team", "team", "enterprise")


class Change(NamedTuple):
    """A customer of `plan` who signed up (`by` is 1) or cancelled (-1) at a time."""

    at: float
    plan: str
    by: int


def changes(story: Story) -> list[Change]:
    """Return all changes in the order of time; most happen when customers work."""
    chance = random.Random(23)  # noqa: S311 - the same customers in every demo, no secret
    signs = [1] * _CAME + [-1] * _WENT
    return sorted(Change(_moment(story, chance), chance.choice(_PLANS), by) for by in signs)


def _moment(story: Story, chance: random.Random) -> float:
    while True:
        # Nobody came or went in the hour before: the first who do are customers of the demo itself.
        at = story.now - chance.uniform(3600.0, DAYS * DAY)
        if chance.random() * 1.6 < rhythm(at):
            return at


def still_to_come(story: Story, sign: int | None = None, plan: str | None = None) -> list[int]:
    """Return, for each moment, the sum of the changes after it (of one sign, of one plan)."""
    chosen = [
        change for change in changes(story) if sign in (None, change.by) and plan in (None, change.plan)
    ]
    times = [change.at for change in chosen]
    sums = _sums_from_behind([change.by for change in chosen])
    return [sums[bisect_right(times, time)] for time in story.times]


def _sums_from_behind(numbers: Sequence[int]) -> list[int]:
    sums = [0]
    for number in reversed(numbers):
        sums.append(sums[-1] + number)
    return sums[::-1]
