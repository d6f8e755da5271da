"""Two exporters with one state: one asks, both show the same; a state that fails stops only what needs it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from exporter.engine import freshness as engine
from exporter.engine.families import Collected
from exporter.engine.leader import LEADER, STATE_UP
from exporter.engine.result import Result, dump, load
from exporter.server.status import status
from tests.support.replicas import COUNTER, GAUGE, GONE, HANG, Exporter, Place, eventually
from tests.support.scripted import ALIVE


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Exporter, Exporter, dict[str, list[str]]]]:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Exporter("one", place, asked).running())
        other = await stack.enter_async_context(Exporter("other", place, asked).running())
        yield one, other, asked


Pair = tuple[Exporter, Exporter, dict[str, list[str]]]


async def test_one_asks_and_both_show_the_same(pair: Pair) -> None:
    one, other, asked = pair
    await eventually(lambda: len(asked["api"]) > 5 and other.who() and other.shown("api", COUNTER))
    assert set(asked["probe"] + asked["api"]) == {"one"}
    assert other.who() == {"one"}
    assert other.shown("api", COUNTER).keys() == one.shown("api", COUNTER).keys()
    assert other.shown("probe", engine.UP) == {("probe",): 1.0}
    assert [dict(each.leadership.collected())[LEADER][()] for each in (one, other)] == [1.0, 0.0]


async def test_who_follows_waits_for_the_first_result_and_then_has_it_soon() -> None:
    """Two that start together: the leader is still being answered when the other one looks for the first time."""
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with AsyncExitStack() as stack:
        one, other = (Exporter(who, place, asked) for who in ("one", "other"))
        answered = asyncio.Event()
        collect = one.probe.collect

        async def slow() -> Collected:
            await answered.wait()
            return await collect()

        for exporter in (one, other):
            exporter.probe.every, exporter.probe.timeout = 30.0, 10.0
        one.probe.collect = slow  # type: ignore[method-assign]  # answers later
        await stack.enter_async_context(one.running())
        await stack.enter_async_context(other.running())
        await eventually(lambda: other.runner("api").runs)
        assert other.runner("probe").runs == 0, "nothing is known of it yet"
        answered.set()
        await eventually(lambda: other.runner("probe").runs and other.who() == {"one"})


async def test_who_follows_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader's platform file may be older and lack a source; it is not to hold up its own successor."""
    monkeypatch.setattr("exporter.engine.runner._LONGEST_LOOK", 0.3)
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with AsyncExitStack() as stack:
        one, other = (Exporter(who, place, asked) for who in ("one", "other"))
        one.probe.collect = asyncio.Event().wait  # type: ignore[method-assign, assignment]  # says nothing
        one.probe.timeout = 60.0
        await stack.enter_async_context(one.running())
        await stack.enter_async_context(other.running())
        await eventually(lambda: other.runner("api").runs)
        assert other.runner("probe").runs == 0
        assert status(other.runner("probe")).state == "waiting"
        await eventually(lambda: other.runner("probe").runs)
        assert other.shown("probe", engine.UP) == {("probe",): 0.0}
        assert other.shown("probe", engine.FAILING) == {("probe", "state"): 1.0}
        assert status(other.runner("probe")).state == "stale"


async def test_who_follows_says_of_a_failing_source_what_the_leader_says_and_no_more(pair: Pair) -> None:
    """A source that was never asked here may think that it is down, where the leader knows that it may sleep."""
    one, other, _ = pair
    await eventually(other.who)
    one.probe.said = Collected()
    one.probe.said.set(ALIVE, 0, "said by the leader")
    other.probe.said.set(ALIVE, 0, "said by the follower")
    one.probe.broken = True
    await eventually(lambda: other.shown("probe", engine.FAILING) == {("probe", GONE): 1.0})
    assert other.shown("probe", ALIVE) == {("said by the leader",): 0.0}


async def test_an_old_result_is_not_told_as_up_while_the_source_is_asked_for_the_first_time() -> None:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    data = Collected()
    data.set(GAUGE, 1, "probe", "before")
    await place.memory.write("result/probe", dump(Result(data, time.time() - 900, age=900.0, asked=900.0)), 0)
    exporter = Exporter("one", place, asked)
    exporter.probe.collect = asyncio.Event().wait  # type: ignore[method-assign, assignment]  # says nothing
    exporter.probe.timeout = 60.0
    async with exporter.running() as one:
        await eventually(lambda: one.runner("probe").last_success)
        assert one.runner("probe").runs == 0
        assert status(one.runner("probe")).state == "stale"
        assert one.shown("probe", engine.UP) == {("probe",): 0.0}
        assert one.who() == set()


async def test_failures_of_the_leader_are_those_of_all(pair: Pair) -> None:
    one, other, _ = pair
    await eventually(other.who)
    one.probe.broken = True
    await eventually(lambda: other.shown("probe", engine.FAILING))
    assert other.shown("probe", engine.FAILING) == {("probe", "connect"): 1.0}
    assert other.shown("probe", engine.FAILURES)["probe", "connect"] >= 1
    error = other.runner("probe").error
    assert error is not None
    assert (str(error), error.remedy) == ("nobody there", "Start it.")
    one.probe.broken = False
    await eventually(lambda: not other.shown("probe", engine.FAILING))


