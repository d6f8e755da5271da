"""Whatever succeeds, fails, is delayed or set back: every event is counted exactly once, and no counter decreases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.families import Family
from exporter.engine.windows import Window, WindowedCounters

EVENTS = Family("events_total", "counter", "Events.")

STEPS = st.lists(
    st.tuples(st.integers(-90, 600), st.booleans()),  # how far the clock moves, whether the API answers
    min_size=1,
    max_size=60,
)


def answer(events: list[int], window: Window) -> dict[Family, dict[tuple[str, ...], float]]:
    return {EVENTS: {(): float(sum(window.start <= event < window.end for event in events))}}


@given(STEPS, st.lists(st.integers(0, 20_000), max_size=80), st.sampled_from([1, 5, 60]), st.integers(0, 300))
def test_every_event_is_counted_exactly_once(
    steps: list[tuple[int, bool]], events: list[int], step: int, lag: int
) -> None:
    counters = WindowedCounters(lag=lag, step=step, longest=900, keeps=10**9)
    now, first, total = 1000, None, 0.0
    for move, answers in [*steps, *[(900, True)] * 30]:
        now = max(1000, now + move)
        window = counters.next(now)
        if window is None or not answers:
            continue
        first = window.start if first is None else first
        assert window.end <= now - lag
        counters.add(window, answer(events, window))
        grown = counters.values[EVENTS][()]
        assert grown >= total
        total = grown
    assert first is not None
    assert counters.cursor is not None
    assert total == sum(first <= event < counters.cursor for event in events)


def test_a_window_is_not_added_twice() -> None:
    counters = WindowedCounters(lag=0, step=60)
    window = counters.next(600)
    assert window == Window(540, 600)
    counters.add(window, {})
    with pytest.raises(ValueError, match="before the cursor"):
        counters.add(window, {})


def test_a_long_outage_is_caught_up_in_pieces() -> None:
    counters = WindowedCounters(lag=300, step=60, longest=3600)
    counters.add(Window(0, 60), {})
    window = counters.next(60 + 300 + 9000)
    assert window == Window(60, 3660)
    counters.add(window, {})
    assert counters.next(60 + 300 + 9000) == Window(3660, 7260)


def test_what_the_api_has_forgotten_is_skipped() -> None:
    counters = WindowedCounters(lag=0, step=60, keeps=86400)
    counters.add(Window(0, 60), {})
    window = counters.next(10 * 86400)
    assert window is not None
    assert window.start == 9 * 86400


def test_a_clock_that_is_set_back_waits() -> None:
    counters = WindowedCounters(lag=0, step=60)
    counters.add(Window(540, 600), {})
    assert counters.next(300) is None
    assert counters.next(600) is None
    assert counters.next(660) == Window(600, 660)


def test_known_series_start_at_zero_and_keep_what_they_have() -> None:
    counters = WindowedCounters(lag=0, step=60)
    counters.known(EVENTS)
    assert counters.collected().families == {EVENTS: {(): 0.0}}
    counters.add(Window(540, 600), {EVENTS: {(): 3.0}})
    counters.known(EVENTS)
    assert counters.collected().families == {EVENTS: {(): 3.0}}


def test_windows_in_the_words_of_the_api() -> None:
    window = Window(1795168800, 1795168860)
    assert (window.start_text, window.end_text) == ("2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z")
