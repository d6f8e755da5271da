"""Whatever fails, is delayed, restarted or set back: every event is counted once, and no counter decreases."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.engine.families import Collected, Family, Samples
from exporter.engine.runner import Runner
from exporter.engine.source import Source, SourceError
from exporter.engine.state import Conflict, Entry, MemoryStore, StateError
from exporter.engine.windows import Window, WindowedCounters

EVENTS = Family("events_total", "counter", "Events.")
BY_NAME = Family("named_total", "counter", "Events by name.", ("name",))


def counters(
    store: MemoryStore | None = None,
    *families: Family,
    lag: int = 0,
    step: int = 60,
    longest: int = 3600,
    keeps: int = 86400,
    most: int = 10_000,
) -> WindowedCounters:
    subject = WindowedCounters(
        "k", families or (EVENTS,), lag=lag, step=step, longest=longest, keeps=keeps, most=most
    )
    subject.store = store or MemoryStore()
    return subject


T = TypeVar("T")


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # StopIteration does not say of what type its value is
    raise AssertionError("it waits")


class FaultyStore(MemoryStore):
    """Fails as it is told: before anything happens, or after it has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.fault = ""

    async def read(self, key: str) -> Entry | None:
        if self.fault == "before":
            raise StateError("out of reach")
        return await super().read(key)

    async def write(self, key: str, value: bytes, version: int) -> int:
        if self.fault == "before":
            raise StateError("out of reach")
        written = await super().write(key, value, version)
        if self.fault == "after":
            raise StateError("the answer was lost")
        return written


class Exporters(RuleBasedStateMachine):
    """Two exporters with clocks of their own ask one API and share one store. Events arrive up to LAG late."""

    LAG, STEP, KEEPS = 30, 10, 20_000  # longer than all waiting; a clock may be so far off

    @initialize(skews=st.tuples(st.integers(-400, 400), st.integers(-400, 400)))
    def begin(self, skews: tuple[int, int]) -> None:
        self.now = 10**6  # by the API's clock, which is the truth
        self.skews = list(skews)
        self.store = FaultyStore()
        self.events: list[tuple[int, int]] = []  # when it was, when the API has it
        self.asked: set[tuple[int, int]] = set()
        self.exporters = [self._new(), self._new()]
        self.knows_time = [False, False]  # by the Date of an answer
        self.shown = [0.0, 0.0]

    def _new(self) -> WindowedCounters:
        return counters(self.store, lag=self.LAG, step=self.STEP, longest=100, keeps=self.KEEPS)

    @rule(ages=st.lists(st.integers(0, 60), max_size=5), late=st.integers(0, LAG))
    def happen(self, ages: list[int], late: int) -> None:
        self.now += max(ages, default=0)
        self.events += [
            (self.now - age, self.now - age + late) for age in ages if age + late <= self.LAG and age <= late
        ]

    @rule(seconds=st.integers(0, 300))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(which=st.integers(0, 1), seconds=st.integers(-2000, 2000) | st.integers(KEEPS - 1000, KEEPS))
    def step_the_clock(self, which: int, seconds: int) -> None:
        self.skews[which] += seconds

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        self.exporters[which], self.knows_time[which] = self._new(), False

    @rule(
        which=st.integers(0, 1), fault=st.sampled_from(["", "", "", "no answer", "before", "after", "killed"])
    )
    def collect(self, which: int, fault: str) -> None:
        done(self._collect(which, fault, interleaved=False))

    @rule(first=st.integers(0, 1))
    def both_believe_that_they_lead(self, first: int) -> None:
        done(self._collect(first, "", interleaved=True))

    async def _collect(self, which: int, fault: str, *, interleaved: bool) -> None:
        subject = self.exporters[which]
        clock = self.now + (0 if self.knows_time[which] else self.skews[which])
        self.store.fault = "before" if fault == "before" else ""
        try:
            window = await subject.next(clock, sure=self.knows_time[which])
            if window is None or fault == "no answer":
                return
            seen = [at for at, arrived in self.events if arrived <= self.now]
            sums: dict[Family, Samples] = {
                EVENTS: {(): float(sum(window.start <= at < window.end for at in seen))}
            }
            self.knows_time[which] = True
            if fault == "killed":
                self.kill(which)
                return
            if interleaved:
                await self._collect(1 - which, "", interleaved=False)
            self.store.fault = fault
            await subject.add(window, sums, as_of=self.now)
        except StateError:
            assert fault in ("before", "after")
            return
        finally:
            self.store.fault = ""
        self._scrape(which)

    def _scrape(self, which: int) -> None:
        value = self.exporters[which].values.get(EVENTS, {}).get((), 0.0)
        assert value >= self.shown[which], "a counter decreased"
        self.shown[which] = value

    @precondition(lambda self: hasattr(self, "store"))
    @invariant()
    def what_is_stored_is_the_truth(self) -> None:
        stored = self._new()
        done(stored.next(self.now))
        if stored.cursor is None:
            return
        assert stored.begun is not None
        assert stored.cursor <= self.now - self.LAG
        truth = sum(stored.begun <= at < stored.cursor for at, _ in self.events)
        assert stored.values.get(EVENTS, {}).get((), 0.0) == truth

    def teardown(self) -> None:
        """However it went, the cursor gets to the present."""
        if not hasattr(self, "store"):
            return
        self.now += 100
        self.skews[0] = 0
        for _ in range(2000):
            done(self._collect(0, "", interleaved=False))
            cursor = self.exporters[0].cursor
            if cursor is not None and cursor > self.now - self.LAG - self.STEP:
                break
        else:
            raise AssertionError(f"the cursor stays at {cursor}")
        self.what_is_stored_is_the_truth()


