"""The gate of a database that scales to zero, over simulated days: what it costs, and what is seen."""

from dataclasses import dataclass, field

import pytest

from exporter.engine.source import SourceError
from exporter.platform.values import Secret
from exporter.sources.postgres.neon import Gate, Neon, Verdict
from exporter.sources.postgres.neon_api import ControlPlane, Listing, _endpoint
from tests.support.neon import PROJECT, Compute

EVERY = 15.0
HOUR = 3600.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Plane(ControlPlane):
    """The control plane of one compute, without a network. `ahead` is how much Neon's clock is ahead of ours."""

    def __init__(self, compute: Compute, clock: Clock) -> None:
        super().__init__("http://neon.invalid", PROJECT, Secret("env", "NEON_API_KEY"), clock)
        self.compute, self.calls = compute, 0
        self.failure: SourceError | None = None
        self.ahead = 0.0

    async def _ask(self) -> Listing:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        document = self.compute.document(PROJECT)
        endpoint = _endpoint(document)
        assert endpoint.last_active is not None
        return Listing((endpoint,), 0.0)


@dataclass
class World:
    """A compute, its gate, and an exporter that collects every 15 s when the gate lets it."""

    suspend_timeout: int = 300
    granularity: float = 0.0
    sees_others: bool = True
    """Whether pg_stat_activity shows the application's sessions."""
    on_api_error: str = "skip"
    clock: Clock = field(default_factory=Clock)
    collected: list[float] = field(default_factory=list)
    other: float | None = None

    def __post_init__(self) -> None:
        self.compute = Compute(
            clock=self.clock, suspend_timeout=self.suspend_timeout, granularity=self.granularity
        )
        self.plane = Plane(self.compute, self.clock)
        config = Neon.model_validate(
            {"project": PROJECT, "endpoint": self.compute.id, "api_key": "${env:NEON_API_KEY}",
             "on_api_error": self.on_api_error}
        )  # fmt: skip
        self.gate = Gate("main", config, Secret("env", "DSN"), plane=self.plane, clock=self.clock)

    async def step(self) -> Verdict:
        verdict = await self.gate.look()
        if verdict.connect:
            self.compute.use()
            others = None if self.other is None or not self.sees_others else self.clock() - self.other
            self.gate.scraped(self.clock(), others=others)
            self.collected.append(self.clock())
        return verdict

    async def run(self, seconds: float, *, traffic_every: float | None = None) -> list[Verdict]:
        """Let time pass; the application runs a statement every so often."""
        verdicts, end = [], self.clock.now + seconds
        following = self.clock.now
        while self.clock.now < end:
            if traffic_every is not None and self.clock.now >= following:
                self.traffic()
                following += traffic_every
            verdicts.append(await self.step())
            self.clock.now += EVERY
        return verdicts

    def traffic(self) -> None:
        self.compute.use()
        self.other = self.clock()

    def slept(self) -> bool:
        return self.compute.state == "idle"


async def test_a_sleeping_compute_is_never_connected_to() -> None:
    world = World()
    verdicts = await world.run(24 * HOUR)
    assert world.collected == []
    assert {verdict.reason for verdict in verdicts} == {"suspended"}
    assert world.plane.calls <= 24 * HOUR / 30


@pytest.mark.parametrize("granularity", [0.0, 60.0])
@pytest.mark.parametrize("sees_others", [True, False])
async def test_one_statement_is_seen_and_then_the_compute_sleeps(
    granularity: float, sees_others: bool
) -> None:
    """Even if the control plane tells of activity a minute late, as if it were new."""
    world = World(granularity=granularity, sees_others=sees_others)
    for _ in range(5):
        before = len(world.collected)
        world.traffic()
        began = world.clock()
        await world.run(HOUR)
        assert len(world.collected) > before, "the burst was seen"
        assert max(world.collected) - began <= 240, "and soon left alone"
        assert world.slept()


async def test_a_burst_keeps_the_compute_awake_a_minute_longer_at_most() -> None:
    world, alone = World(), World()
    for _ in range(24):
        world.traffic()
        alone.traffic()
        await world.run(HOUR)
        alone.clock.now += HOUR
    world.traffic()
    alone.traffic()
    assert alone.compute.awake == 24 * 300
    assert world.compute.awake - alone.compute.awake <= 24 * (60 + EVERY)


async def test_without_a_gate_it_would_never_sleep() -> None:
    """The control: what every other exporter does."""
    compute = Compute(clock=Clock())
    clock = compute.clock
    assert isinstance(clock, Clock)
    for _ in range(240):
        compute.use()
        clock.now += EVERY
    assert compute.state == "active"


@pytest.mark.parametrize("suspend_timeout", [60, 300, 604_800])
async def test_constant_traffic_is_collected_from_without_a_gap(suspend_timeout: int) -> None:
    world = World(suspend_timeout=suspend_timeout)
    await world.run(2 * HOUR, traffic_every=10)
    gaps = [later - earlier for earlier, later in zip(world.collected, world.collected[1:], strict=False)]
    assert set(gaps) == {EVERY}
    assert len(world.collected) == 2 * HOUR / EVERY


