"""Channels that would never hear anything: held against the rules that are generated, in which priorities stand."""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter.platform.problems import Problem, nearest, suggestion

_UNTOLD = {
    "KnownIssue": "it is there to silence others",
    "DependencyDown": "it is there to silence others",
    "Watchdog": "it goes to the heartbeat alone",
    "Unresolved": "it goes to the channels of its step of escalation alone",
}
"""Alerts that Alertmanager routes before any channel is asked."""
OF_OTHERS = ("KnownIssue", "Unresolved")
"""Alerts that have the labels of others."""
_AUDIENCES = {"business"}
"""What the label `audience` can say, on platforms too that have no such alert yet."""

Rules = list[dict[str, Any]]


def deaf_channels(catalogue: Mapping[str, Any], rules: Rules) -> Iterator[Problem]:
    """Yield what a channel asks for (`alerts`, `only`) and no rule of this platform has."""
    for channel in catalogue["alerting"]["channels"]:
        unknown = list(_unknown_values(catalogue, channel, rules))
        yield from unknown or _unheard_alerts(catalogue, channel, rules)


def never_said(
    catalogue: Mapping[str, Any], labels: Mapping[str, str], rules: Rules
) -> Iterator[tuple[str, str, set[str]]]:
    """Yield (label, value, what it can be) of labels that every rule has, with a value that none of `rules` has.

    Of other labels the series decide, or rules written by hand; these may also be about services that the file does not
    declare.
    """
    declared = {each["name"] for each in catalogue["services"]} | {
        each["source"] for each in catalogue["sources"]
    }
    rules = [rule for rule in rules if rule["alert"] not in OF_OTHERS]
    known = {name: _said(rules, name) for name in ("kind", "priority", "service", "severity", "audience")}
    known["audience"] |= _AUDIENCES
    known |= {name: {catalogue[name]} for name in ("platform", "environment")}
    for label, value in labels.items():
        values = known.get(label, {value})
        if label == "service" and value not in declared and nearest(value, values) is None:
            continue
        if value not in values and not any("{{" in each for each in values):
            yield label, value, values


def _unknown_values(
    catalogue: Mapping[str, Any], channel: Mapping[str, Any], rules: Rules
) -> Iterator[Problem]:
    for label, value, values in never_said(catalogue, channel["only"], rules):
        yield Problem(
            catalogue["file"],
            channel["lines"]["only"],
            f"alerting.channels.{channel['name']}.only.{label}",
            f"no alert has {label} `{value}`, so {channel['name']} would never be told anything",
            suggestion(value, values),
        )


def _unheard_alerts(
    catalogue: Mapping[str, Any], channel: Mapping[str, Any], rules: Rules
) -> Iterator[Problem]:
    name = channel["name"]
    for alert in channel["alerts"]:
        own = [rule["labels"] for rule in rules if rule["alert"] == alert]
        told = sorted({labels["priority"] for labels in own})
        here = [labels for labels in own if labels["priority"] in channel["priorities"]]
        if alert in _UNTOLD and (alert != "Watchdog" or catalogue["alerting"]["heartbeat"]):
            message, remedy = f"{alert} never comes this way: {_UNTOLD[alert]}", "Take it out."
        elif not own:
            message = f"{alert} has no rule here: nothing in this file feeds it, or it is off"
            remedy = "Take it out, or switch it on under alerting.alerts; "
            remedy += f"docs/runbooks/{alert}.md says what it watches."
        elif channel["priorities"] and not here:
            message = (
                f"{alert} is never {' or '.join(channel['priorities'])} here, which is all that {name} takes"
            )
            remedy = f"Add {' or '.join(told)} to its `priorities`, or change the priority of the alert."
        elif here and not any(_fits(labels, channel["only"]) for labels in here):
            message = f"{alert} never has the labels in `only`"
            remedy = "Take it out, or change `only`."
        else:
            continue
        key = f"alerting.channels.{name}.alerts"
        yield Problem(catalogue["file"], channel["lines"]["alerts"], key, message, remedy)


def _fits(labels: Mapping[str, str], only: Mapping[str, str]) -> bool:
    """Tell whether an alert of a rule can have these labels: those that the rule does not say, the series may."""
    return all(
        "{{" in labels.get(label, "") or labels.get(label, value) == value for label, value in only.items()
    )


def _said(rules: Rules, label: str) -> set[str]:
    return {rule["labels"][label] for rule in rules if label in rule["labels"]}
