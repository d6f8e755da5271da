"""Alerting as the Jsonnet folders see it: priorities, channels, timing, windows, overrides."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from exporter.generate.intervals import hours_intervals, window_intervals
from exporter.generate.mixin import alert_settings
from exporter.generate.needs import reached
from exporter.platform.alerting import Alerting, AlertOverride, Channel, KnownIssue
from exporter.platform.calendar import window_names
from exporter.platform.document import Location
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem, suggestion
from exporter.platform.routing import speaks_for
from exporter.platform.status_page import StatusPage
from exporter.platform.values import Duration, Secret

SEVERITIES = {"p1": "critical", "p2": "critical", "p3": "warning", "p4": "info"}
_REMEMBERS = 14
"""So many times longer than a symptom, a burn rate goes on after its cause is mended: its window holds the past.

With the usual 3m that is 42m: the 30m of the medium burn alert, the 5m of the rates that it averages, and a few minutes
by which a service that is several services as one is later than its parts."""

_OVERDUE = 1.5
"""After so many periods without a drill one is missing."""

SMS_INTERVAL = Duration(300)
"""The shortest time between two text messages to one number."""


def alerting_entry(platform: Platform) -> dict[str, Any]:
    """Return the section `alerting` of the document."""
    alerting = platform.alerting
    timing, hours, drill = alerting.timing, alerting.business_hours, alerting.drill
    return {
        "priorities": {
            priority: {"word": alerting.priorities.get(priority, priority.upper()), "severity": severity}  # type: ignore[call-overload]  # keys are the four literals
            for priority, severity in SEVERITIES.items()
        },
        "timing": {
            "group_wait": str(timing.group_wait),
            "group_interval": str(timing.group_interval),
            "repeat_interval": str(timing.repeat_interval),
            "repeat": {priority: str(every) for priority, every in timing.repeat.items()},
            "recovery": {
                "symptom": str(timing.recovery),
                "budget": str(Duration(_REMEMBERS * timing.recovery)),
            },
        },
        "channels": [_channel(name, channel, alerting) for name, channel in alerting.channels.items()],
        "escalation": [
            {"after": str(step.after), "priorities": list(step.priorities), "channels": list(step.channels)}
            for step in alerting.escalation
        ],
        "business_hours": hours
        and {"priorities": list(hours.priorities), "intervals": hours_intervals(hours)},
        "maintenance": _maintenance(platform),
        "known_issues": [
            _known_issue(number, issue) for number, issue in enumerate(alerting.known_issues, 1)
        ],
        "heartbeat": alerting.heartbeat
        and {"url": alerting.heartbeat.url, "every": str(alerting.heartbeat.every)},
        "status_page": alerting.status_page and _status_page(platform, alerting.status_page),
        "drill": drill and {"every": str(drill.every), "overdue_seconds": f"{_OVERDUE * drill.every:.0f}"},
        "alerts": {
            name: _written(override.model_dump(by_alias=True, exclude_unset=True))
            for name, override in alerting.alerts.items()
        },
    }


def _written(override: dict[str, Any]) -> dict[str, Any]:
    """Return an override with durations as text, those of its checks too."""
    return {
        key: {check: _written(own) for check, own in value.items()}
        if key == "checks"
        else str(value)
        if key in ("for", "keep_firing_for", "window", "threshold")
        else value
        for key, value in override.items()
    }


def _maintenance(platform: Platform) -> list[dict[str, Any]]:
    """Return the windows: names, services (none: the whole platform), kinds (none: all), Alertmanager's intervals."""
    windows = platform.alerting.maintenance
    return [
        {
            "name": name,
            "services": list(window.services),
            "mutes": list(window.mutes or ()),
            "intervals": window_intervals(window),
        }
        for name, window in zip(window_names(windows), windows, strict=True)
    ]


def _known_issue(number: int, issue: KnownIssue) -> dict[str, Any]:
    until = datetime.fromtimestamp(issue.expiry, ZoneInfo(issue.timezone))
    return {
        "name": f"{issue.alert or 'labels'}-{number}",
        "alert": issue.alert or "",
        "labels": dict(issue.labels),
        "ticket": issue.ticket,
        "expires": str(issue.expiry),
        "until": f"{until:%Y-%m-%d %H:%M} {issue.timezone}",
    }


def _status_page(platform: Platform, page: StatusPage) -> dict[str, Any]:
    """Return what Alertmanager needs: whom to tell of which components, those they depend on included."""
    return {
        "url": f"http://{platform.monitoring.exporter}/api/v1/status-page",
        "token_file": _file(page.token),
        "services": sorted(concerned(platform, page)),
    }


def concerned(platform: Platform, page: StatusPage) -> set[str]:
    """Return what the label `service` says of the page's components and of all that they depend on, directly or not."""
    components = [name.partition("/")[0] for name in page.components]
    found = reached(
        components, lambda name: platform.services[name].needs if name in platform.services else []
    )
    return {speaks_for(platform, name) for name in found}


