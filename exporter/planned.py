"""What people planned, as metrics: windows of maintenance, and known issues with the moment of their end."""

from datetime import datetime

from exporter.engine.families import Collected, Family
from exporter.platform.calendar import window_names
from exporter.platform.model import Platform

MAINTENANCE = Family(
    "platform_exporter_maintenance_active",
    "gauge",
    "Whether a window of maintenance is open. Service levels leave its time out.",
    ("window",),
)
KNOWN_ISSUE = Family(
    "platform_exporter_known_issue_expiry_timestamp_seconds",
    "gauge",
    "When a known issue of the platform file ends and its alerts are heard again, Unix time.",
    ("alert", "ticket"),
)
FAMILIES = (MAINTENANCE, KNOWN_ISSUE)


def planned(platform: Platform, now: datetime) -> Collected:
    """Return the windows and known issues of a platform; `now` knows its zone.

    An issue without an alert's name is of all alerts with its labels.
    """
    out = Collected()
    windows = platform.alerting.maintenance
    for name, window in zip(window_names(windows), windows, strict=True):
        out.set(MAINTENANCE, window.active(now), name)
    for issue in platform.alerting.known_issues:
        out.set(KNOWN_ISSUE, issue.expiry, issue.alert or "", issue.ticket)
    return out