Exporters.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestExporters: Any = Exporters.TestCase


async def test_a_window_is_not_added_twice() -> None:
    subject = counters()
    window = await subject.next(600)
    assert window == Window(540, 600)
    assert await subject.add(window, {})
    with pytest.raises(ValueError, match="before the cursor"):
        await subject.add(window, {})


async def test_a_restart_goes_on_where_the_last_process_ended() -> None:
    store = MemoryStore()
    first = counters(store, EVENTS, BY_NAME)
    await first.next(600)
    await first.add(Window(540, 600), {EVENTS: {(): 0.1}, BY_NAME: {('ü,"\n',): 2.0}})
    second = counters(store, EVENTS, BY_NAME)
    assert await second.next(700) == Window(600, 660)
    await second.add(Window(600, 660), {EVENTS: {(): 0.2}})
    third = counters(store, EVENTS, BY_NAME)
    assert await third.next(700) is None
    assert third.collected().families == {EVENTS: {(): 0.1 + 0.2}, BY_NAME: {('ü,"\n',): 2.0}}
    assert (third.begun, third.cursor) == (540, 660)


async def test_what_another_exporter_has_counted_is_taken_from_it() -> None:
    store = MemoryStore()
    one, other = counters(store), counters(store)
    window = await one.next(600)
    assert window == await other.next(600)
    assert window is not None
    assert await one.add(window, {EVENTS: {(): 3.0}})
    assert not await other.add(window, {EVENTS: {(): 3.0}})
    assert other.values == one.values
    assert await other.next(660) == Window(600, 660)


async def test_a_clock_that_is_ahead_of_the_apis_counts_nothing_too_early() -> None:
    subject = counters(lag=30)
    window = await subject.next(1000 + 500)
    assert window is not None
    assert not await subject.add(window, {EVENTS: {(): 1.0}}, as_of=1000)
    assert subject.cursor is None
    assert subject.values == {}


async def test_a_long_outage_is_caught_up_in_pieces() -> None:
    subject = counters(lag=300)
    await subject.next(0)
    await subject.add(Window(0, 60), {})
    window = await subject.next(60 + 300 + 9000)
    assert window == Window(60, 3660)
    await subject.add(window, {})
    assert await subject.next(60 + 300 + 9000) == Window(3660, 7260)


async def test_what_the_api_has_forgotten_is_skipped() -> None:
    subject = counters(keeps=86400)
    await subject.next(0)
    await subject.add(Window(0, 60), {})
    window = await subject.next(10 * 86400)
    assert window is not None
    assert window.start == 9 * 86400


