"""How bad a component is, in Statuspage's words, from the alerts about it and about what it depends on."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from exporter.platform.model import Platform
from exporter.platform.status_page import StatusPage

Level = Literal["operational", "degraded_performance", "partial_outage", "major_outage"]
LEVELS: tuple[Level, ...] = get_args(Level)
_INCIDENT = "partial_outage"

_BY_PRIORITY: dict[str, Level] = {
    "p1": "major_outage",
    "p2": "partial_outage",
    "p3": "degraded_performance",
}
# Of a promise to customers, budget is being burned: some of them fail, by far not all.
_BY_TIER: dict[str, Level] = {"fast": "partial_outage", "medium": "degraded_performance"}
# Of a part that is shown by itself: how urgent it is for the team says nothing of how much of it works.
_OF_PART: dict[str, Level] = {
    "HealthCheckUnhealthy": "major_outage",
    "HealthCheckDegraded": "degraded_performance",
}
_IMPACT: dict[Level, str] = {
    "operational": "none",
    "degraded_performance": "minor",
    "partial_outage": "major",
    "major_outage": "critical",
}


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of them; operational of none."""
    return max(levels, key=LEVELS.index, default="operational")


def is_outage(level: Level) -> bool:
    """Tell whether customers deserve an incident, and not only another colour."""
    return LEVELS.index(level) >= LEVELS.index(_INCIDENT)


def impact(levels: Iterable[Level]) -> str:
    """Return the impact of an incident over components at these levels."""
    return _IMPACT[worst(levels)]


def group_key(labels: Mapping[str, str]) -> str:
    """Return service, priority, source and check as one text; the latter two may be missing."""
    rest = (labels.get("source", ""), labels.get("check", ""))
    return " ".join((labels["service"], labels["priority"], *rest)).rstrip()


def group_labels(key: str) -> dict[str, str]:
    """Return the labels of `group_key`, "" for those that are missing."""
    parts = [*key.split(" ", 3), "", ""]
    return dict(zip(("service", "priority", "source", "check"), parts, strict=False))


def level_of(alerts: Iterable[Mapping[str, Any]], *, part: bool = False) -> Level:
    """Return how bad the firing ones among `alerts` (as in Alertmanager's webhook) say that it is.

    `part`: they are about one check that has a component of its own.
    """
    found: list[Level] = []
    for alert in alerts:
        labels = alert["labels"]
        if alert["status"] != "firing":
            continue
        if part and (level := _OF_PART.get(labels.get("alertname", ""))) is not None:
            found.append(level)
        elif tier := labels.get("slo_tier"):
            found.append(_BY_TIER.get(tier, "operational"))
        else:
            found.append(_BY_PRIORITY.get(labels.get("priority", ""), "operational"))
    return worst(found)


def component_levels(platform: Platform, groups: Mapping[str, Level]) -> dict[str, Level]:
    """Return the level of each component of the page, by the name that stands first for it. `groups` is by `group_key`.

    An outage of something that a service depends on, directly or not, is one of the service: Alertmanager then keeps
    the service's own alerts back.
    """
    page = platform.alerting.status_page
    assert page is not None, "called for platforms with a page only"
    heard = [(group_labels(key), level) for key, level in groups.items()]

    def level(name: str, seen: frozenset[str]) -> Level:
        service = platform.services.get(name)
        below = [] if service is None else [other for other in service.needs if other not in seen]
        outages = [found for other in below if is_outage(found := level(other, seen | {name}))]
        return worst([*(found for labels, found in heard if _concerns(page, name, labels)), *outages])

    return {
        first: worst(level(name, frozenset()) for name in names) for first, names in page.shown_as().items()
    }


def _concerns(page: StatusPage, name: str, labels: Mapping[str, str]) -> bool:
    """Tell whether alerts with these labels are about `name`.

    A check with a component of its own counts there alone. Of a health document, what it says as a whole counts.
    """
    source, check = labels["source"], labels["check"]
    if "/" in name:
        return name == f"{source}/{check}"
    if name == source:
        return not check
    return name == labels["service"] and not (check and page.has_check(source, check))
