"""Scrapers are predicted once their pace is even, and forgotten when they stay away."""

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.cadence import Cadence
from exporter.engine.families import Collected
from exporter.engine.runner import Runner
from exporter.engine.source import Source


def seen(cadence: Cadence, scraper: str, *times: float) -> None:
    for time in times:
        cadence.seen(scraper, time)


def test_two_scrapes_are_no_pace_and_three_are() -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 15)
    assert cadence.upcoming(15, 60) == []
    seen(cadence, "a", 30)
    assert [upcoming.time for upcoming in cadence.upcoming(30, 60)] == [45, 60]


def test_two_replicas_are_told_apart() -> None:
    cadence = Cadence()
    for start in (0, 15, 30, 45):
        seen(cadence, "a", start)
        seen(cadence, "b", start + 6)
    assert [upcoming.time for upcoming in cadence.upcoming(51, 75)] == [60, 66, 75]


def test_a_new_interval_is_learned_and_a_restart_too() -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 15, 30, 45, 50, 55, 60, 65)
    assert [upcoming.time for upcoming in cadence.upcoming(65, 75)] == [70, 75]
    seen(cadence, "a after its restart", 66, 71, 76)
    assert [upcoming.time for upcoming in cadence.upcoming(82, 86)] == [86]


def test_who_stays_away_is_forgotten() -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 15, 30)
    assert cadence.upcoming(100, 200) == []


def test_people_with_curl_are_not_predicted() -> None:
    cadence = Cadence()
    for number, time in enumerate((1, 4, 5, 20, 33, 34)):
        seen(cadence, f"connection {number}", time)
    seen(cadence, "browser", 2, 3, 9, 30, 31)
    assert cadence.upcoming(34, 100) == []


@pytest.mark.parametrize("gap", [0.001, 0.2, 0.39])
def test_whoever_asks_without_a_pause_is_not_predicted(gap: float) -> None:
    cadence = Cadence()
    seen(cadence, "a loop", *(gap * number for number in range(1000)))
    # It would be millions of scrapes, worked out in the event loop.
    assert cadence.upcoming(gap * 999, gap * 999 + 3600) == []


def test_whoever_pauses_for_a_little_more_is_predicted() -> None:
    cadence = Cadence()
    seen(cadence, "prometheus", *(0.41 * number for number in range(10)))
    assert cadence.upcoming(0.41 * 9, 0.41 * 11) != []


@pytest.mark.parametrize("interval", [0.5, 1])
def test_the_shortest_intervals_of_prometheus_are_a_pace(interval: float) -> None:
    cadence = Cadence()
    off = itertools.cycle((0, 0.024, -0.024, 0.02))  # seconds, as seen of Prometheus
    for number in range(60):
        seen(cadence, "prometheus", now := interval * number + next(off))
        assert (number < 2) == (cadence.upcoming(now, now + 2 * interval) == [])


def test_a_flood_of_connections_is_bounded() -> None:
    cadence = Cadence()
    for number in range(10_000):
        seen(cadence, f"connection {number}", number / 1000)
    assert len(cadence._scrapers) <= 64


def test_after_a_flood_of_connections_a_scraper_is_learned() -> None:
    cadence = Cadence()
    for number in range(100):
        seen(cadence, f"curl {number}", number)
    for scrape in range(3):
        seen(cadence, "prometheus", 100 + 15 * scrape)
        for number in range(30):
            seen(cadence, f"curl {scrape} {number}", 101 + 15 * scrape)
    assert [(upcoming.scraper, upcoming.time) for upcoming in cadence.upcoming(131, 146)] == [
        ("prometheus", 145)
    ]


def test_scrapers_with_a_pace_are_not_given_up_for_others() -> None:
    cadence = Cadence()
    for number in range(64):
        seen(cadence, f"prometheus {number}", 0, 15, 30)
    seen(cadence, "one more", 31)
    assert list(cadence._scrapers) == [f"prometheus {number}" for number in range(64)]


@pytest.mark.parametrize("pace", [0.6, 2, 4, 60, 300])
def test_other_clients_do_not_take_the_place_of_prometheus(pace: float) -> None:
    cadence = Cadence()
    for number in range(1 + int(1200 / pace)):
        for name in ("one", "two", "three"):
            seen(cadence, f"client {name}", pace * number)
    for scrape in range(81):
        seen(cadence, "prometheus a", 15 * scrape)
        seen(cadence, "prometheus b", 15 * scrape - 7.5)
    paced = {upcoming.scraper for upcoming in cadence.upcoming(1200, 1800, every=15)}
    assert paced == {"prometheus a", "prometheus b", "client one"}


