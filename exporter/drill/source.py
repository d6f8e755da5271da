"""Drills on schedule: a source that sends one when it is due, watches what arrives, and says how it ended.

A drill goes on over several collections, and survives a restart: what was sent and what is awaited is in the store.
"""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from exporter.drill.carry import MARGIN, Carrier, accepted
from exporter.drill.plan import Shot, Target, plan
from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source
from exporter.engine.state import Conflict, StateStore
from exporter.logs import Log
from exporter.platform.model import RUNBOOKS, Platform

SUCCESS = Family(
    "platform_exporter_drill_success", "gauge", "Whether the last drill reached this channel.", ("channel",)
)
SECONDS = Family(
    "platform_exporter_drill_delivery_seconds",
    "gauge",
    "How long the last drill took to this channel, where stand-ins say so.",
    ("channel",),
)
LAST = Family(
    "platform_exporter_drill_last_timestamp_seconds",
    "gauge",
    "When the last drill began that has ended, Unix time.",
)
FAMILIES = (SUCCESS, SECONDS, LAST)

_KEY = "drill"
_EVERY = 5.0
_TIMEOUT = 15.0

Verdict = Literal["awaited", "arrived", "accepted", "refused", "missing", "quiet"]
GOOD: tuple[Verdict, ...] = ("arrived", "accepted")

log = Log()


class Outcome:
    """What became of one message."""

    __slots__ = ("seconds", "target", "verdict")

    def __init__(self, target: Target, verdict: Verdict = "awaited", seconds: float | None = None) -> None:
        self.target, self.verdict, self.seconds = target, verdict, seconds


