"""What a platform file says of alerts to no effect: held against the rules that are generated, or the day."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from exporter.catalog import metric_families
from exporter.generate.deaf import deaf_channels, never_said
from exporter.generate.mixin import alert_rules
from exporter.platform.problems import PlatformError, Problem, nearest, suggestion

_OF_OTHERS = {"alertname", "device", "fstype", "instance", "job", "mountpoint"}
"""Labels that Prometheus and node_exporter give."""
_WORD = re.compile(r"[a-zA-Z_]\w*")


def expired(catalogue: dict[str, Any], now: float) -> list[Problem]:
    """Return the known issues that ended before `now`, Unix time: no mistakes, but no longer of use either."""
    return [
        Problem(
            catalogue["file"],
            issue["line"],
            f"alerting.known_issues.{number}",
            f"{issue['ticket']} was known until {issue['until']}; its alerts are heard again",
            "Take it out, or give it a later day.",
        )
        for number, issue in enumerate(catalogue["alerting"]["known_issues"])
        if float(issue["expires"]) <= now
    ]


def refuse_unused(catalogue: dict[str, Any], documents: dict[str, Any]) -> None:
    """Look whether each alert that the platform file changes, or a channel takes, is among the generated `documents`.

    Raises:
        PlatformError: an alert is named that has no rule here, because nothing of this platform feeds it, or known by a
            label that no alert has, or a value that it never has, such as a service that it is not about.
    """
    all_rules = [
        rule
        for path, document in documents.items()
        if path.startswith("prometheus/rules/")
        for group in document["groups"]
        for rule in group["rules"]
    ]
    rules = [rule for rule in all_rules if "alert" in rule]
    ruled = {rule["alert"] for rule in rules}
    alerting = catalogue["alerting"]
    if unused := [
        *deaf_channels(catalogue, rules),
        *_unknown_values(catalogue, rules),
        *_unknown_labels(catalogue, all_rules),
    ] + [
        Problem(
            catalogue["file"], alerting["lines"][name], f"alerting.alerts.{name}", *_unfed(catalogue, name)
        )
        for name, override in alerting["alerts"].items()
        if override.get("enabled", True) and name not in ruled
    ]:
        raise PlatformError(unused)


def _unfed(catalogue: dict[str, Any], name: str) -> tuple[str, str]:
    """Say why an alert has no rule, and what to do: collectors that feed it are off, or there is no source."""
    sources = [
        {key: value for key, value in source.items() if key != "off"} for source in catalogue["sources"]
    ]
    read = {
        word
        for rule in alert_rules({**catalogue, "sources": sources})
        if rule["alert"] == name
        for word in _WORD.findall(rule["expr"])
    }
    off = [
        f"sources.{source['source']}.collectors.{collector}"
        for source in catalogue["sources"]
        for collector, metrics in source.get("off", {}).items()
        if read & set(metrics)
    ]
    if off:
        return (
            f"has no effect: {' and '.join(off)} {'are' if len(off) > 1 else 'is'} off, so it has no rule",
            "Take it out, or switch the collector on again.",
        )
    return (
        "has no effect: nothing in this file feeds the alert, so it has no rule",
        f"Take it out, or declare what it watches; docs/runbooks/{name}.md says what that is.",
    )


def _unknown_values(catalogue: dict[str, Any], rules: list[dict[str, Any]]) -> Iterator[Problem]:
    """Known issues of a misspelt service, priority and so on. One may outlive its service, or precede it."""
    for number, issue in enumerate(catalogue["alerting"]["known_issues"]):
        own = [rule for rule in rules if issue["alert"] in ("", rule["alert"])]
        if issue["alert"] == "Watchdog":
            yield Problem(
                catalogue["file"],
                issue["line"],
                f"alerting.known_issues.{number}.alert",
                "Watchdog is the dead man's switch: silent, it says that nobody is told of anything",
                "Take it out.",
            )
        if not own:
            continue  # what feeds the alert may come later
        for label, value, values in never_said(catalogue, issue["labels"], own):
            yield Problem(
                catalogue["file"],
                issue["line"],
                f"alerting.known_issues.{number}.labels.{label}",
                f"{_whose(issue)} {label} `{value}`, so nothing would be silent",
                suggestion(value, values),
            )


def _unknown_labels(catalogue: dict[str, Any], rules: list[dict[str, Any]]) -> Iterator[Problem]:
    """Known issues and channels by a label that no alert has. Rules written by hand may, if no alert is named."""
    labels = {"platform", "environment", *_OF_OTHERS}
    labels.update(label for rule in rules for label in rule.get("labels", ()))
    labels.update(label for family in metric_families() for label in family.labels)
    labels.update(
        label
        for query in catalogue["queries"]
        for metric in query["metrics"]
        for label in ("target", "datname", *metric["labels"])
    )
    # What expressions make of them, in label_replace and the like: a word too many refuses too little. Those about
    # other alerts hold the labels of known issues themselves.
    words = {word for rule in rules if "ALERTS{" not in rule["expr"] for word in _WORD.findall(rule["expr"])}

    def unknown(asked: Iterable[str], alert: str) -> list[str]:
        return [
            label
            for label in asked
            if label not in labels | words and (alert or nearest(label, labels) is not None)
        ]

    for number, issue in enumerate(catalogue["alerting"]["known_issues"]):
        for label in unknown(issue["labels"], issue["alert"]):
            yield Problem(
                catalogue["file"],
                issue["line"],
                f"alerting.known_issues.{number}.labels.{label}",
                f"{_whose(issue)} a label `{label}`, so nothing would be silent",
                suggestion(label, labels),
            )
    for channel in catalogue["alerting"]["channels"]:
        for label in unknown(channel["only"], ""):
            yield Problem(
                catalogue["file"],
                channel["lines"]["only"],
                f"alerting.channels.{channel['name']}.only.{label}",
                f"no alert has a label `{label}`, so {channel['name']} would never be told anything",
                suggestion(label, labels),
            )


def _whose(issue: dict[str, Any]) -> str:
    return f"{issue['alert']} never has" if issue["alert"] else "no alert has"
