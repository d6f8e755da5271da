"""A source that hangs, raises or returns rubbish harms nothing but itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from exporter.engine import deadline
from exporter.engine import freshness as engine
from exporter.engine import scheduler as scheduler_module
from exporter.engine.families import Collected, Family, Samples
from exporter.engine.result import Result
from exporter.engine.runner import Runner
from exporter.engine.scheduler import Scheduler
from exporter.engine.source import REASONS, SourceError
from exporter.logs import Log
from tests.support.logged import said
from tests.support.scripted import ALIVE, VALUE, Scripted, fine, running


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


async def test_a_source_that_cannot_say_that_it_is_down_harms_no_page() -> None:
    class Mute(Scripted):
        def down(self) -> Collected:
            raise ZeroDivisionError("no good")

    async with running(Mute("mute", broken)) as scheduler:
        runner = scheduler.runners["mute"]
        await eventually(lambda: runner.error is not None)
        assert shown(runner)[engine.UP] == {("mute",): 0.0}


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

    source, after = (Scripted("clings", cling_for_long, timeout=0.05) for _ in range(2))
    async with running(source) as scheduler:
        runner = scheduler.runners["clings"]
        await eventually(lambda: runner.failures["timeout"] >= 3)
        assert (source.most, source.runs) == (1, 0)
        scheduler.start([after], await scheduler.stop(["clings"]))
        runner = scheduler.runners["clings"]
        await eventually(lambda: runner.failures["timeout"] >= 5)
        alive = source.running, after.most
        free.set()
        assert alive == (1, 0), "nor by a reload"
        await eventually(lambda: runner.error is None and after.runs >= 2)


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


async def test_a_reload_that_adds_a_source_takes_nothing_back_even_if_there_was_none() -> None:
    async with running() as scheduler:
        scheduler.gather()
        scheduler.published()
        assert scheduler.waiting == []
        scheduler.start([Scripted("hangs", hang, timeout=60)])
        assert scheduler.waiting == []


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


@pytest.mark.parametrize("close", [hang, cling, broken])
async def test_a_source_that_cannot_be_closed_holds_up_no_reload(
    close: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Held(Scripted):
        async def close(self) -> None:
            if not self.closed:
                self.closed = True
                await close()

    monkeypatch.setattr(Log, "least", 30)
    monkeypatch.setattr(scheduler_module, "_CLOSING", 0.05)
    good = Scripted("good", fine)
    async with running(Held("held", fine), good) as scheduler:
        await eventually(lambda: good.runs > 0)
        async with asyncio.timeout(10):
            before = await scheduler.stop(["held", "good"])
        assert not scheduler.runners
        assert good.closed
        scheduler.start([Scripted("held", fine)], before)
        await eventually(lambda: scheduler.runners["held"].runs > 0)
    assert '"source.not_closed", "source": "held"' in said(capfd)


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
    assert runner._held_until - time.monotonic() == pytest.approx(3600, abs=10)


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


async def test_no_scrape_has_a_source_asked_that_wants_to_be_left_alone() -> None:
    class Reserved(Scripted):
        async def collect(self) -> Collected:
            out = await super().collect()
            out.wait = 600
            return out

    source = Reserved("s", fine, every=10)
    source.phase_lock = True
    async with running(source) as scheduler:
        now = time.monotonic()
        for ago in (30, 15, 0):
            scheduler.cadence.seen("prometheus", now - ago)
        runner = scheduler.runners["s"]
        await eventually(lambda: runner.runs > 0)
        assert runner.due == pytest.approx(time.time() + 600, abs=60)


async def test_a_source_that_fails_is_asked_at_once_after_a_reload() -> None:
    """Unlike one that said when it may be asked again: what was wrong may just have been mended."""
    before, after = (
        Runner(Scripted("s", work, every=60), 10, lambda: None, lambda *_: None) for work in (broken, fine)
    )
    await before.collect()
    after.succeed(before)
    assert after.error is not None
    await after.collect()
    assert after.error is None


async def test_how_long_a_collection_took_does_not_move_the_next() -> None:
    runner = Runner(Scripted("s", lambda: asyncio.sleep(0.05), every=0.2), 10, lambda: None, lambda *_: None)
    asked = time.monotonic()
    await runner.collect()
    assert runner._wait(asked) == 0.2
