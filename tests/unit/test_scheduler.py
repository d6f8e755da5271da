"""A source that hangs, raises or returns rubbish harms nothing but itself."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from exporter.engine import deadline
from exporter.engine import freshness as engine
from exporter.engine.families import Collected, Exemplar, Family, Samples
from exporter.engine.result import Result
from exporter.engine.runner import Runner
from exporter.engine.scheduler import Scheduler
from exporter.engine.snapshot import SnapshotPublisher
from exporter.engine.source import REASONS, Source, SourceError
from exporter.logs import Log
from tests.support.logged import said

VALUE = Family("value", "gauge", "A value.", ("source",))
EVENTS = Family("events_total", "counter", "Events.", ("kind",))
ALIVE = Family("alive", "gauge", "Whether it answers.", ("source",))


class Scripted(Source):
    """Does what `work` says."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], *, every: float = 0.05, timeout: float = 0.2
    ) -> None:
        super().__init__(name, every=every, timeout=timeout)
        self.work = work
        self.running = self.most = self.runs = 0
        self.closed = False

    async def collect(self) -> Collected:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.work()
        finally:
            self.running -= 1
        self.runs += 1
        out = Collected()
        out.set(VALUE, self.runs, self.name)
        out.set(ALIVE, 1, self.name)
        return out

    def down(self) -> Collected:
        out = Collected()
        out.set(ALIVE, 0, self.name)
        return out

    async def close(self) -> None:
        self.closed = True


async def fine() -> None:
    pass


async def hang() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ZeroDivisionError("no good")