def _channel(name: str, channel: Channel, alerting: Alerting) -> dict[str, Any]:
    common = {
        "name": name,
        "priorities": list(channel.priorities),
        "only": dict(channel.only),
        "alerts": list(channel.alerts or ()),
    }
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
    if channel.sms is not None:
        return {
            **common,
            "kind": "sms",
            "numbers": list(channel.sms.numbers),
            "region": channel.sms.region,
            "url": channel.sms.url,
            "group_interval": str(max(alerting.timing.group_interval, SMS_INTERVAL)),
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


def unreadable_secrets(path: Path, platform: Platform) -> Iterator[Problem]:
    """Alertmanager reads secrets from files alone: its configuration knows no environment variables."""
    page = platform.alerting.status_page
    secrets: list[tuple[tuple[str, ...], str, Secret | None]] = [
        (("status_page", "token"), "status_page_token", page.token if page else None)
    ]
    for name, channel in platform.alerting.channels.items():
        for kind, key, secret in (
            ("pagerduty", "routing_key", channel.pagerduty.routing_key if channel.pagerduty else None),
            ("slack", "webhook", channel.slack.webhook if channel.slack else None),
            ("email", "password", channel.email.password if channel.email else None),
        ):
            secrets.append((("channels", name, kind, key), f"{name}_{key}", secret))
    for where, file, secret in secrets:
        if secret is not None and secret.kind != "file":
            yield locate(
                path,
                ("alerting", *where),
                "Alertmanager can read this secret from a file only",
                f"Write ${{file:{file}}} and put the secret into that file of the secrets directory.",
            )


def unknown_alerts(path: Path, platform: Platform) -> Iterator[Problem]:
    """A known issue of an alert that does not exist would silence nothing, and a channel for it hear nothing."""
    known = alert_settings()
    named: list[tuple[Location, str]] = [
        (("alerting", "known_issues", number, "alert"), issue.alert)
        for number, issue in enumerate(platform.alerting.known_issues)
        if issue.alert is not None
    ]
    named += [
        (("alerting", "channels", name, "alerts", number), alert)
        for name, channel in platform.alerting.channels.items()
        for number, alert in enumerate(channel.alerts or ())
    ]
    for where, alert in named:
        if alert not in known:
            yield locate(path, where, f"there is no alert {alert}", suggestion(alert, known))
    for name, channel in platform.alerting.channels.items():
        for number, alert in enumerate(channel.alerts or ()):
            override = platform.alerting.alerts.get(alert, AlertOverride())
            possible = _possible(alert, override) if alert in known else set(channel.priorities)
            if channel.priorities and not possible & set(channel.priorities):
                yield locate(
                    path,
                    ("alerting", "channels", name, "alerts", number),
                    f"{alert} is never {' or '.join(channel.priorities)}, which is all that {name} takes",
                    f"Add {' or '.join(sorted(possible))} to its `priorities`, or set the `priority` of the alert.",
                )


def split_text_messages(path: Path, platform: Platform) -> Iterator[Problem]:
    """An alert that can have priorities which are silent at different hours takes two groups in Alertmanager.

    One message in five minutes is the limit of a group.
    """
    alerting = platform.alerting
    for name, override in alerting.alerts.items():
        phones = [
            (number, channel)
            for number, channel in enumerate(override.channels or ())
            if alerting.channels[channel].sms is not None
        ]
        if phones and len({_hours(alerting, priority) for priority in _possible(name, override)}) > 1:
            number, channel = phones[0]
            yield locate(
                path,
                ("alerting", "alerts", name, "channels", number),
                f"{channel} could get two messages within five minutes: {name} can have priorities that are silent at "
                "different hours (`maintenance`, `business_hours`)",
                "Let the phone take a priority (`priorities`), or give the alert one that has no milder level, such as "
                "`priority: p3`.",
            )


def _possible(name: str, override: AlertOverride) -> set[str]:
    """Return the priorities that the rules of an alert can have."""
    settings = {**alert_settings().get(name, {}), **override.model_dump(exclude_unset=True)}
    if settings.get("priority") is None:
        return set(SEVERITIES)
    apart = {own["priority"] for own in settings.get("checks", {}).values() if own.get("priority")}
    priority, milder = settings["priority"], settings.get("warn_priority", "p3")
    return apart | (
        {priority, milder} if settings.get("warn") is not None and priority < milder else {priority}
    )


def _hours(alerting: Alerting, priority: str) -> tuple[bool, bool]:
    """Return whether windows of the whole platform, and business hours, keep this priority back."""
    windows = any(window.mutes_all for window in alerting.maintenance)
    hours = alerting.business_hours
    return windows and priority != "p1", hours is not None and priority in hours.priorities
