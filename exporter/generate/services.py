"""Services as the Jsonnet folders see them, with the arithmetic of their error budgets.

The formulas of the burn tiers are those of the SRE workbook, chapter 5: a tier alerts when `share` of the period's
error budget would be gone within its long window, so its burn factor is `share * period / long window`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.generate.alerting import SEVERITIES
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem
from exporter.platform.services import Service
from exporter.platform.values import Duration, plain


@dataclass(frozen=True, slots=True)
class Tier:
    """A burn tier: `share` of the budget gone within `long`, seen in `short` too, for `wait`."""

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


def service_entry(name: str, service: Service) -> dict[str, Any]:
    """Return one service of the document."""
    signals = service.signals
    signal = (
        {"kind": "cloudflare_worker", "script_name": signals.cloudflare_worker}
        if signals.cloudflare_worker is not None
        else {"kind": "health", "target": signals.health}
    )
    return {
        "name": name,
        "title": service.title,
        "question": service.question,
        "signals": [signal],
        "slos": [_availability(name, service)] if service.objectives.availability is not None else [],
        "depends_on": list(service.depends_on),
    }


def _availability(name: str, service: Service) -> dict[str, Any]:
    objective, period = service.objectives.availability, service.objectives.period
    assert objective is not None, "called for services with the objective only"
    budget = 1 - objective
    return {
        "slo": f"{name}-availability",
        "service": name,
        "sli": "availability",
        "title": f"{service.title} availability",
        "objective": plain(objective),
        "objective_text": objective.percent,
        "budget": plain(budget),
        "period": str(period),
        "period_days": plain(Decimal(period) / 86400),
        "minimum_bad_events": str(service.objectives.minimum_bad_events),
        "tiers": [_tier(tier, budget, period) for tier in TIERS],
    }


def _tier(tier: Tier, budget: Decimal, period: Duration) -> dict[str, str]:
    factor = _factor(tier, period)
    return {
        "tier": tier.name,
        "long": tier.long,
        "short": tier.short,
        "factor": plain(factor),
        "threshold": plain(factor * budget),
        "for": tier.wait,
        "priority": tier.priority,
        "severity": SEVERITIES[tier.priority],
        "exhausted_in": _spaced(Duration(round(period / float(factor) / 3600) * 3600)),
    }


def _factor(tier: Tier, period: Duration) -> Decimal:
    return round(tier.share * Decimal(period) / Decimal(Duration.parse(tier.long)), 4)


def _spaced(duration: Duration) -> str:
    days, hours = divmod(round(duration / 3600), 24)
    return " ".join(f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h")) if number) or "0h"


def unreachable_tiers(path: Path, platform: Platform) -> Iterator[Problem]:
    """A burn rate cannot exceed 1 / budget: a tier that asks for more would never fire."""
    for name, service in platform.services.items():
        objective, period = service.objectives.availability, service.objectives.period
        if objective is None:
            continue
        never = [tier.name for tier in TIERS if _factor(tier, period) * (1 - objective) >= 1]
        if never:
            yield locate(
                path,
                ("services", name, "objectives", "availability"),
                f"at {objective.percent} the {never[0]} burn alert could never fire: it would need over 100% errors",
                "Raise the objective, or shorten the period.",
            )
