"""Proves faults on a running demo: each is made, must be told of, is mended, and must be told to be over."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import orjson

from exporter.demo.errors import DemoError
from exporter.demo.native.faults import FAULTS, PAGER, SMS, Expected
from exporter.demo.native.prometheus import PrometheusClient, QueryError
from exporter.demo.native.state import RunningDemo

T = TypeVar("T")

SECONDS_TO_BE_WHOLE = 420.0
SECONDS_TO_FIRE = 150.0
SECONDS_TO_TELL = 60.0
SECONDS_TO_END = 420.0  # the burn rates remember five minutes
PAUSE = 0.5
OVER = ("over at ", " after ")
"""What every message of an end says: when it was, and how long the fault lasted."""


@dataclass(slots=True)
class Proof:
    """What came of a fault. Times are seconds: `fired` and `told` since it began, `over` since it was mended.

    `told` and `over` are by receiver; `problems` says what was missing, wrong or too much, and is empty when all was
    as it should be.
    """

    fault: str
    alert: str
    began: float = 0.0
    fired: float | None = None
    told: dict[str, float] = field(default_factory=dict)
    over: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


async def prove(
    demo: RunningDemo, names: Iterable[str], tell: Callable[[Proof], None] = lambda proof: None
) -> list[Proof]:
    """Prove the faults of these names, most of them at the same time; `tell` hears of each as it is done."""
    async with AsyncExitStack() as stack:
        prometheus = PrometheusClient(demo.ports.url("prometheus"))
        stack.push_async_callback(prometheus.close)
        sinks = await stack.enter_async_context(
            httpx.AsyncClient(base_url=demo.ports.url("sinks"), timeout=10.0, trust_env=False)
        )
        prover = Prover(demo, prometheus, sinks, tell)
        await prover.until_all_is_seen()
        together = [name for name in names if not FAULTS[name].alone]
        proofs = list(await asyncio.gather(*(prover.prove(name) for name in together)))
        proofs += [await prover.prove(name) for name in names if FAULTS[name].alone]
        return proofs


class Prover:
    """Looks at one demo, through its Prometheus and its sinks."""

    def __init__(
        self,
        demo: RunningDemo,
        prometheus: PrometheusClient,
        sinks: httpx.AsyncClient,
        tell: Callable[[Proof], None],
    ) -> None:
        self._demo = demo
        self._prometheus = prometheus
        self._sinks = sinks
        self._tell = tell
        self._parts: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def until_all_is_seen(self) -> None:
        """Wait until Prometheus has seen the database and knows its Alertmanager: before, nothing could be told."""

        async def seen() -> bool:
            return bool(await self._prometheus.query("pg_up == 1") and await self._prometheus.alertmanagers())

        await self._until(seen, 60.0)

    async def prove(self, name: str) -> Proof:
        """Make one fault, mend it, and return what came of it."""
        fault = FAULTS[name]
        proof = Proof(name, fault.expected.alert)
        try:
            async with self._parts[fault.part or name]:
                mended = await self._broken(proof)
            await self._over(proof, mended)
        except DemoError as error:
            proof.problems.append(str(error))
        self._tell(proof)
        return proof

    async def _broken(self, proof: Proof) -> float:
        """Make the fault, wait for what it leads to, and mend it; return when."""
        fault = FAULTS[proof.fault]
        expected = fault.expected

        async def firing() -> bool:
            alerts = await self._prometheus.alerts()
            return any(
                alert["state"] == "firing"
                and alert["labels"]["alertname"] == expected.alert
                and expected.labels.items() <= alert["labels"].items()
                for alert in alerts
            )

        async def whole() -> bool:
            return not await firing()

        async def told() -> bool:
            proof.told = await self.heard(expected, proof.began, "firing")
            return set(expected.receivers) <= proof.told.keys()

        if not await self._until(whole, SECONDS_TO_BE_WHOLE):
            proof.problems.append(f"{expected.alert} fires already")
        proof.began = time.time()
        try:
            await asyncio.to_thread(fault.make, self._demo)
            if await self._until(firing, SECONDS_TO_FIRE):
                proof.fired = time.time() - proof.began
            else:
                proof.problems.append(f"{expected.alert} does not fire with {dict(expected.labels)}")
            await self._until(told, SECONDS_TO_TELL)
        finally:
            mended = time.time()
            await asyncio.to_thread(fault.mend, self._demo)
        return mended

    async def _over(self, proof: Proof, mended: float) -> None:
        expected = FAULTS[proof.fault].expected

        async def over() -> bool:
            proof.over = await self.heard(expected, mended, "resolved")
            return set(expected.receivers) <= proof.over.keys()

        if not await self._until(over, SECONDS_TO_END):
            missing = sorted(set(expected.receivers) - proof.over.keys())
            proof.problems.append(f"{', '.join(missing)} never heard that {expected.alert} was over")
        proof.problems += await self.problems(expected, proof)

    async def problems(self, expected: Expected, proof: Proof) -> list[str]:
        """Return what is wrong with all that has been told since the fault began: whom, and in which words."""
        wanted = set(expected.receivers)
        missing = sorted(wanted - proof.told.keys())
        problems = [f"{receiver} was not told of {expected.alert}" for receiver in missing]
        allowed = wanted | ({SMS} if expected.labels.get("priority") == "p1" else set())
        for status, wording in (("firing", expected.words), ("resolved", OVER)):
            items = await self._items(expected, proof.began, status)
            strangers = sorted({receiver for receiver, _ in items} - allowed)
            problems += [f"{receiver} was told of {expected.alert} ({status})" for receiver in strangers]
            for receiver, item in items:
                text = " ".join(orjson.dumps(item["body"]).decode().replace("\\r\\n", " ").split())
                problems += [
                    f"{receiver} does not say {words!r}: {text[:1000]}"
                    for words in wording
                    if receiver != SMS and words not in text
                ]
        return problems

    async def heard(self, expected: Expected, since: float, status: str) -> dict[str, float]:
        """Return receiver → seconds after `since` at which it first heard."""
        heard: dict[str, float] = {}
        for receiver, item in await self._items(expected, since, status):
            heard.setdefault(receiver, item["received_at"] - since)
        return heard

    async def _items(self, expected: Expected, since: float, status: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what arrived about an alert, oldest first, each with its receiver."""
        items = (await self._sinks.get("/api/notifications")).json()
        about = [(receiver_of(item), title_of(item), item) for item in reversed(items)]
        return [
            (receiver, item)
            for receiver, title, item in about
            if item["received_at"] >= since
            and f"{expected.alert}" in title.replace(":", " ").split()
            and ("[resolved]" in title) == (status == "resolved")
            and _of_service(item, receiver, expected)
        ]

    async def _until(self, look: Callable[[], Awaitable[bool]], within: float) -> bool:
        deadline = time.monotonic() + within
        while True:
            try:
                if await look():
                    return True
            except (httpx.TransportError, QueryError):  # a loaded machine; what was not seen in time counts
                pass
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(PAUSE)


def _of_service(item: dict[str, Any], receiver: str, expected: Expected) -> bool:
    return receiver == SMS or expected.labels["service"] in orjson.dumps(item["body"]).decode()


def receiver_of(item: dict[str, Any]) -> str:
    """Return whom a notification reached, as `Expected.receivers` has them."""
    body, channel = item["body"], item["channel"]
    if channel == "slack":
        return f"Slack {body.get('channel')}"
    if channel == "email":
        return f"e-mail {', '.join(body['to'])}"
    return {"pagerduty": PAGER, "sms": SMS}.get(channel, str(channel))


def title_of(item: dict[str, Any]) -> str:
    """Return a notification's headline; of status pages and heartbeats there is none."""
    body = item["body"]
    match item["channel"]:
        case "pagerduty":
            return str((body.get("payload") or {}).get("summary", ""))
        case "slack":
            return str((body.get("attachments") or [{}])[0].get("title", ""))
        case "email":
            return str(body["subject"])
        case "sms":
            return str(body["message"])
    return ""
