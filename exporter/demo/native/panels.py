"""The queries of generated dashboards, with their variables filled in as Grafana would."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from exporter.demo.native.prometheus import PrometheusClient

RANGE_SECONDS = 900
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": f"{RANGE_SECONDS}s",
    "__range_s": str(RANGE_SECONDS),
    "__range_ms": str(RANGE_SECONDS * 1000),
}
_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<plain>\w+)|\[\[(?P<squared>\w+)\]\]")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query: where it stands, its text, and whether the panel asks for one moment or a range."""

    dashboard: str
    panel: str
    expression: str
    instant: bool


async def panel_queries(folder: Path, prometheus: PrometheusClient) -> list[PanelQuery]:
    """Read every dashboard below `folder` and return its queries, ready to be sent."""
    found = []
    for name, dashboard in _dashboards(folder):
        values = {**BUILT_IN, **await _variables(dashboard, prometheus)}
        for panel in _panels(dashboard["panels"]):
            for target in panel.get("targets") or ():
                if expression := target.get("expr"):
                    text = fill(expression, values)
                    found.append(PanelQuery(name, panel.get("title", ""), text, bool(target.get("instant"))))
    return found


def _dashboards(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    documents = [(path.stem, orjson.loads(path.read_bytes())) for path in sorted(folder.rglob("*.json"))]
    return [(name, document) for name, document in documents if "panels" in document]


def fill(expression: str, values: Mapping[str, str]) -> str:
    """Replace `$name`, `${name}`, `${name:format}` and `[[name]]`; Prometheus refuses what stays."""

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"] or match["squared"]
        return values.get(name, match[0])

    return _VARIABLE.sub(value, expression)


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or [])


async def _variables(dashboard: dict[str, Any], prometheus: PrometheusClient) -> dict[str, str]:
    values: dict[str, str] = {}
    for variable in dashboard.get("templating", {}).get("list", ()):
        values[variable["name"]] = await _value(variable, prometheus, values)
    return values


async def _value(variable: dict[str, Any], prometheus: PrometheusClient, before: Mapping[str, str]) -> str:
    current = (variable.get("current") or {}).get("value")
    if isinstance(current, list):
        current = "|".join(current)
    if current and current != "$__all":
        return str(current)
    if variable.get("includeAll"):
        return str(variable.get("allValue") or ".*")
    query = variable.get("query")
    text = query.get("query", "") if isinstance(query, dict) else str(query or "")
    asked = _LABEL_VALUES.match(fill(text, {**BUILT_IN, **before}).strip())
    if asked is None:
        return text.split(",")[0]
    found = await prometheus.label_values(asked["label"], asked["selector"])
    return found[0] if found else ""
