"""Health documents: the JSON with which a product says how it is.

Four shapes are understood, told apart by what is in the document:

- `{"overall", "checks": {NAME: {"status", "latencyMs"}}}`, with `checks.integration.services` as booleans and
  `poolStats` (active, idle, waiting), as Pitchey answers on /api/health/all
- `{"data": {"overall", "checks": [{"name", "status", "duration"}], "version", "uptime"}}`, as CloudGreet does
- `{"status", "services": [{"service", "status", "details": {"latency"}}]}`, as Atomic Guide does
- `{"status", "checks": …}` with either form of checks, as Word Is Bond does

Durations in the documents are milliseconds.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exporter.engine.source import SourceError

STATES = ("healthy", "degraded", "unhealthy", "unknown")
MAX_CHECKS = 100
"""Most checks taken from one document."""

MAX_LABEL_BYTES = 100
"""Most bytes taken of a name or version in a document. Of names that are equal up to there, the first counts."""

_LARGEST = 1e15
"""A number beyond this is no duration and no count of connections."""

_WORDS = {
    "healthy": "healthy",
    "ok": "healthy",
    "up": "healthy",
    "pass": "healthy",
    "green": "healthy",
    "operational": "healthy",
    "passing": "healthy",  # Consul
    "serving": "healthy",  # gRPC
    "alive": "healthy",
    "available": "healthy",
    "online": "healthy",
    "ready": "healthy",
    "running": "healthy",
    "success": "healthy",
    "degraded": "degraded",
    "warn": "degraded",
    "warning": "degraded",
    "yellow": "degraded",
    "degraded_performance": "degraded",  # Statuspage
    "partial_outage": "degraded",
    "unhealthy": "unhealthy",
    "down": "unhealthy",
    "fail": "unhealthy",
    "error": "unhealthy",
    "failed": "unhealthy",
    "failing": "unhealthy",
    "failure": "unhealthy",
    "offline": "unhealthy",
    "outage": "unhealthy",
    "major_outage": "unhealthy",
    "not_serving": "unhealthy",
    "out_of_service": "unhealthy",
    "unavailable": "unhealthy",
    "red": "unhealthy",
    "critical": "unhealthy",
}


@dataclass(slots=True)
class Check:
    """One component of a health document. `seconds` is None when the document does not say."""

    name: str
    status: str
    seconds: float | None = None


@dataclass(slots=True)
class HealthDocument:
    """A health document, whatever its shape was. `word` is its own for `status`."""

    status: str
    checks: list[Check] = field(default_factory=list)
    pool: dict[str, float] = field(default_factory=dict)
    version: str | None = None
    environment: str | None = None
    uptime_seconds: float | None = None
    word: str = field(default="", compare=False)


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
    if not isinstance(document, dict) or (said := _first(document, "overall", "status")) is None:
        raise SourceError(
            "parse",
            "the answer has neither `overall` nor `status`",
            remedy="Name an endpoint that answers with a health document.",
        )
    uptime = _number(document.get("uptime"))
    return HealthDocument(
        status=state(said),
        checks=list(_checks(document))[:MAX_CHECKS],
        pool=dict(_pool(document)),
        version=_text(document.get("version")),
        environment=_text(document.get("environment")),
        uptime_seconds=None if uptime is None else uptime / 1000,
        word=_cut(str(said)),
    )


def state(word: Any) -> str:
    """Return the state that a document's own word stands for; `unknown` for a word nobody uses for that."""
    if isinstance(word, bool):
        return "healthy" if word else "unhealthy"
    return _WORDS.get(word.strip().lower(), "unknown") if isinstance(word, str) else "unknown"


def _checks(document: dict[str, Any]) -> Iterator[Check]:
    checks = _first(document, "checks", "services")
    entries: Iterator[tuple[Any, Any]]
    if isinstance(checks, dict):
        entries = iter(checks.items())
    elif isinstance(checks, list):
        entries = ((_first(item, "name", "service"), item) for item in checks if isinstance(item, dict))
    else:
        return
    seen: set[str] = set()
    for name, entry in entries:
        for check in _entry(name, entry):
            if check.name not in seen:
                seen.add(check.name)
                yield check


def _entry(called: Any, entry: Any) -> Iterator[Check]:
    name = _text(called)
    if not isinstance(entry, dict):
        if name:
            yield Check(name, state(entry))
        return
    services = entry.get("services")
    if isinstance(services, dict):
        for service, up in services.items():
            if service:
                yield Check(_cut(service), state(up))
    if name and "status" in entry:
        details = entry.get("details")
        spent = _first(entry, "latencyMs", "duration", "latency")
        if spent is None and isinstance(details, dict):
            spent = details.get("latency")
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


def _first(document: dict[str, Any], *keys: str) -> Any:
    """Return what the first of the keys says that says anything: null says nothing."""
    return next((document[key] for key in keys if document.get(key) is not None), None)


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LARGEST:
        return None
    return float(value)


def _text(value: Any) -> str | None:
    return _cut(str(value)) if isinstance(value, str | int | float) else None


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:MAX_LABEL_BYTES].decode(errors="ignore")