async def test_what_a_clock_that_is_ahead_holds_for_forgotten_is_asked_for() -> None:
    store, hour = MemoryStore(), 3600
    before = counters(store, keeps=24 * hour)
    await before.next(0)
    await before.add(Window(0, 60), {})
    restarted = counters(store, keeps=24 * hour)
    now = 6 * hour
    window = await restarted.next(now + 20 * hour, sure=False)
    assert window == Window(60, 60 + hour)
    assert await restarted.add(window, {}, as_of=now)
    assert await restarted.next(now) == Window(60 + hour, 60 + 2 * hour)


async def test_a_clock_that_is_set_back_waits() -> None:
    subject = counters()
    await subject.next(600)
    await subject.add(Window(540, 600), {})
    assert await subject.next(300) is None
    assert await subject.next(600) is None
    assert await subject.next(660) == Window(600, 660)


NO_COUNTS = (-1, -0.5, math.nan, math.inf, -math.inf, 10**400, True, "77", None)


@pytest.mark.parametrize("bad", NO_COUNTS, ids=lambda bad: f"{bad!r:.9}")
async def test_what_is_no_count_is_refused_before_anything_is_changed(bad: Any) -> None:
    store = MemoryStore()
    subject = counters(store, EVENTS, BY_NAME)
    await subject.next(600)
    await subject.add(Window(540, 600), {EVENTS: {(): 3.0}, BY_NAME: {("a",): 1.0}})
    before = await store.read("k")
    window = await subject.next(660)
    assert window is not None
    with pytest.raises(SourceError, match="named_total is a counter") as told:
        await subject.add(window, {EVENTS: {(): 2.0}, BY_NAME: {("a",): 1.0, ("b",): bad}})
    assert told.value.reason == "parse"
    assert await store.read("k") == before
    assert subject.collected().families == {EVENTS: {(): 3.0}, BY_NAME: {("a",): 1.0}}
    assert await subject.next(660) == window, "it is asked for again"
    assert await subject.add(window, {EVENTS: {(): 2.0}})
    assert subject.values[EVENTS] == {(): 5.0}


@pytest.mark.parametrize("grows", [math.nextafter(2.0**64, math.inf), 2**64 + 1, 1e308])
async def test_a_sum_that_would_hide_all_that_comes_after_it_is_refused(grows: float) -> None:
    had, store = 2.0**60, MemoryStore()  # bytes add up to more than 2^53, and go on to
    subject = counters(store)
    await subject.next(600)
    await subject.add(Window(540, 600), {EVENTS: {(): had}})
    with pytest.raises(SourceError, match=r"events_total is a counter.*from 0 to 2\^64; scale") as told:
        await subject.add(Window(600, 660), {EVENTS: {(): grows}})
    assert told.value.reason == "parse"
    restarted = counters(store)
    assert await restarted.next(660) == Window(600, 660)
    assert restarted.values == {EVENTS: {(): had}}


async def test_what_can_be_counted_in_64_bits_is_added_and_seen_on_top_of_much() -> None:
    subject = counters()
    for number, (grows, has) in enumerate(
        [(2.0**60, 2**60), (1000.0, 2**60 + 1024), (2**64 - 1, 2**60 + 2**64), (2.0**64, 2**60 + 2**65)]
    ):
        window = await subject.next(600 + 60 * number)
        assert window is not None
        assert await subject.add(window, {EVENTS: {(): grows}})
        assert subject.values[EVENTS][()] == has
    assert subject.cursor == 780


async def test_known_series_start_at_zero_and_keep_what_they_have() -> None:
    subject = counters()
    subject.known(EVENTS)
    assert subject.collected().families == {EVENTS: {(): 0.0}}
    await subject.next(600)
    await subject.add(Window(540, 600), {EVENTS: {(): 3.0}})
    assert subject.collected().families == {EVENTS: {(): 3.0}}


