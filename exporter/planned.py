"""What people planned, as metrics: known issues, with the moment from which their alerts are heard again."""

from exporter.engine.families import Collected, Family
from exporter.platform.model import Platform

KNOWN_ISSUE = Family(
    "platform_exporter_known_issue_expiry_timestamp_seconds",
    "gauge",
    "When a known issue of the platform file ends and its alerts are heard again, Unix time.",
    ("alert", "ticket"),
)
FAMILIES = (KNOWN_ISSUE,)


def planned(platform: Platform) -> Collected:
    """Return the known issues of a platform. One without an alert's name is of all alerts with its labels."""
    out = Collected()
    for issue in platform.alerting.known_issues:
        out.set(KNOWN_ISSUE, issue.expiry, issue.alert or "", issue.ticket)
    return out
