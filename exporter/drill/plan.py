"""Which alerts a drill sends, and where each of them must arrive."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from exporter.platform.alerting import Alerting
from exporter.platform.channels import Channel, Priority
from exporter.platform.model import Platform

ALERT = "Drill"
PRIORITIES: tuple[Priority, ...] = ("p1", "p2", "p3", "p4")
PATIENCE = 60.0
"""Seconds beyond `group_wait` after which a message is missing."""
_SEVERITY = {"p1": "critical", "p2": "critical", "p3": "warning", "p4": "info"}

Kind = Literal["pagerduty", "slack", "email", "sms"]


@dataclass(frozen=True, slots=True)
class Target:
    """A channel that a drill must reach. `mark` is in the message; `quiet` says why there is none at this hour.

    `patience` is in seconds, `messages` how many it sends.
    """

    channel: str
    mark: str
    kind: Kind
    priority: Priority
    patience: float
    quiet: str = ""
    messages: int = 1


@dataclass(frozen=True, slots=True)
class Shot:
    """One alert: labels that take it where a real one would go, and its targets."""

    labels: dict[str, str]
    targets: tuple[Target, ...] = field(default=())


def plan(platform: Platform, name: str, now: float) -> list[Shot]:
    """Return the alerts of the drill `name`, so that each channel hears once of each of its priorities.

    The routes are those of real alerts: one alert a priority, one for each channel that takes certain alerts only, one
    for each step of escalation, and one for each alert that names channels which nothing else would reach.
    """
    alerting = platform.alerting
    wanted: list[tuple[Priority, list[str], dict[str, str]]] = []
    for priority in PRIORITIES:
        usual = [
            key
            for key, channel in alerting.channels.items()
            if priority in channel.priorities and not (channel.only or channel.alerts)
        ]
        wanted.append((priority, usual, {}))
    for key, channel in alerting.channels.items():
        if channel.priorities and (channel.only or channel.alerts):
            about = {"about": channel.alerts[0]} if channel.alerts else {}
            # The priority which the fewest others take.
            wanted.append((max(channel.priorities), [key], {**channel.only, **about}))
    for step in alerting.escalation:
        for priority in step.priorities:
            wanted.append((priority, list(step.channels), {"escalation": str(step.after)}))
    wanted += _exceptions(alerting, {channel for _, channels, _ in wanted for channel in channels})
    return [
        _shot(platform, f"{name}-{number}", priority, channels, more, now)
        for number, (priority, channels, more) in enumerate(wanted, 1)
        if channels
    ]


def _exceptions(
    alerting: Alerting, reached: set[str]
) -> Iterator[tuple[Priority, list[str], dict[str, str]]]:
    """Yield alerts with channels of their own, as long as one of these is not `reached` yet. Nothing mutes p1."""
    for alert, override in alerting.alerts.items():
        channels = list(dict.fromkeys(override.channels or ()))
        if not reached.issuperset(channels):
            reached = reached.union(channels)
            yield "p1", channels, {"about": alert}


def _shot(
    platform: Platform, name: str, priority: Priority, channels: list[str], more: dict[str, str], now: float
) -> Shot:
    labels = {
        "alertname": ALERT,
        "severity": _SEVERITY[priority],
        "priority": priority,
        # A kind of its own: channels with `only: {kind: …}` get the messages that are planned for them and no others.
        "kind": "drill",
        # One of its own, so that no group of another alert holds it back.
        "service": name,
        "platform": platform.platform,
        "environment": platform.environment,
        **more,
    }
    quiet = ", ".join(_quiet(platform, priority, now))
    targets = (
        _target(platform, key, platform.alerting.channels[key], name, priority, quiet) for key in channels
    )
    return Shot(labels, tuple(targets))


def _target(
    platform: Platform, key: str, channel: Channel, name: str, priority: Priority, quiet: str
) -> Target:
    timing = platform.alerting.timing
    patience = timing.group_wait + PATIENCE
    if channel.sms is not None:
        return Target(key, f"{name};", "sms", priority, patience, quiet, len(channel.sms.numbers))
    kind: Kind = "pagerduty" if channel.pagerduty else "slack" if channel.slack else "email"
    return Target(key, f"{name};", kind, priority, patience, quiet)


def _quiet(platform: Platform, priority: Priority, now: float) -> Iterator[str]:
    """Yield what mutes a priority at `now`: the same windows that mute real alerts."""
    moment = datetime.fromtimestamp(now, UTC)
    hours = platform.alerting.business_hours
    if hours is not None and priority in hours.priorities and not hours.contain(moment):
        yield "outside business hours"
    if priority != "p1":
        yield from (
            window.title
            for window in platform.alerting.maintenance
            if window.mutes_all and window.active(moment)
        )
