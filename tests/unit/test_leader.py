"""Two exporters with one state: one asks, both show the same; a state that fails stops only what needs it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from exporter.engine import freshness as engine
from exporter.engine.families import Collected, Family
from exporter.engine.leader import LEADER, STATE_UP, Leadership, SharedResult
from exporter.engine.result import Result, dump, load
from exporter.engine.runner import Runner
from exporter.engine.scheduler import Scheduler
from exporter.engine.source import Source, SourceError
from exporter.engine.state import Entry, MemoryStore, StateError

GAUGE = Family("asked_by", "gauge", "Who asked.", ("source", "who"))
COUNTER = Family("asked_total", "counter", "How often it was asked.", ("source",))
LEASE = 0.3
HANG = 3.0
GONE = "connect"


class Place:
    """What the stores of several exporters have in common."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.holder: object = None
        self.until = 0.0


class SharedStore(MemoryStore):
    """The store of one exporter, which may be cut off, or hang for a while before it fails."""

    shared, lease = True, LEASE

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.cut_off = self.hangs = False

    async def _check(self) -> None:
        if self.hangs:
            await asyncio.sleep(HANG)
        self.cut_off |= self.hangs
        self.up = not self.cut_off
        if self.cut_off:
            raise StateError("cut off")

    async def read(self, key: str) -> Entry | None:
        await self._check()
        return await self.place.memory.read(key)

    async def write(self, key: str, value: bytes, version: int) -> int:
        await self._check()
        return await self.place.memory.write(key, value, version)

    async def lead(self) -> bool:
        await self._check()
        if self.place.holder is not self and time.monotonic() < self.place.until:
            return False
        self.place.holder, self.place.until = self, time.monotonic() + LEASE
        return True


class Asked(Source):
    """Counts for all exporters how often it is asked, as an API would."""

    def __init__(self, name: str, who: str, asked: list[str], *, counts: bool = False) -> None:
        super().__init__(name, every=0.05, timeout=0.2, exclusive=True)
        self.who, self.asked, self.counts, self.broken = who, asked, counts, False
        self.retry_after: float | None = None
        self.failed = 0

    async def collect(self) -> Collected:
        if self.broken:
            self.failed += 1
            raise SourceError("connect", "nobody there", remedy="Start it.", retry_after=self.retry_after)
        self.asked.append(self.who)
        out = Collected()
        out.set(GAUGE, 1, self.name, self.who)
        if self.counts:
            out.set(COUNTER, len(self.asked), self.name)
        return out


class Exporter:
    """One of several exporters, with a probe and an API that counts."""

    def __init__(self, who: str, place: Place, asked: dict[str, list[str]]) -> None:
        self.store = SharedStore(place)
        self.leadership = Leadership(self.store, lambda: None)
        self.probe, self.api = (Asked(name, who, asked[name], counts=name == "api") for name in asked)
        self.scheduler = Scheduler(
            max_series_per_family=100,
            on_change=lambda: None,
            on_drop=lambda *_: None,
            leadership=self.leadership,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Exporter"]:
        await self.leadership.renew()
        renewing = asyncio.create_task(self.leadership.run())
        self.scheduler.start([self.probe, self.api])
        try:
            yield self
        finally:
            renewing.cancel()
            await self.scheduler.stop(list(self.scheduler.runners))

    def runner(self, name: str) -> Runner:
        return self.scheduler.runners[name]

    def shown(self, name: str, family: Family) -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for part in self.runner(name).snapshot():
            found.update(part.families.get(family, {}))
        return found

    def who(self, name: str = "probe") -> set[str]:
        return {labels[1] for labels in self.shown(name, GAUGE)}


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Exporter, Exporter, dict[str, list[str]]]]:
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Exporter("one", place, asked).running())
        other = await stack.enter_async_context(Exporter("other", place, asked).running())
        yield one, other, asked


Pair = tuple[Exporter, Exporter, dict[str, list[str]]]


async def eventually(true: Callable[[], object]) -> None:
    """Wait until it is so; a busy machine takes longer."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # conditions of other tasks, no event of ours
            await asyncio.sleep(0.005)


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
        await eventually(lambda: other.runner("probe").runs)


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
    other.store.cut_off = False
    await eventually(lambda: other.shown("probe", engine.UP) == {("probe",): 1.0})


@pytest.mark.parametrize("broken", [False, True])
async def test_what_the_leader_found_out_before_does_not_replace_what_we_did_since(broken: bool) -> None:
    """A state that was frozen holds the leader's last words until it speaks again."""
    store, since = SharedStore(Place()), time.monotonic()
    leadership = Leadership(store, lambda: None)
    probe = Asked("probe", "me", [])
    runner = Runner(probe, 100, lambda: None, lambda *_: None)
    runner.shared = SharedResult("probe", leadership)
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


async def test_what_is_old_is_not_shown_and_clocks_may_differ() -> None:
    """A follower goes by how long ago a result was written, not by the leader's clock."""
    place, asked = Place(), dict[str, list[str]](probe=[], api=[])
    data = Collected()
    data.set(GAUGE, 1, "probe", "one")
    runner = Exporter("other", place, asked)
    for succeeded in (time.time() - 86400, time.time() + 86400):
        source = Runner(runner.probe, 100, lambda: None, lambda *_: None)
        source._adopt(load(dump(Result(data, succeeded)), 0.1))
        assert source.fresh
        assert source.last_success == succeeded
        source._adopt(load(dump(Result(data, succeeded)), 5.0))
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
