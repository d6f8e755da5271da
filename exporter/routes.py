"""Who hears of which alert: the generated routing tree, walked as Alertmanager walks it.

Source of the rules: Alertmanager's dispatch/route.go; a test compares every answer with amtool's.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.generate.matcher import Matcher

Labels = Mapping[str, str]

_OWN = ("heartbeat", "silent", "status-page")
"""Receivers that are no people."""
_NEVER_ESCALATED = ("Unresolved", "KnownIssue", "DependencyDown", "Watchdog")


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree with all that it inherits. Mutes are not inherited: Alertmanager looks at the node alone."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False
    group_by: tuple[str, ...] = ()
    group_wait: str = "30s"
    group_interval: str = "5m"
    repeat_interval: str = "4h"
    mutes: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    children: tuple["Route", ...] = field(default=(), repr=False)

    def match(self, labels: Labels) -> list["Route"]:
        """Return the nodes at which an alert with these labels ends, in order; none when it does not come here."""
        if not all(matcher.holds(labels) for matcher in self.matchers):
            return []
        found: list[Route] = []
        for child in self.children:
            matched = child.match(labels)
            found += matched
            if matched and not child.goes_on:
                break
        return found or [self]

    def walk(self) -> Iterator["Route"]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree(config: Mapping[str, Any]) -> Route:
    """Return the routing tree of a generated Alertmanager configuration."""
    return _route(config["route"], Route(config["route"]["receiver"]))


def _route(node: Mapping[str, Any], above: Route) -> Route:
    inherited = ("receiver", "group_wait", "group_interval", "repeat_interval")
    route = replace(
        above,
        **{key: node[key] for key in inherited if key in node},
        group_by=tuple(node.get("group_by", above.group_by)),
        matchers=tuple(map(Matcher.parse, node.get("matchers", ()))),
        goes_on=node.get("continue", False),
        mutes=tuple(node.get("mute_time_intervals", ())),
        hours=tuple(node.get("active_time_intervals", ())),
        children=(),
    )
    return replace(route, children=tuple(_route(child, route) for child in node.get("routes", ())))


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one alert: of all its rules that go the same way."""

    alert: str
    priority: str
    word: str
    services: tuple[str, ...]
    receivers: tuple[str, ...]
    mutes: tuple[str, ...]
    hours: tuple[str, ...]
    repeat: str
    escalation: tuple[tuple[str, tuple[str, ...]], ...]


def alerts(documents: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the labels, name included, of every alerting rule in a generated tree."""
    return [
        {"alertname": rule["alert"], **rule["labels"]}
        for path, document in sorted(documents.items())
        if path.startswith("prometheus/rules/")
        for group in document["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def rows(catalogue: Mapping[str, Any], documents: Mapping[str, Any]) -> list[Row]:
    """Return the table of a platform: an alert a row, and more than one where its services differ in where they go."""
    root = tree(documents["alertmanager/alertmanager.yml"])
    place = {"platform": catalogue["platform"], "environment": catalogue["environment"]}
    words = {name: entry["word"] for name, entry in catalogue["alerting"]["priorities"].items()}
    found: dict[Row, list[str]] = {}
    for labels in alerts(documents):
        ends = [end for end in root.match({**labels, **place}) if end.receiver != "status-page"]
        steps = () if labels["alertname"] in _NEVER_ESCALATED else _steps(catalogue, labels)
        row = Row(
            alert=labels["alertname"],
            priority=labels["priority"],
            word=words[labels["priority"]],
            services=(),
            receivers=tuple(dict.fromkeys(end.receiver for end in ends)),
            mutes=tuple(dict.fromkeys(name for end in ends for name in end.mutes)),
            hours=tuple(dict.fromkeys(name for end in ends for name in end.hours)),
            repeat=", ".join(dict.fromkeys(end.repeat_interval for end in ends if end.receiver not in _OWN)),
            escalation=steps,
        )
        found.setdefault(row, []).append(labels["service"])
    return sorted(
        (replace(row, services=tuple(dict.fromkeys(services))) for row, services in found.items()),
        key=lambda row: (row.priority, row.alert, row.services),
    )


def _steps(catalogue: Mapping[str, Any], labels: Labels) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (step["after"], tuple(step["channels"]))
        for step in catalogue["alerting"]["escalation"]
        if labels["priority"] in step["priorities"]
    )


_COLUMNS = ("Alert", "Priority", "Of", "Told to", "Again after", "Silent during", "Escalation")
_GAP = "  "


def show(table: Iterable[Row], width: int | None) -> str:
    """Return the table for people: a line an alert, or a paragraph where a line has no room within `width`.

    No name is cut, whatever the width; None is for programs, which have room for every line.
    """
    cells = [_cells(row) for row in table]
    widths = [max(len(row[number]) for row in (_COLUMNS, *cells)) for number in range(len(_COLUMNS))]
    if width is None or sum(widths) + len(_GAP) * len(widths) <= width:
        lines = (
            _GAP.join(text.ljust(wide) for text, wide in zip(row, widths, strict=True)).rstrip()
            for row in (_COLUMNS, *cells)
        )
        return "\n".join(lines)
    return "\n\n".join(_paragraph(row, width) for row in cells)


def _cells(row: Row) -> tuple[str, ...]:
    quiet = [*row.mutes, *(f"outside {name}" for name in row.hours)]
    services = ["the alert's own" if "{{" in service else service for service in row.services]
    return (
        row.alert,
        row.word,
        ", ".join(services),
        ", ".join(row.receivers),
        row.repeat or "–",
        ", ".join(quiet) or "–",
        "; ".join(f"{after}: {', '.join(channels)}" for after, channels in row.escalation) or "–",
    )


def _paragraph(cells: tuple[str, ...], width: int) -> str:
    alert, *others = cells
    margin = max(map(len, _COLUMNS)) + 2 * len(_GAP)
    lines = [
        textwrap.fill(
            text,
            max(width, margin + 20),
            initial_indent=f"{_GAP}{column}".ljust(margin),
            subsequent_indent=" " * margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for column, text in zip(_COLUMNS[1:], others, strict=True)
        if text != "–"
    ]
    return "\n".join((alert, *lines))
