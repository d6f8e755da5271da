"""Health endpoints: what the product says of itself, as a JSON document.

A document in an answer of 503 counts when it says unhealthy or degraded: that is where the diagnosis is. Any other
document in an answer of an error is the error's own, and a failure. So is a document that says neither of these nor
healthy, in whatever answer it comes: a word that nobody knows is no proof of health.
"""

import time
from functools import cached_property
from typing import TYPE_CHECKING

from exporter.engine.families import Collected, Family
from exporter.engine.source import Gap, Reason, Source, SourceError
from exporter.platform.base import Interval, Part, Text
from exporter.platform.values import Duration, Url
from exporter.sources._health_document import STATES, HealthDocument, understand
from exporter.sources._http import client, prepare, retry_after, send
from exporter.sources.kind import SourceKind

if TYPE_CHECKING:
    import httpx

    from exporter.platform.model import Platform

SUCCESS = Family(
    "probe_success",
    "gauge",
    "Whether the answer is a health document that says healthy or degraded; with an HTTP error, degraded.",
    ("target",),
)
DURATION = Family("probe_duration_seconds", "gauge", "How long the answer took.", ("target",))
STATUS_CODE = Family(
    "probe_http_status_code", "gauge", "HTTP status of the answer, 0 without one.", ("target",)
)
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

MAX_SILENCE = 2.0
"""The longest that an unhealthy endpoint is left alone because it asks for it, in intervals: it may be well by then."""

_REFUSALS: dict[int, tuple[Reason, str]] = {
    401: ("auth", "Let the exporter read it without credentials, such as by its address."),
    403: ("auth", "Let the exporter read it without credentials, such as by its address."),
    429: ("rate_limited", "Ask less often, with `every:`, or raise the endpoint's limit."),
}
"""Answers by HTTP status that are no health document, whatever is in them."""


class Health(Part):
    """A health endpoint."""

    url: Url
    title: Text | None = None
    every: Interval = Duration(30)
    timeout: Interval = Duration(5)
    phase_lock: bool = True
    """Finish just before the next scrape once the scrapers' rhythm is known."""


def _read(response: "httpx.Response") -> HealthDocument:
    """Read the document of an answer. Raises SourceError when there is none, or none that an HTTP error may carry."""
    code, wait = response.status_code, retry_after(response)
    if code in _REFUSALS:
        reason, remedy = _REFUSALS[code]
        raise SourceError(reason, f"HTTP {code}", remedy=remedy, retry_after=wait)
    try:
        document = understand(response.content)
    except SourceError as error:
        if response.is_success:
            raise
        raise SourceError(
            "http_status", f"HTTP {code}, and {error}", remedy=error.remedy, retry_after=wait
        ) from error
    if not response.is_success and document.status not in ("degraded", "unhealthy"):
        raise SourceError(
            "http_status",
            f"HTTP {code}, and the document says {document.status}",
            remedy="See in the product's log why it answers so.",
            retry_after=wait,
        )
    if document.status == "unknown":
        raise SourceError(
            "parse",
            f"the document's status is {document.word!r}, which nobody knows",
            remedy="Have it say healthy, degraded or unhealthy.",
            retry_after=wait,
        )
    return document


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
        self._status_code: int | None = None

    @cached_property
    def _client(self) -> "httpx.AsyncClient":
        return client(self.timeout, Accept="application/json")

    def prepare(self) -> None:
        """Load what it takes to speak HTTP."""
        prepare()

    async def collect(self) -> Collected:
        """Ask once. An endpoint out of reach is also a result: see `down`."""
        status_code, started = 0, time.perf_counter()
        try:
            response = await send(self._client, self._client.build_request("GET", self._config.url))
            status_code = response.status_code
        finally:
            self._status_code = status_code
        took = time.perf_counter() - started
        document = _read(response)
        self._reached = f"HTTP {status_code}, {document.status}, {len(document.checks)} checks"
        collected = self._families(document, status_code, took)
        if response.is_error and (wait := retry_after(response)) is not None:
            collected.wait = min(wait, MAX_SILENCE * self.every)
        return collected

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
        out.set(STATUS_CODE, self._status_code, self._key)
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
