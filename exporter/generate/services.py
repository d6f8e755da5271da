"""Services as the Jsonnet folders see them, with the arithmetic of their error budgets.

The formulas of the burn tiers are those of the SRE workbook, chapter 5: a tier alerts when `share` of the period's
error budget would be gone within its long window, so its burn factor is `share * period / long window`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.generate.alerting import SEVERITIES
from exporter.generate.needs import needs, rests_on, windows
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem
from exporter.platform.services import Service, Signals
from exporter.platform.values import Duration, Ratio, plain


@dataclass(frozen=True, slots=True)
class Tier:
    """A burn tier: `share` of the budget gone within `long`, seen in `short` too, for `wait`.

    `priority` is the most urgent that it can be: the objective's own goes before when it is milder.
    """

    name: str
    long: str
    short: str
    share: Decimal
    wait: str
    priority: str


TIERS = (
    Tier("fast", "1h", "5m", Decimal("0.02"), "2m", "p1"),
    Tier("medium", "6h", "30m", Decimal("0.05"), "15m", "p1"),
    Tier("slow", "1d", "2h", Decimal("0.10"), "1h", "p3"),
    Tier("trend", "3d", "6h", Decimal("0.10"), "3h", "p3"),
)

SHORTEST_WINDOW = 300
"""The recorded rates look back five minutes, which must hold at least four scrapes."""

# Kinds of signals whose percentiles arrive ready made, so that only minutes can be counted.
_READY_PERCENTILES = {"cloudflare_worker"}


@dataclass(frozen=True, slots=True)
class Level:
    """A promise of a service: which share of which events must be good, and where the platform file says so."""

    sli: str
    objective: Ratio
    promise: str
    keys: tuple[str, ...]
    bound: Duration | None = None
    percentile: str | None = None
    priority: str = "p1"


def service_entry(platform: Platform, name: str) -> dict[str, Any]:
    """Return one service of the document."""
    service = platform.services[name]
    return {
        "name": name,
        "title": service.title,
        "question": service.question,
        "signals": [_signal(service.signals)],
        "slos": [_slo(name, service, level) for level in _levels(service)],
        "depends_on": list(service.depends_on),
        "needs": needs(platform, name),
        "rests_on": rests_on(platform, name),
        "maintenance": windows(platform, name),
    }


def _signal(signals: Signals) -> dict[str, Any]:
    match signals.kind:
        case "cloudflare_worker":
            return {"kind": "cloudflare_worker", "script_name": signals.cloudflare_worker}
        case "metrics" | "freshness" as kind:
            part = getattr(signals, kind)
            given = {key: value for key, value in part if value is not None}
            return {"kind": kind, **{key: _text(value) for key, value in given.items()}}
        case "services":
            return {"kind": "services", "services": list(signals.services or ())}
        case kind:
            return {"kind": kind, "target": getattr(signals, kind)}


def _text(value: str | Duration) -> str:
    """Write a duration as its seconds, as PromQL wants it."""
    return plain(Decimal(str(float(value)))) if isinstance(value, Duration) else value


def _levels(service: Service) -> Iterator[Level]:
    for level in _promised(service):
        priority = getattr(service.objectives.priorities, level.sli)
        yield level if priority is None else replace(level, priority=priority)


def _promised(service: Service) -> Iterator[Level]:
    objectives = service.objectives
    if objectives.availability is not None:
        yield Level(
            "availability", objectives.availability, objectives.availability.percent, ("availability",)
        )
    if objectives.freshness is not None:
        yield Level("freshness", objectives.freshness, objectives.freshness.percent, ("freshness",))
    if (latency := objectives.latency) is not None:
        in_minutes = service.signals.kind in _READY_PERCENTILES
        objective = latency.of_minutes if in_minutes else latency.share
        promise = f"{objective.percent} {'with' if in_minutes else 'within'}"
        promise += f" {latency.percentile} below {latency.bound}" if in_minutes else f" {latency.bound}"
        keys = ("latency", "of_minutes" if in_minutes else latency.percentile)
        yield Level("latency", objective, promise, keys, latency.bound, latency.percentile)


def _slo(name: str, service: Service, level: Level) -> dict[str, Any]:
    period = service.objectives.period
    budget = 1 - level.objective
    return {
        "slo": f"{name}-{level.sli}",
        "service": name,
        "sli": level.sli,
        "title": f"{service.title} {level.sli}",
        "objective": plain(level.objective),
        "objective_text": level.promise,
        "budget": plain(budget),
        "period": str(period),
        "period_days": plain(Decimal(period) / 86400),
        "minimum_bad_events": str(service.objectives.minimum_bad_events),
        "tiers": [_tier(tier, level, period) for tier in _tiers(period)],
        **(
            {}
            if level.bound is None
            else {
                "bound": _text(level.bound),
                "bound_text": str(level.bound),
                "percentile": level.percentile,
            }
        ),
    }


def _tiers(period: Duration) -> list[Tier]:
    """Leave out the tiers whose factor is below 1: the objective is kept at their pace."""
    return [tier for tier in TIERS if _factor(tier, period) >= 1]


def _tier(tier: Tier, level: Level, period: Duration) -> dict[str, str]:
    factor = _factor(tier, period)
    priority = max(tier.priority, level.priority)
    return {
        "tier": tier.name,
        "long": tier.long,
        "short": tier.short,
        "factor": plain(factor),
        "threshold": plain(factor * (1 - level.objective)),
        "for": tier.wait,
        "priority": priority,
        "severity": SEVERITIES[priority],
        "exhausted_in": _spaced(Duration(round(period / float(factor) / 3600) * 3600)),
    }


def _factor(tier: Tier, period: Duration) -> Decimal:
    return round(tier.share * Decimal(period) / Decimal(Duration.parse(tier.long)), 4)


def _spaced(duration: Duration) -> str:
    days, hours = divmod(round(duration / 3600), 24)
    return " ".join(f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h")) if number) or "0h"


def unusable_levels(path: Path, platform: Platform) -> Iterator[Problem]:
    """Objectives whose alerts could never fire, and intervals too long to measure any."""
    scrape = platform.monitoring.scrape_interval
    if platform.services and 4 * scrape > SHORTEST_WINDOW:
        yield locate(
            path,
            ("monitoring", "scrape_interval"),
            f"at {scrape} the five minutes of the recorded rates hold fewer than four scrapes",
            "Scrape every 75s or more often.",
        )
    for name, service in platform.services.items():
        period = service.objectives.period
        for level in _levels(service):
            # A burn rate cannot exceed 1 / budget: a tier that asks for more would never fire.
            never = [t.name for t in _tiers(period) if _factor(t, period) * (1 - level.objective) >= 1]
            if never:
                yield locate(
                    path,
                    ("services", name, "objectives", *level.keys),
                    f"at {level.objective.percent} the {never[0]} burn alert could never fire: "
                    "it would need over 100% errors",
                    "Raise the objective, or shorten the period.",
                )
