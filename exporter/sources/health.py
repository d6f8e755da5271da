"""Health endpoints: what the product says of itself, as a JSON document.

Four shapes are understood, told apart by what is in the document:

- `{"overall", "checks": {NAME: {"status", "latencyMs"}}}`, with `checks.integration.services` as booleans and
  `poolStats` (active, idle, waiting), as Pitchey answers on /api/health/all
- `{"data": {"overall", "checks": [{"name", "status", "duration"}], "version", "uptime"}}`, as CloudGreet does
- `{"status", "services": [{"service", "status", "details": {"latency"}}]}`, as Atomic Guide does
- `{"status", "checks": …}` with either form of checks, as Word Is Bond does

Durations in the documents are milliseconds. A document in an answer of 503 counts: that is where the diagnosis is.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Source, SourceError
from exporter.platform.base import Interval, Part, Text
from exporter.platform.values import Duration, Url
from exporter.sources._http import client, retry_after, send
from exporter.sources.kind import SourceKind

if TYPE_CHECKING:
    from exporter.platform.model import Platform

SUCCESS = Family(
    "probe_success",
    "gauge",
    "Whether the endpoint answered with a health document that is not unhealthy.",
    ("target",),
)
DURATION = Family("probe_duration_seconds", "gauge", "How long the answer took.", ("target",))
STATUS_CODE = Family("probe_http_status_code", "gauge", "HTTP status of the answer.", ("target",))
STATUS = Family(
    "health_status",
    "gauge",
    "1 for the state that the document as a whole reports, 0 for the others.",
    ("target", "status"),
)
CHECK_STATUS = Family(
    "health_check_status",
    "gauge",
    "1 for the state that the document reports of one check, 0 for the others.",
    ("target", "check", "status"),
)
CHECK_DURATION = Family(
    "health_check_duration_seconds", "gauge", "How long the check took, by the document.", ("target", "check")
)
POOL = Family(
    "health_pool_connections",
    "gauge",
    "Connections of the product's pool, by the document: active, idle, waiting.",
    ("target", "state"),
)
INFO = Family(
    "health_info",
    "gauge",
    "1; version and environment by the document.",
    ("target", "version", "environment"),
)
START = Family(
    "health_start_time_seconds",
    "gauge",
    "When the product started, Unix time, by the document's uptime.",
    ("target",),
)

STATES = ("healthy", "degraded", "unhealthy", "unknown")
MAX_CHECKS = 100
"""Most checks taken from one document."""

_LARGEST = 1e15
"""A number beyond this is no duration and no count of connections."""

_WORDS = {
    "healthy": "healthy",
    "ok": "healthy",
    "up": "healthy",
    "pass": "healthy",
    "green": "healthy",
    "operational": "healthy",
    "degraded": "degraded",
    "warn": "degraded",
    "warning": "degraded",
    "yellow": "degraded",
    "unhealthy": "unhealthy",
    "down": "unhealthy",
    "fail": "unhealthy",
    "error": "unhealthy",
    "red": "unhealthy",
    "critical": "unhealthy",
}


class Health(Part):
    """A health endpoint."""

    url: Url
    title: Text | None = None
    every: Interval = Duration(30)
    timeout: Interval = Duration(5)
    phase_lock: bool = True
    """Finish just before the next scrape once the scrapers' rhythm is known."""


@dataclass(slots=True)
class Check:
    """One component of a health document. `seconds` is None when the document does not say."""

    name: str
    status: str
    seconds: float | None = None


@dataclass(slots=True)
class HealthDocument:
    """A health document, whatever its shape was."""

    status: str
    checks: list[Check] = field(default_factory=list)
    pool: dict[str, float] = field(default_factory=dict)
    version: str | None = None
    environment: str | None = None
    uptime_seconds: float | None = None


def understand(body: bytes) -> HealthDocument:
    """Read a health document of any known shape. Raises SourceError (parse) when it is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "parse", "the answer is not JSON", remedy="Name an endpoint that answers with a health document."
        ) from error
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"]
    if not isinstance(document, dict) or not {"overall", "status"} & document.keys():
        raise SourceError(
            "parse",
            "the answer has neither `overall` nor `status`",
            remedy="Name an endpoint that answers with a health document.",
        )
    uptime = _number(document.get("uptime"))
    return HealthDocument(
        status=state(document.get("overall", document.get("status"))),
        checks=list(_checks(document))[:MAX_CHECKS],
        pool=dict(_pool(document)),
        version=_text(document.get("version")),
        environment=_text(document.get("environment")),
        uptime_seconds=None if uptime is None else uptime / 1000,
    )


def state(word: Any) -> str:
    """Return the state that a document's own word stands for; `unknown` for a word nobody uses for that."""
    if isinstance(word, bool):
        return "healthy" if word else "unhealthy"
    return _WORDS.get(str(word).strip().lower(), "unknown")


