"""Labels that somebody asks about, held against the alerts that there are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporter.generate.deaf import OF_OTHERS
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import alert_settings
from exporter.platform.problems import suggestion
from exporter.routes import Labels, Route, alerts, tree

_BY_HAND = {"alertname": {"Drill"}, "kind": {"drill"}}
"""Values that no rule gives, and alerts have all the same."""


class Ambiguous(Exception):
    """The alert has rules that go different ways, and the labels do not say which."""


class Absent(Exception):
    """The alert has no rule with these labels, or none at all on this platform."""


class Asked:
    """The alerts and routes of a platform, for questions such as `alertname=DatabaseDown`."""

    def __init__(self, catalogue: Mapping[str, Any], documents: Mapping[str, Any]) -> None:
        self._config = documents["alertmanager/alertmanager.yml"]
        self._root = tree(self._config)
        self._place = {"platform": catalogue["platform"], "environment": catalogue["environment"]}
        self._rules = alerts(documents)

    def receivers(self, labels: Labels) -> tuple[list[str], list[str]]:
        """Return who is told, in order, and remarks on what no alert has and on what was assumed.

        Raises:
            Ambiguous: which of an alert's rules is meant decides who is told.
            Absent: nothing has this alert with these labels, such as a service that it is not about, or at all.
        """
        remarks = list(self._unknown(labels))
        own = [rule for rule in self._rules if rule["alertname"] == labels.get("alertname")]
        fitting = [rule for rule in own if all(_fits(rule, name, value) for name, value in labels.items())]
        if own and not fitting:
            raise Absent(_refused(own, labels))
        if not own and (alert := labels.get("alertname")) in alert_settings():
            raise Absent(
                f"{alert} is not on this platform: nothing in its file feeds the alert, or it is off. "
                f"docs/runbooks/{alert}.md says what it watches."
            )
        # The rule of a single check goes before that of all others.
        apart = [rule for rule in fitting if "check" in labels and "check" in rule]
        candidates = [{**self._place, **rule, **labels} for rule in apart or fitting]
        if not candidates:
            if "priority" not in labels and labels.get("alertname") not in ("Watchdog", "Drill"):
                remarks.append("Assumed: no priority, as an alert of a rule written by hand.")
            return _names(self._root.match({**self._place, **labels})), remarks
        ways = {tuple(_names(self._root.match(candidate))) for candidate in candidates}
        if len(ways) > 1:
            raise Ambiguous(_differences(labels["alertname"], candidates))
        [way] = ways
        added = {
            name: value
            for name, value in candidates[0].items()
            if name not in labels and all(candidate.get(name) == value for candidate in candidates)
        }
        said = " ".join(f"{name}={value}" for name, value in sorted(added.items()) if "{{" not in value)
        if said:
            remarks.append(f"Assumed: {said}")
        return list(way), remarks

    def _unknown(self, labels: Labels) -> Iterator[str]:
        known = self._known()
        for name, value in labels.items():
            if name not in known:
                yield f"No alert has a label {name}. {suggestion(name, sorted(known))}".strip()
            elif known[name] and value not in known[name]:
                yield f"No alert has {name}={value}. {suggestion(value, sorted(known[name]))}".strip()

    def _known(self) -> dict[str, set[str]]:
        """Return label → its values; none where rules leave them to the series."""
        found: dict[str, set[str]] = {name: {value} for name, value in self._place.items()}
        open_ended: set[str] = set()
        for rule in self._rules:
            for name, value in rule.items():
                templated = "{{" in value
                found.setdefault(name, set()).update(() if templated else (value,))
                if (templated and rule["alertname"] not in OF_OTHERS) or name == "check":
                    open_ended.add(name)
        for route in self._root.walk():
            for matcher in route.matchers:
                found.setdefault(matcher.label, set()).update(_values(matcher))
        for rule in self._config.get("inhibit_rules", ()):
            open_ended.update(name for name in rule["equal"] if name not in found)
        for name, values in _BY_HAND.items():
            found.setdefault(name, set()).update(values)
        return {name: set() if name in open_ended else found[name] for name in {*found, *open_ended}}


def _fits(rule: Labels, name: str, value: str) -> bool:
    return "{{" in rule.get(name, "") or rule.get(name, value) == value


def _refused(rules: Sequence[Labels], labels: Labels) -> str:
    alert = labels["alertname"]
    for name, value in labels.items():
        if not any(_fits(rule, name, value) for rule in rules):
            known = sorted({rule[name] for rule in rules})
            return f"There is no {alert} with {name}={value}. {suggestion(value, known)}".strip()
    said = " ".join(f"{name}={value}" for name, value in labels.items() if name != "alertname")
    return f"There is no {alert} with all of {said}."


def _values(matcher: Matcher) -> list[str]:
    return [value for value in matcher.value.replace("\\", "").split("|") if value]


def _names(ends: Sequence[Route]) -> list[str]:
    return [end.receiver for end in ends]


def _differences(alert: str, candidates: Sequence[Labels]) -> str:
    names = sorted({name for candidate in candidates for name in candidate})
    values = {name: sorted({candidate.get(name, "") for candidate in candidates}) for name in names}
    said = "; ".join(f"{name} {' or '.join(found)}" for name, found in values.items() if len(found) > 1)
    return f"{alert} goes different ways, by its labels: {said}. Name what you mean."