def test_those_known_longest_are_predicted_and_others_when_they_stay_away() -> None:
    cadence = Cadence()
    for scrape in range(3):
        for number in range(5):
            seen(cadence, f"{number}", 15 * scrape + number)
    assert [upcoming.scraper for upcoming in cadence.upcoming(34, 52)] == ["0", "1", "2"]
    for scrape in range(3, 6):
        for number in range(2, 5):
            seen(cadence, f"{number}", 15 * scrape + number)
    assert [upcoming.scraper for upcoming in cadence.upcoming(79, 97)] == ["2", "3", "4"]


class Quick(Source):
    async def collect(self) -> Collected:
        return Collected()


def locked(every: float, last_duration: float, cadence: Cadence, started: float) -> float:
    runner = Runner(Quick("q", every=every, timeout=1), 10, lambda: None, lambda *_: None, cadence)
    runner.last_duration = last_duration
    return runner._before_scrape(started, started + every)


@given(
    every=st.floats(1, 60),
    interval=st.floats(1, 120),
    phase=st.floats(0, 120),
    took=st.floats(0, 1),
    second=st.none() | st.floats(0, 60),
)
def test_collections_keep_their_distance_and_never_stay_away(
    every: float, interval: float, phase: float, took: float, second: float | None
) -> None:
    cadence = Cadence()
    times = [phase + number * interval for number in range(4)]
    seen(cadence, "a", *times)
    if second is not None:
        seen(cadence, "b", *(time + second for time in times))
    started = times[-1] + 0.01
    due = locked(every, took, cadence, started)
    assert started + 0.1 * every <= due <= started + 1.5 * every + 1e-6


@pytest.mark.parametrize("took", [0.01, 0.3])
def test_a_collection_ends_just_before_the_scrape(took: float) -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 15, 30, 45)
    due = locked(15, took, cadence, started=44.5)
    assert due + took == pytest.approx(60 - 0.15, abs=0.07)


def test_a_slow_scraper_leaves_the_interval_as_it_is_in_between() -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 60, 120)
    assert locked(15, 0.1, cadence, started=120) == 135
    assert locked(15, 0.1, cadence, started=165) == pytest.approx(180 - 0.27, abs=0.01)


def asked(every: float, scrapes: list[tuple[float, str]], until: float) -> list[float]:
    """Return when a source is asked that is asked first at 0, while `scrapes`, in order, come by these scrapers."""
    cadence, coming = Cadence(), deque(scrapes)
    runner = Runner(Quick("q", every=every, timeout=1), 10, lambda: None, lambda *_: None, cadence)
    starts = [0.0]
    while starts[-1] < until:
        while coming and coming[0][0] <= starts[-1]:
            at, name = coming.popleft()
            cadence.seen(name, at)
        starts.append(runner._before_scrape(starts[-1], starts[-1] + every))
    return starts


def test_many_scrapers_have_a_source_asked_three_times_as_often_at_most() -> None:
    scrapes = [(6.0 * number, f"{number % 10}") for number in range(600)]  # ten, each of them every 60 s
    assert len(asked(60, scrapes, until=3600)) - 1 <= 3 * 3600 / 60


def test_who_scrapes_at_the_pace_of_the_source_finds_it_fresh_beside_faster_ones_known_longer() -> None:
    mine = [(60.0 * number + 24, "prometheus") for number in range(3, 60)]
    others = [(15.0 * number, f"client {which}") for number in range(240) for which in range(3)]
    starts = asked(60, sorted(mine + others), until=3600)
    for scrape, _ in mine[4:]:
        assert min(scrape - start for start in starts if start < scrape) < 0.2


def test_each_of_two_scrapers_gets_fresh_data_and_no_more_is_asked() -> None:
    cadence = Cadence()
    seen(cadence, "a", 0, 15, 30, 45)
    seen(cadence, "b", 5, 20, 35, 50)
    runner = Runner(Quick("q", every=15, timeout=1), 10, lambda: None, lambda *_: None, cadence)
    starts = [50.5]
    while starts[-1] < 110:
        now = starts[-1]
        seen(
            cadence,
            "a",
            *(time for time in (60, 75, 90, 105) if cadence._scrapers["a"].times[-1] < time <= now),
        )
        seen(
            cadence,
            "b",
            *(time for time in (65, 80, 95, 110) if cadence._scrapers["b"].times[-1] < time <= now),
        )
        starts.append(runner._before_scrape(now, now + 15))
    expected = [60, 65, 75, 80, 90, 95, 105, 110]
    assert [start + 0.15 for start in starts[1:9]] == pytest.approx(expected, abs=0.01)
