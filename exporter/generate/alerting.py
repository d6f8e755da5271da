"""Alerting as the Jsonnet folders see it: priorities, channels, timing, overrides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporter.platform.alerting import Alerting, Channel
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem
from exporter.platform.values import Secret

SEVERITIES = {"p1": "critical", "p2": "critical", "p3": "warning", "p4": "info"}


def alerting_entry(alerting: Alerting) -> dict[str, Any]:
    """Return the section `alerting` of the document."""
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


def unreadable_secrets(path: Path, platform: Platform) -> Iterator[Problem]:
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
