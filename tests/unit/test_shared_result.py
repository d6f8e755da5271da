"""What a follower takes from the leader's last result: when, for how long, and what it does not overwrite."""

import asyncio
import json
import math
import time

import pytest

from exporter.engine import freshness as engine
from exporter.engine.families import Collected
from exporter.engine.leader import Leadership, SharedResult
from exporter.engine.result import Result, dump, load
from exporter.engine.runner import Runner
from exporter.engine.source import SourceError
from exporter.logs import Log
from exporter.server.status import status
from tests.support.logged import said
from tests.support.replicas import (
    COUNTER,
    GAUGE,
    GONE,
    HANG,
    Asked,
    Exporter,
    Place,
    SharedStore,
    eventually,
    shared,
)
from tests.support.scripted import ALIVE

UNHEARD = {("probe", "state"): 1.0}


def told_in_the_log(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, str | None]]:
    """Return what was said of the probe since the last time: actions and reasons."""
    lines = [json.loads(line) for line in said(capfd).splitlines()]
    return [(line["action"], line.get("reason")) for line in lines if line.get("source") == "probe"]


@pytest.mark.parametrize("broken", [False, True])
async def test_what_the_leader_found_out_before_does_not_replace_what_we_did_since(broken: bool) -> None:
    """A state that was frozen holds the leader's last words until it speaks again."""
    store, since = SharedStore(Place()), time.monotonic()
    probe, runner, leadership = shared("me", store)
    probe.broken = broken

    async def leader_said(seconds_ago: float) -> None:
        data, entry = Collected(), await store.read("result/probe")
        data.set(GAUGE, 1, "probe", "leader")
        said = Result(data, time.time() - seconds_ago, age=seconds_ago, asked=seconds_ago)
        await store.write("result/probe", dump(said), entry.version if entry else 0)

    def known() -> list[object]:
        who = [labels[1] for labels in runner.data.families.get(GAUGE, {})]
        return [*who, runner.error and runner.error.reason]

    assert leadership.role == "alone"
    await runner.collect()
    mine = known()
    assert mine == ([GONE] if broken else ["me", None])
    leadership._heard_until = math.inf
    assert runner.shared is not None
    assert runner.shared.following
    for seconds_ago in (60.0, 30.0, time.monotonic() - since + 1):
        await leader_said(seconds_ago)
        await runner.collect()
        assert known() == mine
    for _ in range(2):
        await leader_said(0.0)
        await runner.collect()
        assert known() == ["leader", None]


async def test_what_is_too_old_is_withdrawn_while_the_state_hangs() -> None:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    withdrawn: list[float] = []
    async with (
        Exporter("one", place, asked).running() as one,
        Exporter("other", place, asked).running() as other,
    ):
        await eventually(other.who)
        runner = other.runner("probe")
        runner.on_change = lambda: None if runner.fresh else withdrawn.append(time.monotonic())
        other.leadership._heard_until, runs = math.inf, runner.runs
        await eventually(lambda: runner.runs > runs + 1)
        other.store.hangs, started = True, time.monotonic()
        withdrawn.clear()
        await eventually(lambda: withdrawn)
        assert withdrawn[0] - started < HANG, "the read that hangs was not waited for"
        assert one.who() == {"one"}


