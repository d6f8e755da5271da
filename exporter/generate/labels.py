"""Labels by which a platform file asks for alerts (known issues, channels): none that no alert can have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.catalog import metric_families
from exporter.generate.deaf import OF_OTHERS, UNTOLD, fits
from exporter.generate.mixin import alert_settings
from exporter.platform.problems import Problem, nearest, suggestion

WORD = re.compile(r"[a-zA-Z_]\w*")
_FROM_PROMETHEUS = {"alertname", "device", "fstype", "instance", "job", "mountpoint"}
"""Labels that Prometheus and node_exporter give."""
_AUDIENCES = {"business"}
"""What the label `audience` can say, on platforms too that have no such alert yet."""

Rules = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Labels that a part of the platform file asks for, and the rules that it asks them of: of one `alert`, or ''."""

    labels: Mapping[str, str]
    alert: str
    rules: Rules
    line: int
    key: str
    outcome: str
    priorities: Sequence[str] = ()
    """Those that are taken, all if empty; of an alert by its name only, as rules written by hand may have others."""


def impossible_labels(catalogue: Mapping[str, Any], rules: Rules) -> Iterator[Problem]:
    """Yield labels that no alert has, or not together, and values that it never has where every rule says which.

    Of other labels the series decide, or rules written by hand; these may also be about services and sources that the
    file does not declare. `rules` are all, recording rules too.
    """
    labels = _labels(catalogue, rules)
    # What expressions make of them, in label_replace and the like: a word too many refuses too little. Those about
    # other alerts hold the labels of known issues themselves.
    words = {word for rule in rules if "ALERTS{" not in rule["expr"] for word in WORD.findall(rule["expr"])}
    for asked in _asked(catalogue, [rule for rule in rules if "alert" in rule]):
        single = list(_one_by_one(catalogue, asked, labels, words))
        yield from single or _together(catalogue, asked)


def _one_by_one(
    catalogue: Mapping[str, Any], asked: _Asked, labels: set[str], words: set[str]
) -> Iterator[Problem]:
    whose = f"{asked.alert} never has" if asked.alert else "no alert has"
    known = _values(catalogue, asked.rules)
    for label, value in asked.labels.items():
        if label not in labels | words and (asked.alert or nearest(label, labels) is not None):
            what, remedy = f"a label `{label}`", suggestion(label, labels)
        elif _impossible(catalogue, label, value, known.get(label, {value})):
            what, remedy = f"{label} `{value}`", suggestion(value, known[label])
        else:
            continue
        message = f"{whose} {what}, so {asked.outcome}"
        yield Problem(catalogue["file"], asked.line, f"{asked.key}.{label}", message, remedy)


def _together(catalogue: Mapping[str, Any], asked: _Asked) -> Iterator[Problem]:
    """Labels that rules have one by one, but none has all: one that nothing has may be of a rule written by hand."""
    told = [
        {"alertname": rule["alert"], **rule["labels"]} for rule in asked.rules if rule["alert"] not in UNTOLD
    ]
    taken = asked.priorities if "alertname" in asked.labels else ()
    here = [labels for labels in told if not taken or labels["priority"] in taken]
    single = [{label: value} for label, value in asked.labels.items()]
    if single and all(_any_fits(told, each) for each in single) and not _any_fits(here, asked.labels):
        whose = f"{asked.alert} never has" if asked.alert else "no alert has"
        values = ({"priority": "` or `".join(taken)} if taken else {}) | dict(asked.labels)
        what = " and ".join(f"{label} `{value}`" for label, value in values.items())
        message = f"{whose} {what} together, so {asked.outcome}"
        yield Problem(catalogue["file"], asked.line, asked.key, message, "Take one of them out.")


def _any_fits(told: list[dict[str, str]], asked: Mapping[str, str]) -> bool:
    return any(fits(labels, asked) for labels in told)


def _asked(catalogue: Mapping[str, Any], rules: Rules) -> Iterator[_Asked]:
    alerting = catalogue["alerting"]
    for number, issue in enumerate(alerting["known_issues"]):
        own = [rule for rule in rules if issue["alert"] in ("", rule["alert"])]
        key = f"alerting.known_issues.{number}.labels"
        yield _Asked(issue["labels"], issue["alert"], own, issue["line"], key, "nothing would be silent")
    for channel in alerting["channels"]:
        name, line = channel["name"], channel["lines"]["only"]
        outcome = f"{name} would never be told anything"
        key, priorities = f"alerting.channels.{name}.only", channel["priorities"]
        yield _Asked(channel["only"], "", rules, line, key, outcome, priorities)


def _labels(catalogue: Mapping[str, Any], rules: Rules) -> set[str]:
    return {
        *("platform", "environment", "audience"),
        *_FROM_PROMETHEUS,
        *(label for rule in rules for label in rule.get("labels", ())),
        *(label for family in metric_families() for label in family.labels),
        *("target", "datname"),
        *(
            label
            for query in catalogue["queries"]
            for metric in query["metrics"]
            for label in metric["labels"]
        ),
    }


def _values(catalogue: Mapping[str, Any], rules: Rules) -> dict[str, set[str]]:
    """Return label → what it can say in an alert of these rules; nothing of none: these may come later."""
    rules = [rule for rule in rules if rule["alert"] not in OF_OTHERS]
    if not rules:
        return {}
    ruled = {rule["alert"] for rule in rules}
    said = {
        name: {rule["labels"][name] for rule in rules if name in rule["labels"]}
        for name in ("kind", "priority", "service", "severity", "audience")
    }
    return {
        **said,
        "audience": said["audience"] | _AUDIENCES,
        "alertname": ruled if len(ruled) == 1 else ruled | alert_settings().keys(),
        **{name: {each[name] for each in catalogue["sources"]} for name in ("source", "target")},
        **{name: {catalogue[name]} for name in ("platform", "environment")},
    }


def _impossible(catalogue: Mapping[str, Any], label: str, value: str, values: set[str]) -> bool:
    """Tell whether none can say this. One that is like no other may be of a rule or a source that the file lacks."""
    declared = {service["name"] for service in catalogue["services"]}
    declared |= {source["source"] for source in catalogue["sources"]}
    of_the_file = label not in ("service", "source", "target", "alertname") or (
        label == "service" and value in declared
    )
    return (
        value not in values
        and not any("{{" in each for each in values)
        and (of_the_file or nearest(value, values) is not None)
    )
