"""What goes on from one exporter to the one that leads next, and from one platform file to the next."""

import asyncio
import json
import math
import time

import pytest

from exporter.engine.families import Collected
from exporter.engine.leader import SharedResult
from exporter.engine.result import Result, dump, load
from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.logs import Log
from exporter.sources.health import Health
from tests.support.logged import said
from tests.support.replicas import (
    COUNTER,
    GAUGE,
    GONE,
    Asked,
    Place,
    SharedStore,
    eventually,
    shared,
    written,
)
from tests.support.scripted import VALUE, Scripted, fine, running


async def _failed_before(store: SharedStore, spec: str) -> None:
    """Have a leader before, with this spec, be told to come back in ten minutes."""
    before, runner, leadership = shared("before", store, spec)
    before.broken, before.retry_after = True, 600.0
    await leadership.renew()
    entry = await store.read("result/probe")
    await runner.collect()
    await written(store, entry)


@pytest.mark.parametrize("changed", [False, True])
async def test_what_was_said_to_a_source_of_another_spec_is_no_reason_to_wait(changed: bool) -> None:
    """A URL that was corrected is asked at once, by a reload as by a restart."""
    place = Place()
    await _failed_before(SharedStore(place), "wrong")
    store = SharedStore(place)
    probe, runner, leadership = shared("after", store, "right" if changed else "wrong")
    place.until = 0.0
    await leadership.renew()
    await runner.collect()
    assert probe.asked == (["after"] if changed else [])
    assert (runner.error and runner.error.reason) == (None if changed else GONE)


@pytest.mark.parametrize("changed", [False, True])
async def test_who_takes_the_lead_heeds_what_the_leader_was_told_last(changed: bool) -> None:
    """Even if it was told after the follower had looked; but of another spec it is told without being heeded."""
    place = Place()
    store = SharedStore(place)
    probe, runner, leadership = shared("after", store, "right" if changed else "wrong")
    leadership._heard_until = math.inf
    await runner.collect()
    if changed:
        await _failed_before(SharedStore(place), "wrong")
        await runner.collect()
        assert runner.error is not None, "a follower tells it"
    else:
        await _failed_before(SharedStore(place), "wrong")
        assert runner.error is None
    place.until = 0.0
    await leadership.renew()
    assert leadership.role == "leader"
    await runner.collect()
    assert probe.asked == (["after"] if changed else [])


async def test_who_leads_again_heeds_what_was_told_to_the_leader_in_between() -> None:
    """It was frozen: its runner has looked neither when the lead was lost nor when it came back."""
    place = Place()
    store = SharedStore(place)
    probe, runner, leadership = shared("after", store)
    await leadership.renew()
    await runner.collect()
    await written(place.memory)
    leadership._leads_until, place.until = -math.inf, 0.0
    await _failed_before(SharedStore(place), "")
    place.until = 0.0
    await leadership.renew()
    assert leadership.role == "leader"
    await runner.collect()
    assert probe.asked == ["after"]
    assert runner.error is not None


async def test_who_takes_the_lead_does_not_go_on_with_what_another_spec_showed() -> None:
    place, seen = Place(), list[str | None]()
    before, asking, led = shared("before", SharedStore(place), "old")
    probe, runner, leadership = shared("after", SharedStore(place), "new")
    await led.renew()
    await asking.collect()
    leadership._heard_until = math.inf
    await written(place.memory)
    await runner.collect()
    assert (before.asked, runner.runs) == (["before"], 1)
    assert runner.data.families, "a follower shows what there is"
    probe.broken, place.until = True, 0.0
    await leadership.renew()
    runner.on_change = lambda: seen.append(runner.failing.reason if runner.failing else None)
    await runner.collect()
    assert seen == [None, GONE], "nothing is wrong while it asks"
    assert not runner.data.families
    assert [runner.last_success, runner.error and runner.error.reason] == [None, GONE]


async def test_who_loses_the_lead_while_it_asks_heeds_what_it_is_told_and_tells_it() -> None:
    store = SharedStore(Place())
    probe, runner, leadership = shared("me", store)
    told = asyncio.Event()

    async def slow_down() -> Collected:
        leadership._leads_until, leadership._heard_until = -math.inf, math.inf
        told.set()
        raise SourceError("rate_limited", "slow down", retry_after=100.0)

    probe.collect = slow_down  # type: ignore[method-assign]
    await leadership.renew()
    await runner.collect()
    assert told.is_set()
    await written(store)
    entry = await store.read("result/probe")
    assert entry is not None
    assert load(entry.value).wait > 50
    told.clear()
    for heard_until in (math.inf, -math.inf):  # follows, and is alone
        leadership._heard_until = heard_until
        await runner.collect()
    assert leadership.role == "alone"
    assert not told.is_set(), "not asked again"


