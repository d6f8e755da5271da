"""Channels that would never hear anything: held against the rules that are generated, in which priorities stand."""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter.platform.problems import Problem

UNTOLD = {
    "KnownIssue": "it is there to silence others",
    "DependencyDown": "it is there to silence others",
    "Watchdog": "it goes to the heartbeat alone",
    "Unresolved": "it goes to the channels of its step of escalation alone",
}
"""Alerts that Alertmanager routes before any channel is asked."""
OF_OTHERS = ("KnownIssue", "Unresolved")
"""Alerts that have the labels of others."""

Rules = list[dict[str, Any]]


def deaf_channels(catalogue: Mapping[str, Any], rules: Rules) -> Iterator[Problem]:
    """Yield what a channel asks for (`alerts`, beside `priorities` and `only`) and no rule of this platform has."""
    for channel in catalogue["alerting"]["channels"]:
        excluded = list(_excluded_priority(catalogue, channel))
        yield from excluded or _unheard_alerts(catalogue, channel, rules)


def _excluded_priority(catalogue: Mapping[str, Any], channel: Mapping[str, Any]) -> Iterator[Problem]:
    """`only` is asked beside `priorities`, not instead of them."""
    name, priorities, only = channel["name"], channel["priorities"], channel["only"].get("priority")
    if priorities and only is not None and only not in priorities:
        yield Problem(
            catalogue["file"],
            channel["lines"]["only"],
            f"alerting.channels.{name}.only.priority",
            f"{name} takes {' and '.join(priorities)} alone, of which `only` leaves nothing",
            "Take it out: `priorities` says which.",
        )


def _unheard_alerts(
    catalogue: Mapping[str, Any], channel: Mapping[str, Any], rules: Rules
) -> Iterator[Problem]:
    name = channel["name"]
    for alert in channel["alerts"]:
        own = [rule["labels"] for rule in rules if rule["alert"] == alert]
        told = sorted({labels["priority"] for labels in own})
        here = [labels for labels in own if labels["priority"] in channel["priorities"]]
        if alert in UNTOLD and (alert != "Watchdog" or catalogue["alerting"]["heartbeat"]):
            message, remedy = f"{alert} never comes this way: {UNTOLD[alert]}", "Take it out."
        elif not own:
            message = f"{alert} has no rule here: nothing in this file feeds it, or it is off"
            remedy = "Take it out, or switch it on under alerting.alerts; "
            remedy += f"docs/runbooks/{alert}.md says what it watches."
        elif channel["priorities"] and not here:
            message = (
                f"{alert} is never {' or '.join(channel['priorities'])} here, which is all that {name} takes"
            )
            remedy = f"Add {' or '.join(told)} to its `priorities`, or change the priority of the alert."
        elif here and not any(fits(labels, channel["only"]) for labels in here):
            message = f"{alert} never has the labels in `only`"
            remedy = "Take it out, or change `only`."
        else:
            continue
        key = f"alerting.channels.{name}.alerts"
        yield Problem(catalogue["file"], channel["lines"]["alerts"], key, message, remedy)


def fits(labels: Mapping[str, str], only: Mapping[str, str]) -> bool:
    """Tell whether an alert of a rule can have these labels: those that the rule does not say, the series may."""
    return all(
        "{{" in labels.get(label, "") or labels.get(label, value) == value for label, value in only.items()
    )
