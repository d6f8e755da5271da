"""The past of what is not there yet when the demo starts: figures that come late, and those of Prometheus itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporter.demo.history.pasts import Values, counted, invocations, levelled, slowed
from exporter.demo.history.story import INCIDENTS, Story

Past = tuple[dict[str, str], Values, bool]
"""Labels, the name among them; the value at each moment; whether it is a counter."""

# What the demo's Workers need on a quiet machine, by script; Cloudflare itself is asked too late to be looked up.
_PER_INVOCATION = {
    "cloudflare_workers_cpu_seconds_total": {"demo-api": 0.00185, "demo-webhooks": 0.00116},
    "cloudflare_workers_wall_seconds_total": {"demo-api": 0.005, "demo-webhooks": 0.0034},
    "cloudflare_workers_subrequests_total": {"demo-api": 1.74, "demo-webhooks": 1.0},
    "cloudflare_workers_response_body_bytes_total": {"demo-api": 300.0, "demo-webhooks": 33.0},
    "cloudflare_workers_client_disconnects_total": {"demo-api": 0.0, "demo-webhooks": 0.0},
}
_QUANTILES = ("0.5", "0.75", "0.9", "0.95", "0.99")
_WALL = {
    "demo-api": (0.0028, 0.0045, 0.008, 0.014, 0.022),
    "demo-webhooks": (0.0026, 0.0035, 0.0046, 0.0052, 0.0056),
}
_SECONDS = {
    "cloudflare_workers_request_duration_seconds": _WALL,
    "cloudflare_workers_wall_time_seconds": _WALL,
    "cloudflare_workers_cpu_time_seconds": {
        "demo-api": (0.0012, 0.0015, 0.0024, 0.0043, 0.0072),
        "demo-webhooks": (0.0011, 0.0012, 0.0014, 0.0015, 0.0016),
    },
}
_INVOCATIONS = ("cloudflare_workers_requests_total", "cloudflare_workers_errors_total")
_AGE = "platform_exporter_source_served_age_seconds"
_AGES = {"health.": 0.3, "postgres.": 0.3}
_WINDOW_END, _LAG = "cloudflare_window_end_timestamp_seconds", 16.0  # seconds that the analytics are late
_SCRAPES = {"platform-exporter": 0.007, "prometheus": 0.008, "alertmanager": 0.0025}
"""Job → seconds."""

TOLD = {*_PER_INVOCATION, *_SECONDS, *_INVOCATIONS, _AGE, _WINDOW_END}
"""Names whose past is told here, whatever the exporter says of them now."""


def workers(story: Story, paces: Mapping[str, float]) -> Iterator[Past]:
    """Yield what Cloudflare would have counted: script → invocations per second at the start."""
    ends = [time - _LAG * (1 + 0.1 * late) for time, late in zip(story.times, story.noise, strict=True)]
    yield {"__name__": _WINDOW_END, "dataset": "workers"}, ends, False
    for script, pace in paces.items():
        for name in _INVOCATIONS:
            for status in ("success", "scriptThrewException"):
                if name == _INVOCATIONS[0] or status != "success":
                    labels = {"__name__": name, "script_name": script, "status": status}
                    yield labels, invocations(story, pace, status), True
        for name, each in _PER_INVOCATION.items():
            labels = {"__name__": name, "script_name": script, "status": "success"}
            yield labels, counted(story, pace * each[script], name), True
        for name, usual in _SECONDS.items():
            for quantile, seconds in zip(_QUANTILES, usual[script], strict=True):
                labels = {"__name__": name, "script_name": script, "quantile": quantile}
                yield labels, slowed(story, seconds), False


def sources(story: Story, entries: Sequence[Mapping[str, Any]]) -> Iterator[Past]:
    """Yield how old each source's data were when they were scraped: read just before."""
    for entry in entries:
        usual = next((age for start, age in _AGES.items() if entry["source"].startswith(start)), 2.5)
        ages = [usual * (1 + 0.3 * drift) for drift in story.drift(entry["source"])]
        yield {"__name__": _AGE, "source": entry["source"]}, ages, False


def scraped(story: Story, job: str) -> Iterator[Past]:
    """Yield what Prometheus says of a target, and what Prometheus and Alertmanager say of themselves."""
    yield {"__name__": "up"}, levelled(story, 1.0), False
    yield {"__name__": "scrape_duration_seconds"}, [_SCRAPES[job] * steady for steady in story.steady], False
    if job == "prometheus":
        yield {"__name__": "prometheus_tsdb_head_series"}, [2700 * growth for growth in story.growth], False
        for name in ("rule_evaluation_failures_total", "rule_group_iterations_missed_total"):
            yield {"__name__": f"prometheus_{name}", "rule_group": "slo"}, levelled(story, 0.0), True
    if job == "alertmanager":
        yield {"__name__": "alertmanager_silences", "state": "active"}, levelled(story, 0.0), False
        for integration in ("slack", "pagerduty", "email"):
            labels = {"integration": integration}
            yield {"__name__": "alertmanager_notifications_total", **labels}, _told(story), True
            yield (
                {"__name__": "alertmanager_notifications_failed_total", **labels},
                levelled(story, 0.0),
                True,
            )


def _told(story: Story) -> Values:
    """One message when an alert begins, one when it ends; none has been sent when the demo starts."""
    moments = [
        story.now - incident.ago + after
        for incident in INCIDENTS
        for after in (incident.after, incident.lasted)
        for _ in incident.alerts
    ]
    return [-float(sum(moment > time for moment in moments)) for time in story.times]
