"""What a platform file says of alerts to no effect: held against the rules that are generated, or the day."""

from collections.abc import Iterator
from typing import Any

from exporter.generate.deaf import deaf_channels
from exporter.generate.labels import WORD, impossible_labels
from exporter.generate.mixin import alert_rules
from exporter.platform.problems import PlatformError, Problem


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
    impossible = list(impossible_labels(catalogue, all_rules))
    named = {problem.key for problem in impossible}
    if unused := [
        *impossible,
        *(problem for problem in deaf_channels(catalogue, rules) if problem.key not in named),
        *_silent_switch(catalogue),
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
        for word in WORD.findall(rule["expr"])
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


def _silent_switch(catalogue: dict[str, Any]) -> Iterator[Problem]:
    for number, issue in enumerate(catalogue["alerting"]["known_issues"]):
        if issue["alert"] == "Watchdog":
            yield Problem(
                catalogue["file"],
                issue["line"],
                f"alerting.known_issues.{number}.alert",
                "Watchdog is the dead man's switch: silent, it says that nobody is told of anything",
                "Take it out.",
            )