async def test_counters_tell_when_they_began_restarts_included() -> None:
    store = MemoryStore()
    subject = counters(store, EVENTS, BY_NAME)
    subject.known(EVENTS)
    assert subject.collected().created == {}, "nothing is counted yet"
    await subject.next(600)
    await subject.add(Window(540, 600), {BY_NAME: {("a",): 1.0}})
    restarted = counters(store, EVENTS, BY_NAME)
    restarted.known(EVENTS)
    await restarted.next(700)
    assert restarted.collected().created == {EVENTS: {(): 540.0}, BY_NAME: {("a",): 540.0}}


async def test_what_is_gathered_in_other_is_counted_once() -> None:
    store = MemoryStore()
    one, late = counters(store, BY_NAME, most=3), counters(store, BY_NAME, most=3)
    many: Samples = {(f"name-{number}",): 1.0 for number in range(6)}
    for subject in (one, late):
        await subject.next(600)
    assert await one.add(Window(540, 600), {BY_NAME: many})
    assert one.collected().dropped == {BY_NAME: 4}
    assert one.collected().dropped == {}
    assert not await late.add(Window(540, 600), {BY_NAME: many})
    assert late.collected().dropped == {}, "another exporter counted that window"


async def test_series_stay_and_their_number_is_bounded() -> None:
    store, total, shown = MemoryStore(), 0.0, dict[str, float]()
    for minute in range(8):  # a restart each minute
        subject = counters(store, BY_NAME, most=5)
        window = await subject.next(600 + 60 * minute)
        assert window is not None
        names: Samples = {(f"name-{minute}-{number}",): 1.0 for number in range(2)}
        await subject.add(window, {BY_NAME: names})
        total += 2
        values = {labels[0]: value for labels, value in subject.collected().families[BY_NAME].items()}
        assert sum(values.values()) == total, "sums over the family stay right"
        assert len(values) <= 5
        assert all(values[name] >= value for name, value in shown.items())
        shown = values
    assert shown["other"] == total - 4


async def test_a_state_that_cannot_be_read_is_told_and_not_overwritten() -> None:
    store = MemoryStore()
    await store.write("k", b'{"format": 2}', 0)
    with pytest.raises(StateError, match="cannot be read") as told:
        await counters(store).next(600)
    assert "remove it" in told.value.remedy
    assert (await store.read("k")) == Entry(b'{"format": 2}', 1)


async def test_memory_refuses_what_somebody_else_has_written() -> None:
    store = MemoryStore()
    assert await store.write("k", b"1", 0) == 1
    for version in (0, 2):
        with pytest.raises(Conflict):
            await store.write("k", b"2", version)


class HangingStore(MemoryStore):
    """Never answers a read, or a write."""

    hangs = ""

    async def read(self, key: str) -> Entry | None:
        if self.hangs == "read":
            await asyncio.Event().wait()
        return await super().read(key)

    async def write(self, key: str, value: bytes, version: int) -> int:
        if self.hangs == "write":
            await asyncio.Event().wait()
        return await super().write(key, value, version)


@pytest.mark.parametrize("hangs", ["read", "write", "the API"])
async def test_a_state_that_hangs_is_told_from_an_api_that_hangs(hangs: str) -> None:
    store = HangingStore()
    subject = counters(store)

    class Windowed(Source):
        now = 600.0

        async def collect(self) -> Collected:
            window = await subject.next(self.now)
            assert window is not None
            if store.hangs == "the API":
                await asyncio.Event().wait()
            await subject.add(window, {EVENTS: {(): 1.0}})
            return subject.collected()

    source = Windowed("s", every=60, timeout=0.1)
    runner = Runner(source, 100, lambda: None, lambda *_: None)
    store.hangs = hangs
    await runner.collect()
    assert runner.error is not None
    assert runner.error.reason == ("timeout" if hangs == "the API" else "state")
    store.hangs, source.now = "", 660.0
    for counted in (1.0, 2.0):
        await runner.collect()
        assert runner.error is None
        assert runner.data.families[EVENTS][()] == counted
        source.now += 60


def test_windows_in_the_words_of_the_api() -> None:
    window = Window(1795168800, 1795168860)
    assert (window.start_text, window.end_text) == ("2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z")
