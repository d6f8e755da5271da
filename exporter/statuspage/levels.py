"""How bad a component is, in Statuspage's words, from the alerts about it and about what it depends on."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from exporter.platform.model import Platform

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


def level_of(alerts: Iterable[Mapping[str, Any]]) -> Level:
    """Return how bad the firing ones among `alerts` (as in Alertmanager's webhook) say that it is."""
    found: list[Level] = []
    for alert in alerts:
        labels = alert["labels"]
        if alert["status"] != "firing":
            continue
        if tier := labels.get("slo_tier"):
            found.append(_BY_TIER.get(tier, "operational"))
        else:
            found.append(_BY_PRIORITY.get(labels.get("priority", ""), "operational"))
    return worst(found)


def component_levels(platform: Platform, services: Mapping[str, Level]) -> dict[str, Level]:
    """Return the level of each component of the page.

    An outage of something that a service depends on, directly or not, is one of the service: Alertmanager then keeps
    the service's own alerts back.
    """
    page = platform.alerting.status_page
    assert page is not None, "called for platforms with a page only"

    def level(name: str, seen: frozenset[str]) -> Level:
        service = platform.services.get(name)
        below = [] if service is None else [other for other in service.depends_on if other not in seen]
        outages = [found for other in below if is_outage(found := level(other, seen | {name}))]
        return worst([services.get(name, "operational"), *outages])

    return {name: level(name, frozenset()) for name in page.components}