async def cling() -> None:
    """Ignore the first interruption."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()


@asynccontextmanager
async def running(*sources: Source) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(max_series_per_family=1000, on_change=lambda: None, on_drop=lambda *_: None)
    scheduler.start(sources)
    try:
        yield scheduler
    finally:
        await scheduler.stop(scheduler.runners)


def shown(runner: Runner) -> dict[Family, Samples]:
    out: dict[Family, Samples] = {}
    for part in runner.snapshot():
        out.update(part.families)
    return out


async def test_sources_that_hang_or_break_do_not_delay_the_others() -> None:
    good = Scripted("good", fine)
    async with running(good, Scripted("hangs", hang), Scripted("breaks", broken)) as scheduler:
        hung, broke = scheduler.runners["hangs"], scheduler.runners["breaks"]
        await eventually(lambda: good.runs >= 8 and hung.failures["timeout"] >= 2 and bool(broke.error))
    assert hung.error is not None
    assert hung.error.reason == "timeout"
    assert broke.error is not None
    assert broke.error.reason == "internal"
    assert shown(broke)[engine.FAILING] == {("breaks", "internal"): 1.0}
    assert shown(broke)[ALIVE] == {("breaks",): 0.0}
    assert VALUE not in shown(broke)


async def test_never_two_runs_of_one_source_at_once() -> None:
    slow = Scripted("slow", lambda: asyncio.sleep(0.12), every=0.02, timeout=0.5)
    async with running(slow):
        await eventually(lambda: slow.runs >= 3)
    assert slow.most == 1


async def test_none_is_begun_beside_one_that_clings_for_longer_than_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "_GIVE_UP_AFTER", deadline._CANCEL_EVERY)
    free = asyncio.Event()

    async def cling_for_long() -> None:
        while not free.is_set():
            with suppress(asyncio.CancelledError):
                await free.wait()

    source = Scripted("clings", cling_for_long, timeout=0.05)
    async with running(source) as scheduler:
        runner = scheduler.runners["clings"]
        await eventually(lambda: runner.failures["timeout"] >= 3)
        assert (source.most, source.runs) == (1, 0)
        free.set()
        await eventually(lambda: runner.error is None and source.runs >= 2)


async def test_a_defect_of_the_engine_is_a_failure_and_the_source_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoilt = iter([True])
    shown = Runner._show

    def show(runner: Runner, result: Result) -> None:
        if next(spoilt, False):
            raise AttributeError("spoilt")
        shown(runner, result)

    monkeypatch.setattr(Runner, "_show", show)
    source = Scripted("good", fine)
    async with running(source) as scheduler:
        runner = scheduler.runners["good"]
        await eventually(lambda: runner.failures["internal"] == 1)
        await eventually(lambda: runner.error is None and source.runs >= 2)


async def test_a_source_is_waited_for_until_it_is_shown() -> None:
    """A scrape right after the exporter says that it is ready must find it."""
    scheduler = Scheduler(max_series_per_family=100, on_change=lambda: None, on_drop=lambda *_: None)
    scheduler.start([Scripted("s", fine)])
    scheduler.gather()
    await eventually(lambda: scheduler.runners["s"].runs >= 1)
    scheduler.published()
    assert scheduler.waiting == ["s"], "gathered before it was asked"
    scheduler.gather()
    assert scheduler.waiting == ["s"], "not rendered yet"
    scheduler.published()
    assert scheduler.waiting == []
    await scheduler.stop(["s"])


async def test_a_source_that_clings_is_interrupted_again() -> None:
    source = Scripted("clings", cling, timeout=0.1)
    async with running(source) as scheduler:
        await eventually(lambda: scheduler.runners["clings"].failures["timeout"] >= 1)
    assert source.most == 1


async def test_stopping_interrupts_what_is_running_and_closes() -> None:
    source = Scripted("hangs", hang, timeout=60)
    async with running(source):
        await asyncio.sleep(0.1)
        started = time.perf_counter()
    assert time.perf_counter() - started < 1
    assert source.closed


async def test_data_that_are_too_old_are_withdrawn_and_their_state_stays() -> None:
    source = Scripted("s", fine, every=0.3, timeout=0.3)
    async with running(source) as scheduler:
        runner = scheduler.runners["s"]
        await eventually(lambda: source.runs >= 1)
        assert shown(runner)[VALUE]
        source.work = broken
        await eventually(lambda: runner.error is not None)
        assert shown(runner)[VALUE], "still young enough"
        assert shown(runner)[ALIVE] == {("s",): 0.0}
        await eventually(lambda: VALUE not in shown(runner))
        assert shown(runner)[ALIVE] == {("s",): 0.0}
        assert shown(runner)[engine.LAST_SUCCESS][("s",)] == pytest.approx(time.time(), abs=10)


async def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is so; a busy machine takes longer."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # conditions of other tasks, no event of ours
            await asyncio.sleep(0.01)


async def test_failing_sources_are_asked_less_often_and_recover() -> None:
    source, control = Scripted("s", broken, every=0.02), Scripted("control", fine, every=0.02)
    async with running(source, control) as scheduler:
        runner = scheduler.runners["s"]
        await eventually(lambda: control.runs >= 40)
        assert 4 <= runner.failures["internal"] <= 25, "about every fourth time"
        source.work = fine
        await eventually(lambda: runner.error is None and source.runs >= 5)


async def test_retry_after_is_honoured() -> None:
    asked: list[float] = []

    async def limited() -> None:
        asked.append(time.monotonic())
        raise SourceError("rate_limited", "slow down", retry_after=0.4)

    async with running(Scripted("s", limited, every=0.02)):
        await eventually(lambda: len(asked) >= 3)
    assert asked[1] - asked[0] >= 0.39
    assert asked[2] - asked[1] >= 0.39


async def test_failures_start_at_zero_for_every_reason() -> None:
    async with running(Scripted("s", fine)) as scheduler:
        failures = shown(scheduler.runners["s"])[engine.FAILURES]
    assert {reason for _, reason in failures} == set(REASONS)
    assert set(failures.values()) == {0.0}


async def test_a_family_over_its_bound_is_cut_and_counted() -> None:
    class Wide(Scripted):
        async def collect(self) -> Collected:
            out = Collected()
            for number in range(50):
                out.set(VALUE, number, str(number))
            return out

    dropped: dict[str, int] = {}
    runner = Runner(
        Wide("wide", fine), 10, lambda: None, lambda family, count: dropped.update({family.name: count})
    )
    await runner.collect()
    assert len(runner.data) == 10
    assert dropped == {"value": 40}


async def test_a_series_that_two_sources_claim_is_shown_once_and_counted() -> None:
    one, two = Collected(), Collected()
    one.set(VALUE, 1, "same")
    two.set(VALUE, 2, "same")
    two.set(VALUE, 3, "other")
    publisher = SnapshotPublisher(lambda: [one, two], max_series=100)
    await publisher.publish()
    assert b'value{source="same"} 1.0\nvalue{source="other"} 3.0\n' in publisher.current.text
    assert b'platform_exporter_series_dropped_total{family="value"} 1.0' in publisher.current.text


async def test_the_overall_bound_holds() -> None:
    wide = Collected()
    for number in range(500):
        wide.set(VALUE, number, str(number))
    publisher = SnapshotPublisher(lambda: [wide], max_series=100)
    await publisher.publish()
    assert publisher.current.text.count(b"\nvalue{") == 100
    assert b'platform_exporter_series_dropped_total{family="value"} 400.0' in publisher.current.text


async def test_the_overall_bound_cuts_what_is_largest_and_nothing_of_our_own() -> None:
    def said(name: str, count: int) -> Collected:
        out = Collected()
        for number in range(count):
            out.set(VALUE, number, f"{name} {number}")
        out.set(ALIVE, 1, name)
        out.set(engine.UP, 1, name)
        return out

    parts = [said("explodes", 500), *(said(f"source {number}", 5) for number in range(10))]
    publisher = SnapshotPublisher(lambda: parts, max_series=100, unbounded=engine.FAMILIES)
    await publisher.publish()
    text = publisher.current.text
    assert text.count(b'\nvalue{source="explodes') == 100 - 10 * 5 - 11
    assert text.count(b'\nvalue{source="source') == 50
    assert text.count(b"\nalive{") == text.count(b"\nplatform_exporter_source_up{") == 11
    shown = {line.rsplit(b" ", 1)[0] for line in text.splitlines() if line.startswith(b"value{")}
    parts[0].families[VALUE] = dict(reversed(parts[0].families[VALUE].items()))
    await publisher.publish()
    lines = publisher.current.text.splitlines()
    assert {line.rsplit(b" ", 1)[0] for line in lines if line.startswith(b"value{")} == shown, "the same stay"


async def test_an_overall_bound_below_the_number_of_families_is_used_up() -> None:
    parts = [Collected() for _ in range(20)]
    for number, part in enumerate(parts):
        part.set(VALUE, number, str(number))
    publisher = SnapshotPublisher(lambda: parts, max_series=7)
    await publisher.publish()
    assert publisher.current.text.count(b"\nvalue{") == 7


async def test_the_overall_bound_leaves_histograms_whole() -> None:
    took = Family("took_seconds", "histogram", "Time.", ("path",))
    out = Collected()
    for path in "ab":
        out.observe(took, {0.1: 1, 1.0: 2, math.inf: 3}, 3.0, path)
    publisher = SnapshotPublisher(lambda: [out], max_series=7)
    await publisher.publish()
    assert publisher.current.text.count(b'path="a"') == 5
    assert b'path="b"' not in publisher.current.text
    assert publisher.dropped == {"took_seconds": 5}


async def test_what_is_beyond_the_overall_bound_is_counted_once_a_collection() -> None:
    def collected(count: int) -> Collected:
        out = Collected()
        for number in range(count):
            out.set(VALUE, number, str(number))
        return out

    now = collected(500)
    publisher = SnapshotPublisher(lambda: [now], max_series=100)
    for _ in range(5):
        await publisher.publish()
    assert publisher.dropped == {"value": 400}
    publisher.bound(50)
    await publisher.publish()
    assert publisher.dropped == {"value": 450}
    now = collected(200)
    await publisher.publish()
    assert publisher.dropped == {"value": 600}


async def test_what_a_source_gathers_itself_is_counted_too() -> None:
    class Gathering(Scripted):
        async def collect(self) -> Collected:
            out = await super().collect()
            out.dropped[VALUE] = 7
            return out

    dropped: list[tuple[str, int]] = []
    runner = Runner(
        Gathering("s", fine), 10, lambda: None, lambda family, count: dropped.append((family.name, count))
    )
    await runner.collect()
    assert dropped == [("value", 7)]


async def test_a_source_may_fill_the_same_again() -> None:
    class Reusing(Scripted):
        kept = Collected()

        async def collect(self) -> Collected:
            self.runs += 1
            self.kept.set(VALUE, self.runs, self.name)
            return self.kept

    runner = Runner(Reusing("s", fine), 10, lambda: None, lambda *_: None)
    publisher = SnapshotPublisher(runner.snapshot, max_series=100)
    for number in (1, 2):
        await runner.collect()
        await publisher.publish()
        assert f'value{{source="s"}} {number}.0\n'.encode() in publisher.current.text


async def test_the_circuit_opens_after_failures_and_closes_with_a_success() -> None:
    source = Scripted("s", broken)
    runner = Runner(source, 10, lambda: None, lambda *_: None)
    states = []
    for _ in range(5):
        await runner.collect()
        states.append(shown(runner)[engine.CIRCUIT_OPEN]["s",])
    assert states == [0, 0, 0, 1, 1]
    source.work = fine
    await runner.collect()
    assert shown(runner)[engine.CIRCUIT_OPEN]["s",] == 0
    assert runner._wait(time.monotonic()) == source.every


@pytest.mark.parametrize(
    "rubbish",
    [
        {("a", "b"): 1.0},
        {(1,): 1.0},
        {("\ud800",): 1.0},
        {("a",): 10**400},
        {("a",): "1"},
        {("a",): "x 1\nalive 2"},
        {("a",): [1]},
        {("a",): {}},
        {("a",): {1: 2}},
        {("a",): None},
    ],
)
async def test_what_cannot_be_written_is_left_out_and_the_others_are_shown(rubbish: Samples) -> None:
    good, bad = Collected(), Collected()
    good.set(ALIVE, 1, "good")
    bad.families[VALUE] = rubbish
    publisher = SnapshotPublisher(lambda: [good, bad], max_series=100)
    for _ in range(3):
        await publisher.publish()
        assert b'alive{source="good"} 1.0' in publisher.current.text
        assert b"\nvalue{" not in publisher.current.text
    assert publisher.dropped == {"value": 1}, "counted once, and looked for once"


async def test_true_and_false_are_numbers() -> None:
    out = Collected()
    out.families[VALUE] = {("yes",): True, ("no",): False}
    publisher = SnapshotPublisher(lambda: [out], max_series=100)
    await publisher.publish()
    assert b'value{source="yes"} 1.0\nvalue{source="no"} 0.0\n' in publisher.current.text


async def test_half_a_surrogate_becomes_a_question_mark() -> None:
    out = Collected()
    out.set(VALUE, 1, "a\ud800b")
    took = Family("took_seconds", "histogram", "Time.", ("route",))
    out.observe(took, {math.inf: 1}, 2.5, "/\udfff", exemplars={math.inf: Exemplar((("id", "\ud800"),), 1)})
    publisher = SnapshotPublisher(lambda: [out], max_series=100)
    await publisher.publish()
    assert b'value{source="a?b"} 1.0' in publisher.current.text
    assert b'took_seconds_sum{route="/?"} 2.5' in publisher.current.text
    assert b'# {id="?"} 1.0' in publisher.current.openmetrics


async def test_a_source_that_cancels_itself_fails_and_goes_on() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async with running(Scripted("s", cancelled, every=0.02)) as scheduler:
        await eventually(lambda: scheduler.runners["s"].failures["internal"] >= 2)


async def test_a_retry_after_without_end_is_not_believed() -> None:
    async def limited() -> None:
        raise SourceError("rate_limited", "slow down", retry_after=float("inf"))

    runner = Runner(Scripted("s", limited), 10, lambda: None, lambda *_: None)
    await runner.collect()
    assert runner._wait(time.monotonic()) == 3600


@pytest.mark.parametrize(("every", "longest"), [(5, 20), (15, 60), (60, 120), (300, 600), (900, 1800)])
async def test_the_wait_after_failures_grows_to_a_bound_for_every_tier(every: float, longest: float) -> None:
    runner = Runner(Scripted("s", broken, every=every), 10, lambda: None, lambda *_: None)
    for _ in range(12):
        await runner.collect()
    assert runner._wait(time.monotonic()) == longest


async def test_a_retry_after_that_is_over_leaves_the_circuit_as_it_is() -> None:
    async def limited() -> None:
        raise SourceError("rate_limited", "slow down", retry_after=0)

    runner = Runner(Scripted("s", limited, every=5), 10, lambda: None, lambda *_: None)
    for _ in range(12):
        await runner.collect()
    assert runner._wait(time.monotonic()) == 20


async def test_a_scrape_of_some_names_says_nothing_of_the_age_of_all() -> None:
    async with running(Scripted("s", fine, every=60)) as scheduler:
        await eventually(lambda: scheduler.runners["s"].runs > 0)
        scheduler.scraped("prometheus", whole=False)
        assert scheduler.runners["s"].served_age is None
        scheduler.scraped("prometheus")
        assert scheduler.runners["s"].served_age is not None


async def test_a_bound_can_change_while_sources_run() -> None:
    async with running(Scripted("s", fine)) as scheduler:
        scheduler.bound(7)
        assert scheduler.runners["s"].budget.most == 7


async def test_a_raised_bound_that_takes_a_restart_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Counting(Scripted):
        async def collect(self) -> Collected:
            out = Collected()
            for number in range(5):
                out.set(EVENTS, 1, str(number))
            return out

    monkeypatch.setattr(Log, "least", 30)
    async with running(Scripted("within", fine), Counting("beyond", fine)) as scheduler:
        scheduler.bound(3)
        await scheduler.runners["beyond"].collect()
        await scheduler.runners["within"].collect()
        said(capfd)
        scheduler.bound(2)
        assert said(capfd) == "", "lowered"
        scheduler.bound(10)
        line = json.loads(said(capfd))
        assert (line["action"], line["sources"]) == ("limits.other_stays", ["beyond"])
        assert line["remedy"].startswith("Restart the exporter")
        scheduler.bound(10)
        assert said(capfd) == "", "the same"


async def test_a_source_that_wants_to_be_left_alone_is_asked_as_soon_as_that_is_over() -> None:
    """Counted from the end of what it said, and no interval later: however late the runner looks at its clock."""

    class Reserved(Scripted):
        async def collect(self) -> Collected:
            out = await super().collect()
            out.wait = 0.3
            return out

    source = Reserved("s", lambda: asyncio.sleep(0.05), every=0.2)
    runner = Runner(source, 10, lambda: None, lambda *_: None)
    asked = time.monotonic()
    await runner.collect()
    over = runner._held_until
    assert asked + runner._wait(asked) == pytest.approx(over)
    assert over >= asked + 0.35
    woken = time.monotonic()
    await runner.collect()
    assert source.runs == 1
    await asyncio.sleep(max(0.0, over - time.monotonic()) + 0.01)
    assert woken + runner._wait(woken) == pytest.approx(over), "over meanwhile, and due now"
    source.work = broken
    asked = time.monotonic()
    await runner.collect()
    assert (source.runs, runner.failures["internal"]) == (1, 1)
    assert runner._wait(asked) == source.every


async def test_how_long_a_collection_took_does_not_move_the_next() -> None:
    runner = Runner(Scripted("s", lambda: asyncio.sleep(0.05), every=0.2), 10, lambda: None, lambda *_: None)
    asked = time.monotonic()
    await runner.collect()
    assert runner._wait(asked) == 0.2