@pytest.mark.parametrize("changed", [False, True])
async def test_who_takes_the_lead_looks_at_once_and_asks_no_sooner_for_that(changed: bool) -> None:
    """What the leader before found out at an old URL is not shown until the next interval, which may be long."""
    place, data = Place(), Collected()
    data.set(GAUGE, 1, "probe", "before")
    before, _, _ = shared("before", SharedStore(place), "old")
    probe, runner, leadership = shared("after", SharedStore(place), "new" if changed else "old")
    probe.every = leadership.store.lease = 600.0
    found = Result(data, time.time() - 300, age=300.0, asked=300.0, spec=before.fingerprint)
    await place.memory.write("result/probe", dump(found), 0)
    place.until = math.inf
    await leadership.renew()
    assert leadership.role == "follower"
    runner.task = asyncio.create_task(runner.run())
    try:
        await eventually(lambda: (runner.due or 0) > time.time() + 400)
        assert runner.data.families, "a follower shows what there is"
        place.until = 0.0
        await leadership.renew()
        if changed:
            await eventually(lambda: probe.asked)
        else:
            await eventually(lambda: (runner.due or 0) < time.time() + 400)
            assert (runner.due or 0) > time.time() + 200, "an interval after it was asked"
            assert probe.asked == []
    finally:
        runner.task.cancel()


async def test_the_log_says_that_a_source_is_well_that_a_reload_has_mended(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Log, "least", 20)
    probe, still, well = (Asked("probe", "me", []) for _ in range(3))
    probe.broken = still.broken = True
    async with running(probe) as scheduler:
        await eventually(lambda: scheduler.runners["probe"].failures_in_a_row >= 2)
        for spec, changed in (("first", still), ("second", well)):
            changed.spec = spec
            scheduler.start([changed], await scheduler.stop(["probe"]))
            await eventually(lambda: scheduler.runners["probe"].runs)
    lines = [json.loads(line) for line in said(capfd).splitlines()]
    assert [line["action"] for line in lines] == ["source.failed", "source.failed", "source.recovered"]
    assert lines[-1]["failures"] >= 1


async def test_what_a_source_said_outlives_a_reload_that_changes_nothing_of_what_is_asked() -> None:
    """A title, or how often: what the vendor asked for holds on, and the series stay."""
    before, after, other = (Asked("probe", who, []) for who in ("before", "after", "other"))
    before.spec, after.spec = (
        Health.model_validate({"url": "https://a.example/", "title": title, "every": every})
        for title, every in (("A", "30s"), ("B", "1m"))
    )
    other.spec = Health.model_validate({"url": "https://b.example/", "title": "A"})
    assert before.fingerprint == after.fingerprint != other.fingerprint
    async with running(before) as scheduler:
        await eventually(lambda: before.asked)
        before.broken, before.retry_after = True, 100.0
        await eventually(lambda: scheduler.runners["probe"].error)
        scheduler.start([after], await scheduler.stop(["probe"]))
        runner = scheduler.runners["probe"]
        assert runner.data.families[GAUGE] == {("probe", "before"): 1.0}
        await eventually(lambda: runner.runs)
        assert runner.failing is not None
        assert runner.failing.reason == GONE
        assert runner.failures[GONE] == 1
        assert (runner.due or 0) > time.time() + 50
        scheduler.start([other], await scheduler.stop(["probe"]))
        await eventually(lambda: other.asked)
    assert after.asked == []


@pytest.mark.parametrize("leads", [True, False])
async def test_what_the_api_asked_for_outlives_a_reload_though_the_state_was_not_told(leads: bool) -> None:
    """It was away: the counters that it has are older than that, and are shown all the same."""
    store, counted = SharedStore(Place()), Collected()
    probe, before, leadership = shared("me", store)
    counted.set(COUNTER, 7, "probe")
    known = Result(counted, time.time() - 60, age=60.0, asked=60.0)
    await store.write("result/probe", dump(known), 0)
    await leadership.renew()
    store.cut_off = True
    probe.every, probe.broken, probe.retry_after = 60.0, True, 600.0
    await before.collect()
    assert before.shared is not None
    await before.shared.close()
    after = Runner(probe, 100, lambda: None, lambda *_: None)
    after.shared = SharedResult("probe", leadership)
    after.succeed(before)
    store.cut_off = False
    if not leads:
        leadership._leads_until, leadership._heard_until = -math.inf, math.inf
        await after.collect()
        assert after.data.families == counted.families
        assert (after.failing and after.failing.reason) == GONE
    store.place.until = 0.0
    await leadership.renew()
    await after.collect()
    assert leadership.role == "leader"
    assert after.data.families == counted.families
    assert (probe.failed, after.failing and after.failing.reason, after.failures_in_a_row) == (1, GONE, 1)
    assert after._wait(time.monotonic()) > 500


async def test_who_loses_to_an_exporter_of_another_spec_does_not_show_what_that_one_counted() -> None:
    """Two believe that they lead, with two platform files."""
    store, shown = SharedStore(Place()), list[float]()
    probe, runner, leadership = shared("me", store, "mine")
    probe.counts = True
    other = Collected()
    other.set(COUNTER, 1000, "probe")
    leadership._leads_until = math.inf
    for lost in (False, True, False):
        if lost:
            entry = await store.read("result/probe")
            assert entry is not None
            await store.write("result/probe", dump(Result(other, time.time(), spec="other")), entry.version)
        await runner.collect()
        assert runner.failing is None
        shown.append(runner.data.families[COUNTER]["probe",])
    assert shown == [1, 1, 3]


async def test_a_scrape_during_a_reload_finds_what_is_still_asked() -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(any(VALUE in collected.families for collected in scheduler.gather()))

    class Closing(Scripted):
        async def close(self) -> None:
            look()

    async with running(Closing("s", fine)) as scheduler:
        await eventually(lambda: scheduler.runners["s"].runs)
        scheduler.start([Scripted("s", fine)], await scheduler.stop(["s"]))
        look()
    assert seen == [True, True]