class Run:
    """One drill: what it sends, when it began, what became of it. `ended` is None while something is awaited."""

    def __init__(self, name: str, began: float, shots: list[Shot]) -> None:
        self.name, self.began, self.shots = name, began, shots
        self.outcomes = [
            Outcome(target, "quiet" if target.quiet else "awaited")
            for shot in shots
            for target in shot.targets
        ]
        self.before: dict[str, float] = {}
        self.sent = False
        self.ended: float | None = None

    @property
    def targets(self) -> list[Target]:
        """Where something must arrive, in order."""
        return [outcome.target for outcome in self.outcomes]

    def dump(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            **{key: getattr(self, key) for key in ("name", "began", "before", "sent", "ended")},
            "shots": [asdict(shot) for shot in self.shots],
            "outcomes": [[outcome.verdict, outcome.seconds] for outcome in self.outcomes],
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Run":
        """Read what `dump` wrote. Raises KeyError, TypeError or ValueError."""
        shots = [
            Shot(shot["labels"], tuple(Target(**target) for target in shot["targets"]))
            for shot in data["shots"]
        ]
        run = cls(data["name"], data["began"], shots)
        run.before, run.sent, run.ended = data["before"], data["sent"], data["ended"]
        for outcome, (verdict, seconds) in zip(run.outcomes, data["outcomes"], strict=True):
            outcome.verdict, outcome.seconds = verdict, seconds
        return run


class DrillSource(Source):
    """Sends a drill every `period` seconds; with 0 one, at once, for a person who waits for `own` to end."""

    def __init__(self, platform: Platform, carrier: Carrier, period: float, *, sinks: bool) -> None:
        super().__init__(
            "drill",
            every=_EVERY,
            timeout=_TIMEOUT,
            spec=(platform.alerting, platform.monitoring, platform.platform, platform.environment),
            exclusive=True,
        )
        self.run: Run | None = None
        self._platform, self._carrier, self._period, self._sinks = platform, carrier, period, sinks
        self._store: StateStore | None = None
        self._shown: Run | None = None
        self._begun = ""

    @property
    def own(self) -> Run | None:
        """The drill that this source began last, once it has ended, whoever carried it on."""
        ended = (run for run in (self.run, self._shown) if run is not None and run.ended is not None)
        return next((run for run in ended if run.name == self._begun), None)

    def keep_in(self, store: StateStore) -> None:
        """Take the store for the drill that is under way."""
        self._store = store

    async def close(self) -> None:
        """Close the connections."""
        await self._carrier.close()

    async def collect(self) -> Collected:
        """Take the drill one step further, and tell how the last one ended.

        Only `run` and the command `drill` give a store, and only with one is anything sent: `check` disturbs nobody.
        """
        if self._store is None:
            await self._carrier.counts()
            return Collected()
        try:
            await self._step(self._store, time.time())
        except Conflict:  # the command, or another exporter, was faster: what it wrote counts
            await self._restore(self._store)
        return self._told()

    async def _step(self, store: StateStore, now: float) -> None:
        version = await self._restore(store)
        run = self.run
        if self._is_due(now):
            name = f"drill-{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}"
            run = Run(name, now, plan(self._platform, name, now))
            run.before = {} if self._sinks else await self._carrier.counts(starting=True)
            version = await self._keep(store, run, version)
            self._begun = name
        assert run is not None, "without one, a drill is due"
        if not run.sent:
            run.began = now  # Alertmanager may have been away since it was planned
            await self._carrier.start(run.shots, run.began)
            run.sent = True
            log.info("drill.sent", drill=run.name, alerts=len(run.shots))
            await self._keep(store, run, version)
        elif run.ended is None:
            await self._look(run, now)
            await self._keep(store, run, version)
        self.run = run

    def _is_due(self, now: float) -> bool:
        if self.run is None:
            return True
        if self.run.ended is None:
            return False  # one at a time: their messages could not be told apart
        return now >= self.run.began + self._period if self._period else not self._begun

    async def _look(self, run: Run, now: float) -> None:
        """See what arrived; give up what should have by now; end the drill when nothing is awaited any more."""
        try:
            if self._sinks:
                for number, seconds in (await self._carrier.arrived(run.targets, run.began)).items():
                    _settle(run.outcomes[number], "arrived", seconds)
            else:
                counts = await self._carrier.counts()
                begun = now >= run.began + self._platform.alerting.timing.group_wait + MARGIN
                for number, taken in accepted(run.targets, run.before, counts, begun=begun).items():
                    _settle(run.outcomes[number], "accepted" if taken else "refused")
        finally:
            for outcome in run.outcomes:
                if now > run.began + outcome.target.patience:
                    _settle(outcome, "missing")
        if all(outcome.verdict != "awaited" for outcome in run.outcomes):
            await self._carrier.end(run.shots, run.began)
            run.ended = now
            failed = sorted(
                {each.target.channel for each in run.outcomes if each.verdict in ("refused", "missing")}
            )
            (log.warning if failed else log.info)("drill.ended", drill=run.name, failed=failed)

    def _told(self) -> Collected:
        """Return how the last drill ended; one that is under way says nothing yet."""
        if self.run is not None and self.run.ended is not None:
            self._shown = self.run
        out = Collected()
        if self._shown is None:
            return out
        out.set(LAST, self._shown.began)
        for channel in dict.fromkeys(target.channel for target in self._shown.targets):
            mine = [
                each
                for each in self._shown.outcomes
                if each.target.channel == channel and each.verdict != "quiet"
            ]
            if mine:
                out.set(SUCCESS, all(each.verdict in GOOD for each in mine), channel)
            if times := [each.seconds for each in mine if each.seconds is not None]:
                out.set(SECONDS, max(times), channel)
        return out

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say what a drill would do."""
        shots = plan(self._platform, "drill", time.time())
        return f"Alertmanager, {sum(len(shot.targets) for shot in shots)} messages a drill", []

    async def _restore(self, store: StateStore) -> int:
        """Take over what the store holds; return its version, 0 for nothing."""
        entry = await store.read(_KEY)
        if entry is None:
            return 0
        try:
            document = orjson.loads(entry.value)
            self.run = Run.load(document["run"])
            self._shown = Run.load(document["shown"]) if document["shown"] else None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            log.warning(
                "drill.forgotten", error=repr(error)
            )  # another version wrote it; the next drill is due
            self.run = self._shown = None
        return entry.version

    async def _keep(self, store: StateStore, run: Run, version: int) -> int:
        """Write it, and return its new version. Raises Conflict."""
        if run.ended is not None:
            self._shown = run
        shown = self._shown.dump() if self._shown else None
        return await store.write(_KEY, orjson.dumps({"run": run.dump(), "shown": shown}), version)


def _settle(outcome: Outcome, verdict: Verdict, seconds: float | None = None) -> None:
    if outcome.verdict == "awaited":
        outcome.verdict, outcome.seconds = verdict, seconds


def build(platform: Platform) -> list[Source]:
    """Return the source, when the platform file asks for drills."""
    drill = platform.alerting.drill
    return [] if drill is None else [drill_source(platform, drill.every)]


def drill_source(platform: Platform, period: float, sinks: str | None = None) -> DrillSource:
    """Return a source that drills every `period` seconds, or once (0); `sinks` are asked instead of the file's."""
    drill = platform.alerting.drill
    sinks = sinks or (drill.sinks if drill is not None else None)
    runbooks = platform.monitoring.runbooks or RUNBOOKS
    # dashboards/rows/alerting.libsonnet draws the last drill on that page.
    dashboard = f"{platform.monitoring.grafana.rstrip('/')}/d/{platform.platform}-operations"
    carrier = Carrier(platform.monitoring.alertmanager, sinks, runbooks, dashboard)
    return DrillSource(platform, carrier, period, sinks=sinks is not None)
