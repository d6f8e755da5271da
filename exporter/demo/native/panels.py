"""The queries of generated dashboards, with their variables filled in as Grafana would."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from exporter.demo.native.prometheus import PrometheusClient

SCRAPE_SECONDS = 5.0
POINTS = 500
"""How many values a panel of usual width asks for."""
STEPS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600)
_RANGE = re.compile(r"now-(\d+)([hd])")
_SECONDS = {"h": 3600, "d": 86400}
# Where a panel says one of these, data are missing; any other text is the usual case of something rare.
MISSING = {"no data", "no traffic", "no reads", "not read", "not measured", "not known", "no objective"}
MISSING |= {"no statements", "no calls", "exporter down", "No traffic", "No traffic yet"}
_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<plain>\w+)|\[\[(?P<squared>\w+)\]\]")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query: where it stands, its text, and whether the panel asks for one moment or a range (`seconds`, `step`).

    A `rare` one has no data as long as all is well: failures, alerts, things that not every server has.
    """

    dashboard: str
    panel: str
    expression: str
    instant: bool
    seconds: float
    step: float
    rare: bool


async def panel_queries(
    folder: Path, prometheus: PrometheusClient, shown: float | None = None
) -> list[PanelQuery]:
    """Read every dashboard below `folder` and return its queries, ready to be sent.

    They are those of a page opened as it is, or set to the `shown` seconds.
    """
    found = []
    for name, dashboard in _dashboards(folder):
        seconds = shown or range_of(dashboard)
        variables = await _variables(dashboard, prometheus, _built_in(seconds, _step(seconds, POINTS)))
        for panel in _panels(dashboard["panels"]):
            step = _step(seconds, panel.get("maxDataPoints") or POINTS)
            values = {**variables, **_built_in(seconds, step)}
            without = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "no data")
            for target in panel.get("targets") or ():
                if expression := target.get("expr"):
                    found.append(
                        PanelQuery(
                            name,
                            panel.get("title", ""),
                            fill(expression, values),
                            bool(target.get("instant")),
                            seconds,
                            step,
                            without not in MISSING,
                        )
                    )
    return found


def _step(seconds: float, points: int) -> float:
    return next((step for step in STEPS if step >= seconds / points), STEPS[-1])


def range_of(dashboard: Mapping[str, Any]) -> float:
    """Return the seconds that a dashboard shows when it is opened."""
    asked = _RANGE.fullmatch(dashboard.get("time", {}).get("from", "now-1h"))
    if asked is None:
        raise ValueError(f"{dashboard['title']}: want a range of hours or days, have {dashboard['time']}")
    return float(asked[1]) * _SECONDS[asked[2]]


def _built_in(seconds: float, step: float) -> dict[str, str]:
    """Grafana's own variables; its rate interval spans a step and a scrape, and at least four scrapes."""
    rate = max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)
    now = time.time()
    return {
        "__from": f"{(now - seconds) * 1000:.0f}",
        "__to": f"{now * 1000:.0f}",
        "__rate_interval": f"{rate:.0f}s",
        "__interval": f"{step:.0f}s",
        "__interval_ms": f"{step * 1000:.0f}",
        "__range": f"{seconds:.0f}s",
        "__range_s": f"{seconds:.0f}",
        "__range_ms": f"{seconds * 1000:.0f}",
    }


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


async def _variables(
    dashboard: dict[str, Any], prometheus: PrometheusClient, built_in: Mapping[str, str]
) -> dict[str, str]:
    values: dict[str, str] = {}
    for variable in dashboard.get("templating", {}).get("list", ()):
        values[variable["name"]] = await _value(variable, prometheus, {**built_in, **values})
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
    asked = _LABEL_VALUES.match(fill(text, before).strip())
    if asked is None:
        return text.split(",")[0]
    found = await prometheus.label_values(asked["label"], asked["selector"])
    return found[0] if found else ""