async def test_a_new_leader_waits_as_long_as_the_old_one_was_told_to(pair: Pair) -> None:
    one, other, asked = pair
    await eventually(other.who)
    for exporter in (one, other):
        exporter.probe.broken, exporter.probe.retry_after = True, 100.0
    await eventually(lambda: other.shown("probe", engine.FAILING))
    one.store.cut_off = True
    before = len(asked["api"])
    await eventually(lambda: other.leadership.role == "leader" and "other" in asked["api"][before:])
    await eventually(lambda: (other.runner("probe").due or 0) > time.time() + 50)
    assert other.probe.failed == 0, "the vendor is not asked by the new leader either"
    assert other.shown("probe", engine.FAILING) == {("probe", "connect"): 1.0}


async def test_a_new_leader_finds_the_circuit_as_the_old_one_left_it(pair: Pair) -> None:
    one, other, _ = pair
    await eventually(other.who)
    one.probe.broken = other.probe.broken = True
    await eventually(lambda: other.runner("probe").circuit_open)
    assert other.shown("probe", engine.CIRCUIT_OPEN) == {("probe",): 1.0}
    assert other.runner("probe").failures_in_a_row > 3
    one.probe.broken = other.probe.broken = False
    await eventually(lambda: other.shown("probe", engine.CIRCUIT_OPEN) == {("probe",): 0.0})


async def test_a_leader_that_is_cut_off_is_replaced_and_counters_never_fall(pair: Pair) -> None:
    one, other, asked = pair
    seen: dict[str, float] = {"one": 0.0, "other": 0.0}

    def watch(until: Callable[[], object]) -> Callable[[], object]:
        def check() -> object:
            for name, exporter in (("one", one), ("other", other)):
                value = exporter.shown("api", COUNTER).get(("api",), seen[name])
                assert value >= seen[name], f"a counter of {name} fell"
                seen[name] = value
            return until()

        return check

    leading, following = one, other
    for _ in range(3):
        await eventually(watch(lambda: following.shown("api", COUNTER)))  # noqa: B023  # called before the loop goes on
        leading.store.cut_off = True
        await eventually(watch(lambda: following.leadership.role == "leader"))  # noqa: B023
        assert leading.leadership.role == "alone", "it stopped leading before another began"
        before = len(asked["probe"])
        await eventually(watch(lambda: {"one", "other"} <= set(asked["probe"][before:])))  # noqa: B023
        assert leading.who() == {leading.probe.who}, "probes go on without a state"
        await eventually(watch(lambda: leading.shown("api", engine.FAILING)))  # noqa: B023
        assert leading.shown("api", engine.FAILING) == {("api", "state"): 1.0}, "counters wait for it"
        assert dict(leading.leadership.collected())[STATE_UP] == {(): 0.0}
        leading.store.cut_off = False
        await eventually(watch(lambda: leading.leadership.role == "follower"))  # noqa: B023
        leading, following = following, leading


async def test_counters_are_not_shown_before_they_are_written() -> None:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with Exporter("one", place, asked).running() as one:
        await eventually(lambda: one.shown("api", COUNTER))
        one.store.cut_off = True
        shown = one.shown("api", COUNTER)["api",]
        asked_before = len(asked["api"])
        await eventually(lambda: len(asked["api"]) > asked_before + 1)
        assert one.runner("api").data.families[COUNTER]["api",] == shown


async def test_a_state_that_hangs_holds_no_probe_up(pair: Pair) -> None:
    one, other, asked = pair
    await eventually(lambda: other.who() and one.shown("api", COUNTER))
    one.store.hangs = other.store.hangs = True
    before, started = len(asked["probe"]), time.monotonic()

    def honest() -> bool:
        return bool(other.who()) or other.shown("probe", engine.FAILING) == {("probe", "state"): 1.0}

    def steady() -> bool:
        assert honest(), "it is said when nothing is known"
        return asked["probe"][before:].count("one") >= 10 and one.leadership.role == "alone"

    await eventually(steady)
    assert time.monotonic() - started < HANG, "not one answer of the state was waited for"
    assert one.shown("probe", engine.UP) == {("probe",): 1.0}
    await eventually(lambda: honest() and other.who() == {"other"})
    await eventually(lambda: one.shown("api", engine.FAILING) == {("api", "state"): 1.0})


async def test_who_can_not_hear_the_leader_says_so(pair: Pair) -> None:
    _, other, _ = pair
    await eventually(other.who)
    other.leadership._heard_until = math.inf  # a lease that is long
    other.store.cut_off = True
    await eventually(lambda: not other.who())
    assert other.shown("probe", engine.UP) == {("probe",): 0.0}
    assert other.shown("probe", engine.FAILING) == {("probe", "state"): 1.0}
    told = status(other.runner("probe"))
    assert told.state == "stale"
    assert told.error is not None
    assert (told.error.reason, told.series) == ("state", 0)
    other.store.cut_off = False
    await eventually(lambda: other.shown("probe", engine.UP) == {("probe",): 1.0})
    assert status(other.runner("probe")).state == "up"


async def test_two_that_believe_that_they_lead_do_not_overwrite_each_other() -> None:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with (
        Exporter("one", place, asked).running() as one,
        Exporter("other", place, asked).running() as other,
    ):
        await eventually(lambda: other.shown("api", COUNTER))
        last = 0.0
        for _ in range(30):
            other.leadership._leads_until = asyncio.get_running_loop().time() + 1  # believes it, wrongly
            await asyncio.sleep(0.01)
            stored = await place.memory.read("result/api")
            assert stored is not None
            value = load(stored.value).data.families[COUNTER]["api",]
            assert value >= last
            last = value
        assert set(asked["api"]) == {"one", "other"}
        assert one.runner("api").failures["state"] == other.runner("api").failures["state"] == 0
