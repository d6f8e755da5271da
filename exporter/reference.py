"""The references that are made from the code: docs/metrics.md, docs/platform-file.md, docs/postgres-coverage.md
and platform.schema.json.

`python -m exporter.reference` writes them; a test says when they are out of date.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from exporter.catalog import OWN
from exporter.engine.families import Family
from exporter.engine.source import REASONS
from exporter.generate.runbooks import pages
from exporter.platform.schema import schema
from exporter.sources import KINDS
from exporter.sources.postgres import coverage

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Made by `python -m exporter.reference`; do not edit. -->"


@cache
def references() -> dict[str, str]:
    """Return path → text of every generated reference."""
    return {
        "docs/metrics.md": _metrics(),
        "docs/platform-file.md": _platform_file(),
        "docs/postgres-coverage.md": _postgres_coverage(),
        "platform.schema.json": json.dumps(schema(), indent=2) + "\n",
        **{
            f"docs/runbooks/{name}": text
            for name, text in pages(ROOT / "docs" / "runbooks", _platforms()).items()
        },
    }


def _platforms() -> list[Path]:
    """The platform files of the repository, the demo's first."""
    return sorted((ROOT / "platforms").glob("*.yml"), key=lambda path: (path.stem != "demo", path.stem))


def _metrics() -> str:
    lines = [
        "# Metrics",
        _NOTE,
        "Every metric that the exporter declares, the team's own SQL excepted. `target` is the key of the source in",
        "the platform file; `source` is kind and key, such as `postgres.main`. Prometheus adds `platform` and",
        "`environment`.",
        "",
        "Data are collected on each source's own schedule and served at once. A source that has not succeeded for",
        "three intervals and its time-out loses its series, so that Prometheus marks them stale.",
        "",
        "Names that begin with `pg_` are those of postgres_exporter where it has the metric, so that published",
        "dashboards work. `promtool check metrics` remarks on some of them: on counters that do not end in `_total`,",
        "and on names with `_count` or `summary`.",
        "",
        *_table(
            "The exporter itself",
            OWN,
        ),
        f"`reason` is one of: {', '.join(f'`{reason}`' for reason in REASONS)}.",
        "",
    ]
    for kind in KINDS.values():
        lines += _table(f"`{kind.name}`", kind.families)
    return "\n".join(lines)


def _postgres_coverage() -> str:
    families = [family for kind in KINDS.values() for family in kind.families]
    return "\n".join(["# Postgres: coverage", _NOTE, *coverage.page(families)])


def _table(title: str, families: Iterable[Family]) -> list[str]:
    rows = [
        f"| `{family.name}` | {family.type} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
        for family in sorted(families, key=lambda family: family.name)
    ]
    return [f"## {title}", "", "| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |", *rows, ""]


def _platform_file() -> str:
    document = schema()
    lines = [
        "# The platform file",
        _NOTE,
        "Each table is one mapping of the file. Unknown keys are errors. Editors that know the YAML language server",
        "complete keys with `# yaml-language-server: $schema=…/platform.schema.json` as the first line.",
        "",
        *_part("The file itself", document, document["$defs"]),
    ]
    seen: list[str] = []
    for name in _named(document, document["$defs"], seen):
        lines += _part(name, document["$defs"][name], document["$defs"])
    return "\n".join(lines)


def _named(part: dict[str, Any], definitions: dict[str, Any], seen: list[str]) -> Iterator[str]:
    """Yield the names of all parts below `part`, in the order of the file."""
    for value in part.get("properties", {}).values():
        for name in _references(value):
            if name not in seen:
                seen.append(name)
                yield name
                yield from _named(definitions[name], definitions, seen)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _part(title: str, part: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    required = part.get("required", [])
    rows = []
    for key, value in part.get("properties", {}).items():
        default = "**required**" if key in required else _default(value)
        rows.append(f"| `{key}` | {_kind(value)} | {default} | {_sentence(value, definitions)} |")
    about = [part["description"].partition("\n")[0], ""] if title in definitions else []
    return [
        f"## {title}",
        "",
        *about,
        "| Key | Value | Default | Meaning |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(_kind(option) for option in value["anyOf"] if option.get("type") != "null")
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}"
    if value.get("type") == "object":
        inside: Any = value.get("additionalProperties") or next(
            iter(value.get("patternProperties", {}).values()), {}
        )
        return f"mapping of names to {_kind(inside) if isinstance(inside, dict) and inside else 'values'}"
    if examples := value.get("examples"):
        return f"like `{examples[0]}`"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        value.get("type", ""), "text"
    )


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    return (
        ""
        if default in (None, {}, []) or isinstance(default, dict)
        else f"`{json.dumps(default).strip(chr(34))}`"
    )


def _sentence(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    if text := value.get("description"):
        return str(text).replace("\n", " ")
    names = list(_references(value))
    return str(definitions[names[0]].get("description", "")).partition("\n")[0] if names else ""


def main() -> None:
    """Write the references below the current folder."""
    for path, text in references().items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
