"""Who is told of what, and when."""

import re
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exporter.platform.base import Interval, LabelName, Part, Repeated, Slug
from exporter.platform.calendar import Hours, Maintenance, Moment, Zone
from exporter.platform.channels import Channel, Priority
from exporter.platform.status_page import StatusPage
from exporter.platform.values import Duration, Url, fault

__all__ = ["Alerting", "Channel", "Priority"]


class Timing(Part):
    """How Alertmanager groups and repeats."""

    group_wait: Interval = Duration(30)
    group_interval: Interval = Duration(300)
    repeat_interval: Interval = Duration(4 * 3600)
    """How long until an alert that still fires is told again."""
    repeat: dict[Priority, Interval] = {}
    """The same, for priorities that differ."""
    recovery: Interval = Duration(180)
    """How long the symptoms of a dependency that is up again stay silent; burn rates fourteen times, they remember."""


class Heartbeat(Part):
    """The dead man's switch: an outside service that speaks up when this call stays away."""

    url: Url
    every: Interval = Duration(60)


class BusinessHours(Hours):
    """When people are at work: alerts of these priorities wait until then, and are told if they still fire."""

    priorities: Annotated[list[Priority], Field(min_length=1)] = ["p4"]

    @model_validator(mode="after")
    def _never_p1(self) -> Self:
        if "p1" in self.priorities:
            raise fault("business_hours", "p1 waits for nobody", "Take p1 out of `priorities`.")
        # What is told silences what is less urgent; what waits must not.
        most = min(self.priorities)
        if missing := [other for other in ("p3", "p4") if other > most and other not in self.priorities]:
            raise fault(
                "business_hours",
                f"{most} waits while {missing[0]}, which is less urgent, is told",
                f"Add {' and '.join(missing)} to `priorities`.",
            )
        return self


class Escalation(Part):
    """A step: who else is told of what has fired for so long."""

    after: Annotated[Interval, Field(examples=["15m"])]
    """How long an alert has fired, counted from when people could know."""
    priorities: Annotated[list[Priority], Field(min_length=1)] = ["p1"]
    channels: Annotated[list[Slug], Field(min_length=1)]


def _apart(steps: list[Escalation]) -> list[Escalation]:
    seen: set[tuple[Duration, Priority]] = set()
    for step in steps:
        for priority in step.priorities:
            if (step.after, priority) in seen:
                raise fault(
                    "escalation",
                    f"two steps tell of {priority} after {step.after}",
                    "Write their channels in one step.",
                )
            seen.add((step.after, priority))
    return steps


def _ticket(ticket: str) -> str:
    if not ticket.strip() or not ticket.isprintable() or " " in ticket:
        raise fault("ticket", "is not a ticket", "Write its number or its address, such as OPS-123.")
    return ticket


class KnownIssue(Part):
    """Alerts that are known, have a ticket, and stay silent until a day. Needs `alert`, `labels` or both."""

    alert: str | None = None
    """Name of the alert."""
    labels: dict[LabelName, Repeated] = {}
    """Labels that it must have."""
    ticket: Annotated[Repeated, AfterValidator(_ticket), Field(examples=["OPS-123"])]
    expires: Moment
    """From this moment on the alert is heard again."""
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.alert is None and not self.labels:
            raise fault("known_issue", "would silence everything", "Say which: `alert`, `labels` or both.")
        return self

    @property
    def expiry(self) -> int:
        """When it ends, Unix time."""
        return int(self.expires.replace(tzinfo=ZoneInfo(self.timezone)).timestamp())


class Drill(Part):
    """A synthetic alert, marked as such, that proves each channel: it goes through Alertmanager's real routes."""

    every: Annotated[Duration, AfterValidator(lambda every: _rarely(every))] = Duration(7 * 86400)
    sinks: Url | None = None
    """Address of stand-ins that keep what arrives, such as the demo's; without one, it counts that nobody refused."""


def _rarely(every: Duration) -> Duration:
    if every < 600:
        raise fault("drill", f"{every} is too often", "Choose at least 10m: a drill sends real messages.")
    return every


def _with_unit(written: object) -> object:
    if isinstance(written, int | float) and not isinstance(written, bool):
        raise fault(
            "threshold",
            f"{written} has no unit",
            f'Write one behind it, such as 80%, 500ms or 10GiB; quotes, "{written}", where there is none.',
        )
    return written


Threshold = Annotated[
    str,
    Field(
        pattern=r"^\d+(\.\d+)?\s*(%|ms|s|m|h|d|w|y|B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$",
        examples=["5%", "500ms", "10GiB", "20"],
    ),
    BeforeValidator(_with_unit),
]


def _check(name: str) -> str:
    if not re.fullmatch(r"[\w.:/ -]+", name):
        raise fault("check", f"{name!r} is not the name of a check", "Write it as the health document does.")
    return name


class CheckOverride(Part):
    """What differs for one check of a health document."""

    wait: Duration | None = Field(default=None, alias="for")
    """How long the condition must hold."""
    priority: Priority | None = None
    threshold: Threshold | None = None
    """What its value is compared with, in the alert's unit."""


class AlertOverride(Part):
    """What this platform changes in one alert of the catalogue."""

    enabled: bool = True
    wait: Duration | None = Field(default=None, alias="for")
    """How long the condition must hold."""
    keep_firing_for: Interval | None = None
    """How long it goes on when the condition has ended: one that comes and goes is told once in this time, and its end
    so much later."""
    window: Interval | None = None
    """How far back it looks, where it counts events; it fires as long after the last of them."""
    priority: Priority | None = None
    threshold: Threshold | None = None
    """What its value is compared with, in the alert's unit: 5%, 500ms, 10GiB, 20."""
    warn: Threshold | None = None
    """A milder threshold, told of with priority p3 under the same name."""
    checks: dict[Annotated[str, AfterValidator(_check)], CheckOverride] = {}
    """What differs for single checks of a health document, by their names: `redis: {priority: p2}`. For alerts about
    checks."""
    channels: Annotated[list[Slug], Field(min_length=1)] | None = None
    """Channels that this alert takes instead of those of its priority."""


class Alerting(Part):
    """Who is told of what, and when."""

    priorities: dict[Priority, str] = {}
    """The team's own words for p1 (at once) to p4, such as P0 or high."""
    timing: Timing = Timing()
    channels: dict[Slug, Channel] = {}
    escalation: Annotated[list[Escalation], AfterValidator(_apart)] = []
    """Who is told in addition when nobody has solved it, step by step."""
    business_hours: BusinessHours | None = None
    maintenance: list[Maintenance] = []
    known_issues: list[KnownIssue] = []
    heartbeat: Heartbeat | None = None
    status_page: StatusPage | None = None
    drill: Drill | None = None
    alerts: dict[str, AlertOverride] = {}
    """Changes to alerts of the catalogue, by name."""
