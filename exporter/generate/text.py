"""Documents as text: YAML that people read in an incident, JSON that Grafana loads; the same bytes on every machine."""

import json
from typing import Any

import yaml

# Keys that lead their mapping, in this order; all others follow by name. A rule reads: what, when, then the rest.
_LEADING = (
    "global",
    "name",
    "alert",
    "record",
    "job_name",
    "receiver",
    "apiVersion",
    "interval",
    "expr",
    "for",
    "matchers",
    "source_matchers",
    "target_matchers",
    "templates",
    "route",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "labels",
    "summary",
    "description",
    "impact",
    "action",
    "value",
    "threshold",
)
_RANK = {key: rank for rank, key in enumerate(_LEADING)}
_LAST = {"routes", "rules", "receivers", "annotations", "scrape_configs"}
_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """SafeDumper that indents lists and never writes anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the items of a list under their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value out where it stands."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Lines as a literal block, long text as a folded one, anything else as YAML likes."""
    style = "|" if "\n" in text else ">" if len(text) > _WIDTH and text.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(document: Any, header: str) -> str:
    """Return `document` as YAML under a comment of one line."""
    body = yaml.dump(
        _ordered(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, indent=2
    )
    return f"# {header}\n{body}"


def json_text(document: Any) -> str:
    """Return `document` as JSON with an indent of 2 and a newline at its end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _ordered(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _ordered(document[key]) for key in sorted(document, key=_place)}
    if isinstance(document, list):
        return [_ordered(item) for item in document]
    return document


def _place(key: str) -> tuple[bool, int, str]:
    return key in _LAST, _RANK.get(key, len(_RANK)), key