async def test_what_cannot_be_seen_in_the_database_is_still_heard_of() -> None:
    """Without pg_monitor, or with clients that come and go, there are gaps, but bounded ones."""
    world = World(sees_others=False)
    await world.run(2 * HOUR, traffic_every=10)
    gaps = [later - earlier for earlier, later in zip(world.collected, world.collected[1:], strict=False)]
    assert max(gaps) <= 300


async def test_only_its_own_activity_is_a_reason_of_its_own() -> None:
    world = World()
    world.traffic()
    verdicts = await world.run(HOUR)
    reasons = [verdict.reason for verdict in verdicts]
    assert reasons.index("only_self_active") < reasons.index("suspended")
    assert reasons[-1] == "suspended"


async def test_a_compute_that_wakes_right_after_it_fell_asleep_is_asked_at_once() -> None:
    world = World(suspend_timeout=60)
    world.traffic()
    await world.run(300)
    assert world.slept()
    seen = len(world.collected)
    world.traffic()
    await world.run(45)
    assert len(world.collected) > seen


async def test_a_compute_that_never_suspends_is_asked_always() -> None:
    world = World(suspend_timeout=-1)
    verdicts = await world.run(HOUR)
    assert all(verdict.connect for verdict in verdicts)
    assert "neon_endpoint_suspend_timeout_seconds" not in names(verdicts[-1])


@pytest.mark.parametrize(("policy", "connects"), [("skip", False), ("scrape", True)])
async def test_without_an_answer_the_platform_file_decides(policy: str, connects: bool) -> None:
    world = World(on_api_error=policy)
    world.plane.failure = SourceError("http_status", "Neon answers HTTP 503")
    verdict = await world.step()
    assert verdict.connect is connects
    assert verdict.error is world.plane.failure
    assert skipped(verdict)["api_error"] == (not connects)


async def test_it_is_not_asked_again_before_it_allows() -> None:
    world = World()
    world.plane.failure = SourceError("rate_limited", "Neon answers HTTP 429", retry_after=120)
    await world.run(120)
    assert world.plane.calls == 1
    await world.run(60)
    assert world.plane.calls == 2


@pytest.mark.parametrize(("state", "reason"), [("init", "suspended"), ("hibernating", "api_error")])
async def test_words_for_states(state: str, reason: str) -> None:
    world = World()
    world.compute.word = state
    verdict = await world.step()
    assert (verdict.connect, verdict.reason) == (False, reason)


async def test_a_disabled_compute_is_left_alone() -> None:
    world = World()
    world.traffic()
    world.compute.disabled = True
    assert (await world.step()).reason == "suspended"


async def test_what_it_exports() -> None:
    world = World()
    world.traffic()
    await world.step()
    world.clock.now += 1
    verdict = await world.step()
    families = {family.name: samples for family, samples in verdict.metrics}
    name = world.compute.id
    assert families["neon_endpoint_state"]["main", name, "active"] == 1
    assert sum(families["neon_endpoint_state"].values()) == 1
    assert families["neon_endpoint_suspend_timeout_seconds"] == {("main", name): 300}
    assert families["neon_endpoint_autoscaling_limit_cu"] == {
        ("main", name, "min"): 0.25,
        ("main", name, "max"): 2,
    }
    assert families["neon_endpoint_last_active_timestamp_seconds"]["main", name] == pytest.approx(1e6, abs=2)
    assert "pg_scrape_last_success_timestamp_seconds" in families
    assert set(skipped(verdict).values()) == {0.0}


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p@ep-cool-darkness-123456.us-east-2.aws.neon.tech/db",
        "postgresql://u:p@ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech/db",
        "host=pg.neon.tech user=u password=p dbname=db options='endpoint=ep-cool-darkness-123456'",
    ],
)
async def test_the_endpoint_is_found_by_the_connection_string(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSN", dsn)
    world = World()
    config = Neon.model_validate({"project": PROJECT, "api_key": "${env:NEON_API_KEY}"})
    gate = Gate("main", config, Secret("env", "DSN"), plane=world.plane, clock=world.clock)
    assert (await gate.look()).reason == "suspended"


async def test_an_unknown_endpoint_is_said_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN", "host=127.0.0.1")
    world = World()
    config = Neon.model_validate({"project": PROJECT, "api_key": "${env:NEON_API_KEY}"})
    verdict = await Gate("main", config, Secret("env", "DSN"), plane=world.plane, clock=world.clock).look()
    assert verdict.error is not None
    assert "ep-cool-darkness-123456" in verdict.error.remedy


def names(verdict: Verdict) -> set[str]:
    return {family.name for family, _ in verdict.metrics}


def skipped(verdict: Verdict) -> dict[str, float]:
    [samples] = [samples for family, samples in verdict.metrics if family.name == "pg_scrape_skipped"]
    return {reason: value for (_, reason), value in samples.items()}
