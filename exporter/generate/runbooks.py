"""The facts of a runbook page, taken from the generated rules, between two marks; the prose around them is by hand."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exporter.generate import catalogue
from exporter.generate.mixin import alert_rules, alert_settings, rules_and_routes
from exporter.routes import Row, rows

BEGIN = "<!-- facts: made by `make golden` from the rules; do not edit -->"
END = "<!-- /facts -->"
_BLOCK = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def pages(folder: Path, platforms: Iterable[Path]) -> dict[str, str]:
    """Return file name → text of every page in `folder`, with the facts of the first platform that has its alert.

    Facts are those of the catalogue of alerts, before any platform file changes them. A page whose alert no platform
    has keeps its text.
    """
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    missing = set(texts)
    for platform in platforms:
        if not missing:
            break
        document = _unchanged(catalogue(platform))
        rules, table = alert_rules(document), rows(document, rules_and_routes(document))
        for name in sorted(missing & {rule["alert"] for rule in rules}):
            own = _of_one_component(name, rules)
            block = facts(own, alert_settings()[name], f"platforms/{platform.name}", _ways(own, table))
            texts[name] = with_facts(texts[name], block)
            missing.remove(name)
    return {f"{name}.md": text for name, text in texts.items()}


def _unchanged(document: dict[str, Any]) -> dict[str, Any]:
    """Return the catalogue with every alert switched on and none changed, and no trace of the file's other contents."""
    alerts: dict[str, dict[str, Any]] = {name: {"enabled": True} for name in alert_settings()}
    return {
        **document,
        "hash": "hash of the platform file",
        "alerting": {**document["alerting"], "alerts": alerts},
    }


def _of_one_component(name: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = [rule for rule in rules if rule["alert"] == name]
    told = ("severity", "priority")
    component = {key: value for key, value in own[0]["labels"].items() if key not in told}
    return [rule for rule in own if component.items() <= rule["labels"].items()]


def _ways(rules: list[dict[str, Any]], table: Iterable[Row]) -> list[Row]:
    """Return where the rules of one component go, a row for each of its levels, the most urgent first."""
    main = rules[0]
    return [row for row in table if row.alert == main["alert"] and main["labels"]["service"] in row.services]


def facts(rules: list[dict[str, Any]], settings: dict[str, str], file: str, ways: list[Row]) -> str:
    """Return the block of one alert: `rules` are those of one component, the main level first.

    `settings` are the alert's own, before any platform file changes them (see `alert_settings`); `ways` is where the
    channels of the platform file `file` take it.
    """
    main = rules[0]
    levels = [f"{rule['labels']['priority']}, {rule['labels']['severity']}" for rule in rules]
    rows = {
        "Priority": levels[0] + (f"; {levels[1]} from the milder threshold on" if len(levels) > 1 else ""),
        "Kind": main["labels"]["kind"],
        "Waits": main.get("for", "not at all"),
        "Threshold": _threshold(settings),
        "Route": f"By the channels of {file} {'; '.join(map(_way, ways))}. Yours: `platform-exporter routes -p FILE`",
        "Labels": ", ".join(f"`{name}`" for name in sorted(main["labels"])),
    }
    table = "".join(f"| {name} | {text} |\n" for name, text in rows.items() if text)
    return f"{BEGIN}\n| | |\n|---|---|\n{table}\n```promql\n{main['expr'].strip()}\n```\n{END}"


def _way(row: Row) -> str:
    steps = "".join(f", after {after} {_names(channels)}" for after, channels in row.escalation)
    return f"{row.priority} to {_names(row.receivers)}{steps}"


def _names(channels: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in channels)


def _threshold(settings: dict[str, str]) -> str:
    if "threshold" not in settings:
        return ""
    unit = settings.get("unit", "number")
    written = f"`{settings['threshold']}`" + ("" if unit == "number" else f" {unit}")
    return written + (f", milder `{settings['warn']}`" if "warn" in settings else "")


def with_facts(page: str, block: str) -> str:
    """Return `page` with its block replaced; one without a block gets it before its first section.

    Raises ValueError when the page has no section.
    """
    if _BLOCK.search(page):
        return _BLOCK.sub(lambda _: block, page, count=1)
    head, mark, rest = page.partition("\n## ")
    if not mark:
        raise ValueError("a runbook page has sections that begin with ##")
    return f"{head.rstrip()}\n\n{block}\n\n## {rest}"
