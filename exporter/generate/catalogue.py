"""The platform file as the Jsonnet folders see it: plain data, every number a string, everything computed that can be.

The formulas of the burn tiers are those of the SRE workbook, chapter 5: a tier alerts when `share` of the period's
error budget would be gone within its long window, so its burn factor is `share * period / long window`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.engine.engine import build_sources
from exporter.engine.scheduler import stale_after
from exporter.platform.load import fingerprint, load, locate
from exporter.platform.model import Channel, Kpi, Platform, Service
from exporter.platform.problems import PlatformError, Problem
from exporter.platform.values import Duration, Secret, plain

RUNBOOKS = "https://github.com/platform-exporter/platform-exporter/blob/main/docs/runbooks"
RETENTION_DAYS = 45


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

SEVERITIES = {"p1": "critical", "p2": "critical", "p3": "warning", "p4": "info"}


def catalogue(path: Path) -> dict[str, Any]:
    """Read the platform file at `path` and return the document that the Jsonnet folders take.

    Raises:
        PlatformError: the file is not usable, or asks for an alert that could never fire.
    """
    platform = load(path)
    if problems := [*_unreachable_tiers(path, platform), *_unreadable_secrets(path, platform)]:
        raise PlatformError(problems)
    return {
        "platform": platform.platform,
        "environment": platform.environment,
        "title": platform.title or platform.platform,
        "hash": fingerprint(path),
        "file": path.name,
        "monitoring": _monitoring(platform),
        "services": [_service(name, service) for name, service in platform.services.items()],
        "sources": _sources(platform),
        "queries": _queries(platform),
        "kpis": [_kpi(kpi) for kpi in platform.kpis],
        "alerting": _alerting(platform),
    }


def _monitoring(platform: Platform) -> dict[str, Any]:
    monitoring = platform.monitoring
    return {
        "exporter": monitoring.exporter,
        "prometheus": monitoring.prometheus.rstrip("/"),
        "alertmanager": monitoring.alertmanager.rstrip("/"),
        "prometheus_external": (monitoring.prometheus_external or monitoring.prometheus).rstrip("/"),
        "alertmanager_external": (monitoring.alertmanager_external or monitoring.alertmanager).rstrip("/"),
        "grafana": monitoring.grafana.rstrip("/"),
        "runbooks": (monitoring.runbooks or RUNBOOKS).rstrip("/"),
        "scrape_interval": str(monitoring.scrape_interval),
        "evaluation_interval": str(monitoring.evaluation_interval),
        "retention": f"{RETENTION_DAYS}d",
        "node_exporters": [address for address in monitoring.node_exporters if address],
    }


def _service(name: str, service: Service) -> dict[str, Any]:
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


def _sources(platform: Platform) -> list[dict[str, Any]]:
    found = []
    for source in build_sources(platform):
        section, _, target = source.name.partition(".")
        entry = platform.section(section).get(target)
        kind = section if entry is not None else f"{section}_{target}"
        found.append(
            {
                "source": source.name,
                "kind": kind,
                "target": target,
                "title": getattr(entry, "title", None) or source.name,
                "every": str(Duration(source.every)),
                "every_seconds": f"{source.every:g}",
                "stale_after_seconds": f"{stale_after(source.every, source.timeout):g}",
                **source.facts,
            }
        )
    return found


def _queries(platform: Platform) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": query.title,
            "database": query.database,
            "every": str(query.every),
            "every_seconds": f"{query.every:g}",
            "view": query.view,
            **_given(panel=query.panel),
            "metrics": [
                {
                    "name": metric,
                    "type": declared.type,
                    "help": declared.help,
                    "labels": ["target", *declared.labels],
                    "unit": declared.unit or "",
                    **_given(title=declared.title),
                }
                for metric, declared in query.metrics.items()
            ],
        }
        for name, query in platform.queries.items()
    ]


def _given(**hints: str | None) -> dict[str, str]:
    """Return the hints that the platform file gives: in Jsonnet a field that is absent has a default."""
    return {name: value for name, value in hints.items() if value is not None}


def _kpi(kpi: Kpi) -> dict[str, Any]:
    operator = kpi.target[:2].rstrip(" 0123456789.")
    number = kpi.target.removeprefix(operator).strip()
    share = number.endswith("%")
    value = Decimal(number.rstrip("% ")) / (100 if share else 1)
    unit = kpi.unit or ("percentunit" if share else "short")
    return {
        "title": kpi.title,
        "help": kpi.help,
        "expr": kpi.expr,
        "op": operator,
        "target": plain(value),
        "unit": unit,
        "view": kpi.view,
    }


def _alerting(platform: Platform) -> dict[str, Any]:
    alerting = platform.alerting
    timing = alerting.timing
    return {
        "priorities": {
            priority: {"word": alerting.priorities.get(priority, priority.upper()), "severity": severity}  # type: ignore[call-overload]  # keys are the four literals
            for priority, severity in SEVERITIES.items()
        },
        "timing": {
            "group_wait": str(timing.group_wait),
            "group_interval": str(timing.group_interval),
            "repeat_interval": str(timing.repeat_interval),
        },
        "channels": [_channel(name, channel) for name, channel in alerting.channels.items()],
        "heartbeat": alerting.heartbeat
        and {"url": alerting.heartbeat.url, "every": str(alerting.heartbeat.every)},
        "alerts": {
            name: {
                key: str(value) if key in ("for", "threshold") else value
                for key, value in override.model_dump(by_alias=True, exclude_unset=True).items()
            }
            for name, override in alerting.alerts.items()
        },
    }


def _channel(name: str, channel: Channel) -> dict[str, Any]:
    common = {"name": name, "priorities": list(channel.priorities)}
    if channel.pagerduty is not None:
        return {
            **common,
            "kind": "pagerduty",
            "routing_key_file": _file(channel.pagerduty.routing_key),
            "url": channel.pagerduty.url,
        }
    if channel.slack is not None:
        return {
            **common,
            "kind": "slack",
            "webhook_file": _file(channel.slack.webhook),
            "channel": channel.slack.channel,
        }
    email = channel.email
    assert email is not None, "the model asks for exactly one kind"
    return {
        **common,
        "kind": "email",
        "to": email.to,
        "from": email.sender,
        "smarthost": email.smarthost,
        "require_tls": email.require_tls,
        "auth_username": email.username,
        "auth_password_file": email.password and _file(email.password),
    }


def _file(secret: Secret) -> str:
    return str(secret.path)


def _unreachable_tiers(path: Path, platform: Platform) -> Iterator[Problem]:
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


def _unreadable_secrets(path: Path, platform: Platform) -> Iterator[Problem]:
    """Alertmanager reads secrets from files alone: its configuration knows no environment variables."""
    for name, channel in platform.alerting.channels.items():
        for kind, key, secret in (
            ("pagerduty", "routing_key", channel.pagerduty.routing_key if channel.pagerduty else None),
            ("slack", "webhook", channel.slack.webhook if channel.slack else None),
            ("email", "password", channel.email.password if channel.email else None),
        ):
            if secret is not None and secret.kind != "file":
                yield locate(
                    path,
                    ("alerting", "channels", name, kind, key),
                    "Alertmanager can read this secret from a file only",
                    f"Write ${{file:{name}_{key}}} and put the secret into that file of the secrets directory.",
                )
