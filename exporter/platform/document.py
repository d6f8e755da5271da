"""YAML with positions: the data of a file, and the line of every key and item in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.platform.problems import PlatformError, Problem

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping read from `file`; `lines` gives the line of each location, keys and list items alike."""

    file: str
    data: dict[str, Any]
    lines: dict[Location, int] = field(default_factory=dict)

    def line(self, location: Location) -> int:
        """Return the line of `location`, or of its nearest ancestor that is written in the file."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read(path: Path) -> Document:
    """Read the platform file at `path`.

    Raises:
        PlatformError: the file is missing, empty, not YAML, not a mapping, or holds one key twice.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlatformError(
            [Problem(name, 0, "", f"cannot be read: {error.strerror}", "Name the file with -p FILE.")]
        ) from error
    except UnicodeDecodeError as error:
        raise PlatformError([Problem(name, 0, "", "is not UTF-8 text", "Save it as UTF-8.")]) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise PlatformError(
            [
                Problem(
                    name,
                    line,
                    "",
                    f"is not YAML: {error.problem}",
                    "Look at the indentation, quotes and colons just before this line.",
                )
            ]
        ) from error
    except yaml.YAMLError as error:
        raise PlatformError(
            [Problem(name, 0, "", f"is not YAML: {error}", "Remove what is not text.")]
        ) from error
    if node is None or not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "is not a mapping of keys to values"
        raise PlatformError(
            [
                Problem(
                    name, 1, "", what, "Start with `platform: NAME`; platforms/demo.yml is a whole example."
                )
            ]
        )
    return _Builder(name).document(node)


class _Builder:
    """Turns YAML nodes into plain data and notes where each part stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self.constructor = yaml.SafeLoader("")

    def document(self, node: yaml.MappingNode) -> Document:
        data = self._value(node, ())
        if self.problems:
            raise PlatformError(self.problems)
        return Document(self.file, data, self.lines)

    def _value(self, node: yaml.Node, location: Location) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*location, index)) for index, item in enumerate(node.value)]
        return self.constructor.construct_object(node, deep=True)

    def _item(self, node: yaml.Node, location: Location) -> Any:
        self.lines[location] = node.start_mark.line + 1
        return self._value(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*location, key)
            line = key_node.start_mark.line + 1
            if key in result:
                self.problems.append(
                    Problem(
                        self.file,
                        line,
                        dotted(here),
                        f"is written twice; first on line {self.lines[here]}",
                        "Keep one of the two, or give one another name.",
                    )
                )
                continue
            self.lines[here] = line
            result[key] = self._value(value_node, here)
        return result


def dotted(location: Location) -> str:
    """Write a location as people do: `alerting.channels.pager.priorities[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