def _checks(document: dict[str, Any]) -> Iterator[Check]:
    checks = document.get("checks", document.get("services", []))
    entries: Iterator[tuple[Any, Any]]
    if isinstance(checks, dict):
        entries = iter(checks.items())
    elif isinstance(checks, list):
        entries = ((item.get("name", item.get("service")), item) for item in checks if isinstance(item, dict))
    else:
        return
    seen: set[str] = set()
    for name, entry in entries:
        for check in _entry(str(name), entry):
            if check.name not in seen:
                seen.add(check.name)
                yield check


def _entry(name: str, entry: Any) -> Iterator[Check]:
    if not isinstance(entry, dict):
        yield Check(name, state(entry))
        return
    services = entry.get("services")
    if isinstance(services, dict):
        for service, up in services.items():
            yield Check(str(service), state(up))
    if "status" in entry:
        details = entry.get("details")
        latency = details.get("latency") if isinstance(details, dict) else None
        spent = next((entry[key] for key in ("latencyMs", "duration", "latency") if key in entry), latency)
        milliseconds = _number(spent)
        yield Check(name, state(entry["status"]), None if milliseconds is None else milliseconds / 1000)


def _pool(document: dict[str, Any]) -> Iterator[tuple[str, float]]:
    checks = document.get("checks")
    database = checks.get("database") if isinstance(checks, dict) else None
    for holder in (document, database):
        stats = holder.get("poolStats", holder.get("pool")) if isinstance(holder, dict) else None
        if isinstance(stats, dict):
            for key in ("active", "idle", "waiting"):
                if (value := _number(stats.get(key))) is not None:
                    yield key, value


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LARGEST:
        return None
    return float(value)


def _text(value: Any) -> str | None:
    return str(value)[:100] if isinstance(value, str | int | float) else None


class HealthSource(Source):
    """Asks one endpoint."""

    def __init__(self, key: str, config: Health) -> None:
        super().__init__(
            f"health.{key}",
            every=config.every,
            timeout=config.timeout,
            spec=config,
            phase_lock=config.phase_lock,
            exclusive=True,
        )
        self._key, self._config = key, config
        self._reached = ""

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        return client(self.timeout, Accept="application/json")

    async def collect(self) -> Collected:
        """Ask once. An endpoint out of reach is also a result: see `down`."""
        started = time.perf_counter()
        response = await send(self._client, self._client.build_request("GET", self._config.url))
        took = time.perf_counter() - started
        try:
            document = understand(response.content)
        except SourceError as error:
            if response.status_code != httpx.codes.OK:
                raise SourceError(
                    "http_status",
                    f"HTTP {response.status_code}, and {error}",
                    remedy=error.remedy,
                    retry_after=retry_after(response),
                ) from error
            raise
        self._reached = f"HTTP {response.status_code}, {document.status}, {len(document.checks)} checks"
        return self._families(document, response.status_code, took)

    def _families(self, document: HealthDocument, status_code: int, took: float) -> Collected:
        key, out = self._key, Collected()
        out.set(SUCCESS, 0 if document.status == "unhealthy" else 1, key)
        out.set(DURATION, took, key)
        out.set(STATUS_CODE, status_code, key)
        for word in STATES:
            out.set(STATUS, word == document.status, key, word)
            for check in document.checks:
                out.set(CHECK_STATUS, word == check.status, key, check.name, word)
        for check in document.checks:
            out.set(CHECK_DURATION, check.seconds, key, check.name)
        for pool_state, connections in document.pool.items():
            out.set(POOL, connections, key, pool_state)
        if document.version or document.environment:
            out.set(INFO, 1, key, document.version or "", document.environment or "")
        if document.uptime_seconds is not None:
            out.set(START, round(time.time() - document.uptime_seconds), key)
        return out

    def down(self) -> Collected:
        """Without an answer the probe failed, and the state is unknown."""
        out = Collected()
        out.set(SUCCESS, 0, self._key)
        for word in STATES:
            out.set(STATUS, word == "unknown", self._key, word)
        return out

    async def inspect(self) -> tuple[str, list[Gap]]:
        """Say what the endpoint answered."""
        return self._reached, []

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _build(platform: "Platform") -> list[Source]:
    return [
        HealthSource(key, config)
        for key, config in platform.section("health").items()
        if isinstance(config, Health)
    ]


KIND = SourceKind(
    name="health",
    config=Health,
    build=_build,
    families=(SUCCESS, DURATION, STATUS_CODE, STATUS, CHECK_STATUS, CHECK_DURATION, POOL, INFO, START),
)
