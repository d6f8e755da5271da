"""Who is told of what, and when."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exporter.platform.base import Interval, Part, Slug
from exporter.platform.values import Duration, HostPort, Secret, Url, fault

Priority = Literal["p1", "p2", "p3", "p4"]


class Pagerduty(Part):
    """An Events API v2 integration."""

    routing_key: Secret
    url: Url = Url("https://events.pagerduty.com/v2/enqueue")


class Slack(Part):
    """An incoming webhook and the channel it writes to."""

    webhook: Secret
    channel: Annotated[str, Field(pattern=r"^[#@].+", examples=["#alerts"])]


class Email(Part):
    """Mail through an SMTP server."""

    to: str
    sender: str = Field(alias="from")
    smarthost: HostPort
    """host:port of the SMTP server."""
    require_tls: bool = True
    username: str | None = None
    password: Secret | None = None


class Channel(Part):
    """One way to reach people, and which priorities take it. Exactly one of pagerduty, slack, email."""

    pagerduty: Pagerduty | None = None
    slack: Slack | None = None
    email: Email | None = None
    priorities: Annotated[list[Priority], Field(min_length=1)]

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set - {"priorities"}) != 1:
            raise fault(
                "channel", "needs exactly one way to reach people", "Write one of: pagerduty, slack, email."
            )
        return self


class Timing(Part):
    """How Alertmanager groups and repeats."""

    group_wait: Interval = Duration(30)
    group_interval: Interval = Duration(300)
    repeat_interval: Interval = Duration(4 * 3600)


class Heartbeat(Part):
    """The dead man's switch: an outside service that speaks up when this call stays away."""

    url: Url
    every: Interval = Duration(60)


class AlertOverride(Part):
    """What this platform changes in one alert of the catalogue."""

    enabled: bool = True
    wait: Duration | None = Field(default=None, alias="for")
    """How long the condition must hold."""
    priority: Priority | None = None
    threshold: Annotated[str, Field(pattern=r"^\d+(\.\d+)?%?$")] | None = None


class Alerting(Part):
    """Who is told of what, and when."""

    priorities: dict[Priority, str] = {}
    """The team's own words for p1 (at once) to p4, such as P0 or high."""
    timing: Timing = Timing()
    channels: dict[Slug, Channel] = {}
    heartbeat: Heartbeat | None = None
    alerts: dict[str, AlertOverride] = {}
    """Changes to alerts of the catalogue, by name."""
