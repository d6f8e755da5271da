"""The platform file as the Jsonnet folders see it: plain data, numbers as strings, computed as far as it can be."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.engine.engine import build_sources
from exporter.engine.freshness import stale_after
from exporter.generate.alerting import (
    alerting_entry,
    split_text_messages,
    unknown_alerts,
    unreadable_secrets,
)
from exporter.generate.needs import mutual_needs
from exporter.generate.scrapes import scrape_entries, unreadable_keys
from exporter.generate.services import service_entry, unusable_levels
from exporter.platform.kpis import Kpi
from exporter.platform.load import fingerprint, load
from exporter.platform.model import RUNBOOKS, Platform
from exporter.platform.problems import PlatformError
from exporter.platform.quotas import Quota
from exporter.platform.routing import speaks_for
from exporter.platform.values import Duration, Size, plain
from exporter.sources.postgres import Postgres
from exporter.sources.postgres.collector import builtin

RETENTION_DAYS = 45


def catalogue(path: Path) -> dict[str, Any]:
    """Read the platform file at `path` and return the document that the Jsonnet folders take.

    Raises:
        PlatformError: the file is not usable, or asks for an alert that could never fire.
    """
    platform = load(path)
    if problems := [
        *unusable_levels(path, platform),
        *mutual_needs(path, platform),
        *unreadable_secrets(path, platform),
        *unknown_alerts(path, platform),
        *split_text_messages(path, platform),
        *unreadable_keys(path, platform),
    ]:
        raise PlatformError(problems)
    return {
        "platform": platform.platform,
        "environment": platform.environment,
        "title": platform.title or platform.platform,
        "hash": fingerprint(path),
        "file": path.name,
        "monitoring": _monitoring(platform),
        "services": [service_entry(platform, name) for name in platform.services],
        "sources": _sources(platform),
        "scrapes": scrape_entries(platform),
        "queries": _queries(platform),
        "kpis": [_kpi(kpi) for kpi in platform.kpis],
        "quotas": [_quota(name, quota) for name, quota in platform.quotas.items()],
        "alerting": alerting_entry(platform),
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


def _sources(platform: Platform) -> list[dict[str, Any]]:
    found = []
    for source in build_sources(platform):
        section, _, target = source.name.partition(".")
        entry = platform.section(section).get(target)
        kind = section if entry is not None or not target else f"{section}_{target}"
        found.append(
            {
                "source": source.name,
                "kind": kind,
                "target": target,
                "service": speaks_for(platform, source.name),
                "title": getattr(entry, "title", None) or source.name,
                "every": str(Duration(source.every)),
                "every_seconds": f"{source.every:g}",
                "stale_after_seconds": f"{stale_after(source.every, source.timeout):g}",
                "health": getattr(entry, "health", None) is not None,
                **({"off": _off(entry)} if isinstance(entry, Postgres) else {}),
                **source.facts,
            }
        )
    return found


def _off(server: Postgres) -> dict[str, list[str]]:
    """Return the collectors that the platform file switches off, with the metrics that the server then lacks."""
    return {
        collector.name: [column.family.name for column in collector.columns]
        for collector in builtin()
        if (change := server.collectors.get(collector.name)) is not None and change.enabled is False
    }


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
                    "labels": list(query.labels_of(declared)),
                    "unit": declared.unit or "",
                    **_given(title=declared.title),
                }
                for metric, declared in query.metrics.items()
            ],
        }
        for name, query in platform.queries.items()
    ]


def _quota(name: str, quota: Quota) -> dict[str, str]:
    number = quota.limit.strip()
    limit = number if number[-1].isdigit() else str(Size.parse(number))
    return {
        "name": name,
        "title": quota.title,
        "used": quota.used,
        "limit": limit,
        "written": quota.limit,
        "resets": quota.resets,
    }


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
        "kpi": kpi.name,
        "title": kpi.title,
        "help": kpi.help,
        "expr": kpi.expr,
        "op": operator,
        "target": plain(value),
        "unit": unit,
        "view": kpi.view,
    }