async def test_a_failure_is_not_told_for_ever_where_nobody_asks_any_more(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of two exporters the leader was given a platform file without the source already."""
    monkeypatch.setattr(Log, "least", 20)
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with (
        Exporter("one", place, asked).running() as one,
        Exporter("other", place, asked).running() as other,
    ):
        one.probe.broken = True
        one.probe.said.set(ALIVE, 0, "probe")
        await eventually(lambda: other.runner("probe").circuit_open)
        assert other.shown("probe", engine.FAILING) == {("probe", GONE): 1.0}
        assert other.shown("probe", ALIVE) == {("probe",): 0.0}
        await one.scheduler.stop(["probe"])
        said(capfd)
        await eventually(lambda: other.shown("probe", engine.FAILING) == UNHEARD)
        assert other.shown("probe", ALIVE) == {}, "nobody knows"
        assert other.shown("probe", engine.UP) == {("probe",): 0.0}
        assert not other.runner("probe").circuit_open
        told = status(other.runner("probe"))
        assert (told.state, told.error and told.error.reason) == ("stale", "state")
        runs = other.runner("probe").runs
        await eventually(lambda: other.runner("probe").runs > runs)
        assert told_in_the_log(capfd) == [("source.failed", "state")]
        one.probe.broken = False
        one.scheduler.start([one.probe])
        await eventually(lambda: other.shown("probe", engine.UP) == {("probe",): 1.0})
        said_by_both = told_in_the_log(capfd)
        again = ("source.failed", GONE)  # by the one that begins anew, if it still has to leave it alone
        assert [line for line in said_by_both if line != again] == [("source.recovered", None)] * 2


@pytest.mark.parametrize("own", [False, True])
async def test_a_failure_is_told_for_as_long_as_the_source_is_left_alone(own: bool) -> None:
    """Whoever asks now waits too: what is heard late is what was to be late."""
    store = SharedStore(Place())
    probe, runner, leadership = shared("me", store)
    if own:
        probe.broken, probe.retry_after = True, 60.0
        await runner.collect()
    else:
        await store.write("result/probe", dump(Result(error=SourceError(GONE, "nobody there"), wait=60.0)), 0)
    leadership._heard_until = math.inf
    started = time.monotonic()
    while time.monotonic() - started < 2 * engine.stale_after(probe.every, probe.timeout):
        await runner.collect()
        assert runner.failing is not None
        assert runner.failing.reason == GONE
        await asyncio.sleep(0.05)


async def test_what_a_new_leader_takes_over_is_shown_before_it_has_asked() -> None:
    """Not at the next heartbeat: the page of the sources tells it at once, and a source may hang."""
    store, shown = SharedStore(Place()), list[set[str]]()
    data = Collected()
    data.set(GAUGE, 1, "probe", "before")
    await store.write("result/probe", dump(Result(data, time.time())), 0)
    runner = Runner(Asked("probe", "me", []), 100, lambda: None, lambda *_: None)
    runner.shared = SharedResult("probe", leadership := Leadership(store, lambda: None))
    runner.on_change = lambda: shown.append({labels[1] for labels in runner.data.families[GAUGE]})
    await leadership.renew()
    await runner.collect()
    assert shown == [{"before"}, {"me"}]


async def test_the_last_result_is_written_before_the_source_stops() -> None:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with Exporter("one", place, asked).running() as one:
        await eventually(one.who)
        runner = one.runner("probe")
        assert runner.shared is not None
        data = Collected()
        data.set(GAUGE, 1, "probe", "the last")
        assert runner.task is not None
        runner.task.cancel()
        runner.shared.offer(Result(data, time.time()))
        await asyncio.sleep(0)
        await runner.shared.close()
    stored = await place.memory.read("result/probe")
    assert stored is not None
    assert load(stored.value).data.families == data.families


async def test_other_goes_on_with_each_leader_and_counts_nothing_twice() -> None:
    """Whoever leads again finds what the other showed meanwhile, and leaves what it gathered before."""

    class Tables(Asked):
        rows = 0.0

        async def collect(self) -> Collected:
            out = Collected()
            for table in range(5):
                out.set(COUNTER, 1000.0 + Tables.rows, f"table {table}")
            return out

    place, others = Place(), []
    runners = []
    for who in ("one", "two"):
        leadership = Leadership(SharedStore(place), lambda: None)
        runner = Runner(Tables("api", who, []), 2, lambda: None, lambda *_: None)
        runner.shared = SharedResult("api", leadership)
        runners.append((leadership, runner))
    for leader in (0, 1, 0, 1):
        place.until = 0.0
        await runners[leader][0].renew()
        await runners[1 - leader][0].renew()
        for _ in range(2):
            Tables.rows += 1
            for _, runner in (runners[leader], runners[1 - leader]):
                await runner.collect()
                assert runner.error is None
                others.append(runner.data.families[COUNTER]["other",])
    # Of two growths by 4 each, the first of each leader is the one in which it sees these tables first.
    assert others == [0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 16, 16]


async def test_what_is_old_is_not_shown_and_clocks_may_differ() -> None:
    """A follower goes by how long ago a result was written, not by the leader's clock."""
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    data = Collected()
    data.set(GAUGE, 1, "probe", "one")
    runner = Exporter("other", place, asked)
    for succeeded in (time.time() - 86400, time.time() + 86400):
        source = Runner(runner.probe, 100, lambda: None, lambda *_: None)
        source._show(load(dump(Result(data, succeeded)), 0.1))
        assert source.fresh
        assert source.last_success == succeeded
        source._show(load(dump(Result(data, succeeded)), 5.0))
        assert not source.fresh


async def test_a_result_is_read_as_it_was_written() -> None:
    data = Collected()
    for number, value in enumerate((0.1, 1e300, math.inf, -math.inf, 3)):
        data.set(GAUGE, value, f'"\n{number}', "ü")
    data.set(COUNTER, 2, "a", created=1.5)
    error = SourceError("tls", "no", remedy="yes")
    copy = load(dump(Result(data, 12.25, 3.0, 0.5, {"tls": 2, "dns": 0}, error, 4, 99.5)), 10.0)
    assert (copy.age, copy.failures_in_a_row, copy.wait) == (13.0, 4, 89.5)
    assert copy.data.families == data.families
    assert copy.data.created == data.created
    assert (copy.succeeded, copy.duration, copy.failures) == (12.25, 0.5, {"tls": 2})
    assert copy.error is not None
    assert (copy.error.reason, str(copy.error), copy.error.remedy) == ("tls", "no", "yes")
    empty = load(dump(Result()))
    assert (empty.succeeded, empty.error, len(empty.data)) == (None, None, 0)
    data.set(GAUGE, math.nan, "n", "n")
    assert math.isnan(load(dump(Result(data))).data.families[GAUGE]["n", "n"])


async def test_a_failure_that_was_heard_of_is_in_the_log_once_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Log, "least", 20)
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with (
        Exporter("one", place, asked).running() as one,
        Exporter("other", place, asked).running() as other,
    ):
        one.probe.broken = other.probe.broken = True
        await eventually(lambda: other.runner("probe").failures_in_a_row > 1)
        one.store.cut_off = True  # the other leads from now on
        await eventually(lambda: other.probe.failed > 1)
        other.probe.broken = False
        await eventually(lambda: other.runner("probe").error is None)
        said_by_both = told_in_the_log(capfd)
    assert said_by_both.count(("source.failed", GONE)) == 2
    assert said_by_both[-1] == ("source.recovered", None)
