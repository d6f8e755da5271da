"""The demo verifies itself: targets, rules, one alert there and back, every panel's query. Each wait is bounded."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console

from exporter.demo.native.faults import FAULTS
from exporter.demo.native.panels import PanelQuery, panel_queries
from exporter.demo.native.prometheus import PrometheusClient, QueryError
from exporter.demo.native.report import show_result
from exporter.demo.native.state import State

ALERT = "DatabaseDown"
SLACK_CHANNEL = "#alerts-critical"
SECONDS_TO_SETTLE = 60.0
SECONDS_TO_NOTIFY = 90.0
PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was verified: whether it held, what was seen, and the seconds it took."""

    name: str
    held: bool
    seen: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Seen:
    held: bool
    text: str


async def verify(state: State, console: Console) -> list[Result]:
    """Verify the running demo; print each result as it comes and return them all."""
    demo = state.running()
    results: list[Result] = []

    async def check(name: str, look: Callable[[], Awaitable[_Seen]], within: float = 0.0) -> bool:
        started = time.monotonic()
        while True:
            try:
                seen = await look()
            except (httpx.HTTPError, QueryError) as error:
                seen = _Seen(False, str(error) or type(error).__name__)
            if seen.held or time.monotonic() - started >= within:
                break
            await asyncio.sleep(PAUSE)
        results.append(Result(name, seen.held, seen.text, time.monotonic() - started))
        show_result(console, results[-1])
        return seen.held

    prometheus = PrometheusClient(demo.ports.url("prometheus"))
    sinks = httpx.AsyncClient(base_url=demo.ports.url("sinks"), timeout=5.0, trust_env=False)
    try:
        await check("targets up", lambda: _targets(prometheus), SECONDS_TO_SETTLE)
        await check("rules loaded and healthy", lambda: _rules(prometheus), SECONDS_TO_SETTLE)
        await check("database seen", lambda: _database_seen(prometheus), SECONDS_TO_SETTLE)
        severity = await _severity(prometheus)
        await asyncio.to_thread(FAULTS["database"].make, demo)
        broken = time.time()
        try:
            await check(
                "database stopped → PagerDuty trigger",
                lambda: _paged(sinks, broken, "firing", severity),
                SECONDS_TO_NOTIFY,
            )
            await check("… and Slack message", lambda: _posted(sinks, broken, "firing"), SECONDS_TO_NOTIFY)
        finally:
            await asyncio.to_thread(FAULTS["database"].mend, demo)
        mended = time.time()
        await check(
            "database started → PagerDuty resolve",
            lambda: _paged(sinks, mended, "resolved"),
            SECONDS_TO_NOTIFY,
        )
        await check("… and Slack message", lambda: _posted(sinks, mended, "resolved"), SECONDS_TO_NOTIFY)
        await check("all targets up again", lambda: _targets(prometheus), SECONDS_TO_SETTLE)
        await check("every panel's query answered", lambda: _panels(state, prometheus))
    finally:
        await prometheus.close()
        await sinks.aclose()
    return results


async def _targets(prometheus: PrometheusClient) -> _Seen:
    targets = await prometheus.targets()
    down = [
        target["labels"].get("job", target["scrapeUrl"]) for target in targets if target["health"] != "up"
    ]
    text = f"{len(targets) - len(down)} of {len(targets)} up" + (f", not {', '.join(down)}" if down else "")
    return _Seen(bool(targets) and not down, text)


async def _rules(prometheus: PrometheusClient) -> _Seen:
    rules = await prometheus.rules()
    broken = [rule for rule in rules if rule["health"] != "ok" or rule.get("lastError")]
    text = f"{len(rules)} rules"
    if broken:
        text += f", {len(broken)} not healthy: {broken[0]['name']} {broken[0].get('lastError', 'not evaluated yet')}"
    return _Seen(bool(rules) and not broken, text)


async def _database_seen(prometheus: PrometheusClient) -> _Seen:
    """The drill may begin once a healthy database was scraped and Alertmanager is known."""
    up, alertmanagers = await prometheus.query("pg_up == 1"), await prometheus.alertmanagers()
    return _Seen(up > 0 and bool(alertmanagers), f"pg_up 1 in {up} series, {len(alertmanagers)} Alertmanager")


async def _severity(prometheus: PrometheusClient) -> str | None:
    for rule in await prometheus.rules():
        if rule["name"] == ALERT:
            return str(rule["labels"].get("severity"))
    return None


async def _paged(sinks: httpx.AsyncClient, since: float, status: str, severity: str | None = None) -> _Seen:
    for item in await _arrived(sinks, "pagerduty", since, status):
        found = (item["body"].get("payload") or {}).get("severity")
        if severity is None or found == severity:
            after = item["received_at"] - since
            return _Seen(True, f"after {after:.1f} s" + (f", severity {found}" if severity else ""))
        return _Seen(False, f"severity {found} instead of {severity}")
    return _Seen(False, f"nothing within {time.time() - since:.0f} s")


async def _posted(sinks: httpx.AsyncClient, since: float, status: str) -> _Seen:
    found = await _arrived(sinks, "slack", since, status)
    channels = sorted({str(item["body"].get("channel")) for item in found})
    for item in found:
        if item["body"].get("channel") == SLACK_CHANNEL:
            return _Seen(True, f"after {item['received_at'] - since:.1f} s in {SLACK_CHANNEL}")
    return _Seen(False, f"not in {SLACK_CHANNEL}; messages in: {', '.join(channels) or 'none'}")


async def _arrived(sinks: httpx.AsyncClient, channel: str, since: float, status: str) -> list[dict[str, Any]]:
    """Return the notifications about the drill's alert, oldest first."""
    items = (await sinks.get("/api/notifications", params={"channel": channel})).json()
    return [
        item
        for item in reversed(items)
        if item["received_at"] >= since and item["status"] == status and ALERT in str(item["body"])
    ]


async def _panels(state: State, prometheus: PrometheusClient) -> _Seen:
    """Ask every query, over the range that its dashboard shows. Panels of what is rare may be empty."""
    queries = await panel_queries(state.generated, prometheus)
    failed: list[str] = []
    series: dict[str, int] = {}
    rare: set[str] = set()
    for query in queries:
        panel = f"{query.dashboard} / {query.panel}"
        if query.rare:
            rare.add(panel)
        try:
            series[panel] = series.get(panel, 0) + await _ask(prometheus, query)
        except QueryError as error:
            failed.append(f"{panel}: {error}")
    empty = [panel for panel, count in series.items() if count == 0 and panel not in rare]
    answered, whole = len(queries) - len(failed), len(series) - len(empty)
    text = f"{answered} of {len(queries)} answered, {whole} of {len(series)} panels as they should be"
    if failed:
        text += f"; first failure: {failed[0]}"
    elif empty:
        text += f", none in {', '.join(empty)}"
    return _Seen(bool(queries) and not failed, text)


async def _ask(prometheus: PrometheusClient, query: PanelQuery) -> int:
    if query.instant:
        return await prometheus.query(query.expression)
    return await prometheus.query_range(query.expression, query.seconds, query.step)
