"""The ways to reach people."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from exporter.platform.base import LabelName, Part
from exporter.platform.values import HostPort, Secret, Url, fault

Priority = Literal["p1", "p2", "p3", "p4"]


class Pagerduty(Part):
    """An Events API v2 integration. Its urgency follows from the severity: p1 and p2 high, p3 and p4 low."""

    routing_key: Secret
    url: Url = Url("https://events.pagerduty.com/v2/enqueue")


class Slack(Part):
    """An incoming webhook and the channel it writes to."""

    webhook: Secret
    channel: Annotated[str, Field(pattern=r"^[#@].+", examples=["#alerts"])]


class Email(Part):
    """Mail through an SMTP server, as HTML and as text."""

    to: str
    """One address, or several with commas between."""
    sender: str = Field(alias="from")
    smarthost: HostPort
    """host:port of the SMTP server."""
    require_tls: bool = True
    username: str | None = None
    password: Secret | None = None


def _phone(number: str) -> str:
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise fault(
            "phone",
            "this is not a telephone number",
            'Write it in quotes with its country, such as "+15550100123".',
        )
    return number


Phone = Annotated[str, AfterValidator(_phone), Field(examples=["+15550100123"])]


class Sms(Part):
    """Text messages through Amazon SNS: each number gets at most one in five minutes."""

    numbers: Annotated[list[Phone], Field(min_length=1)]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", examples=["eu-west-1"])]
    """Region of SNS. Alertmanager takes the keys from its environment, its profile or its role."""
    url: Url | None = None
    """Address of SNS, when it is another than the region's own."""


class Channel(Part):
    """One way to reach people, and what takes it. Exactly one of pagerduty, slack, email, sms."""

    pagerduty: Pagerduty | None = None
    slack: Slack | None = None
    email: Email | None = None
    sms: Sms | None = None
    priorities: list[Priority] = []
    """Whose alerts it takes. A channel without any hears of escalations alone, or of alerts that name it."""
    only: dict[LabelName, str] = {}
    """Labels that an alert must have, such as `audience: business`; any alert, unless given."""
    alerts: Annotated[list[str], Field(min_length=1)] | None = None
    """Names of the alerts that it takes, such as [HealthUnhealthy]; any alert, unless given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set & {"pagerduty", "slack", "email", "sms"}) != 1:
            raise fault(
                "channel",
                "needs exactly one way to reach people",
                "Write one of: pagerduty, slack, email, sms.",
            )
        return self
