"""YAML with positions: the data of a file, and the line of every key and item in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.platform.problems import PlatformError, Problem

Location = tuple[str | int, ...]

MAX_DEPTH = 40
MAX_VALUES = 100_000
"""Bounds of a file with all its aliases followed; far beyond what anybody writes."""


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


def read(
    path: Path,
    *,
    option: str = "-p FILE",
    beginning: str = "Start with `platform: NAME`; platforms/demo.yml is a whole example.",
    may_be_empty: bool = False,
) -> Document:
    """Read the file at `path`: the platform file, or one that is named with `option` and has another `beginning`.

    Raises:
        PlatformError: the file is missing, empty, not YAML, not a mapping, or holds one key twice.
    """
    name = str(path)

    def wrong(message: str, remedy: str, line: int = 0) -> PlatformError:
        return PlatformError([Problem(name, line, "", message, remedy)])

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}", f"Name the file with {option}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise wrong("is not UTF-8 text", "Save it as UTF-8.", line) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        remedy = "Look at the indentation, quotes and colons just before this line."
        raise wrong(f"is not YAML: {error.problem}", remedy, line) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise wrong(f"is not YAML: {error.reason}", "Remove what is not text.", line) from error
    except RecursionError as error:
        raise wrong(f"is nested deeper than {MAX_DEPTH} levels", "No such file needs that.") from error
    if node is None and may_be_empty:
        return Document(name, {})
    if node is None or not isinstance(node, yaml.MappingNode):
        what = "is empty" if node is None else "is not a mapping of keys to values"
        raise wrong(what, beginning, 1)
    return _Builder(name).document(node)


class _Builder:
    """Turns YAML nodes into plain data and notes where each part stands. Aliases are followed, within bounds."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self.values = 0
        self.constructor = yaml.SafeLoader("")

    def document(self, node: yaml.MappingNode) -> Document:
        data = self._value(node, ())
        if self.problems:
            raise PlatformError(self.problems)
        return Document(self.file, data, self.lines)

    def _value(self, node: yaml.Node, location: Location) -> Any:
        self.values += 1
        if len(location) > MAX_DEPTH:
            self._stop(
                node, location[:3], f"is nested deeper than {MAX_DEPTH} levels", "Does an alias hold itself?"
            )
        if self.values > MAX_VALUES:
            self._stop(node, location[:3], f"brings the file over {MAX_VALUES} values", "Use fewer aliases.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*location, index)) for index, item in enumerate(node.value)]
        try:
            return self.constructor.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError):
            self._wrong(node, location, f"cannot be read as {node.tag}", "Write it as plain text, in quotes.")
            return None

    def _item(self, node: yaml.Node, location: Location) -> Any:
        self.lines[location] = node.start_mark.line + 1
        return self._value(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, location, "has a key that is not text", "Write `key: value`.")
            elif key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merged(value_node, location)
            elif (key := str(key_node.value)) in result:
                message = f"is written twice; first on line {self.lines[(*location, key)]}"
                remedy = "Keep one of the two, or give one another name."
                self._wrong(key_node, (*location, key), message, remedy)
            else:
                self.lines[(*location, key)] = key_node.start_mark.line + 1
                result[key] = self._value(value_node, (*location, key))
        return merged | result

    def _merged(self, node: yaml.Node, location: Location) -> dict[str, Any]:
        """Read what `<<` merges in: a mapping, or a list of mappings of which earlier ones win."""
        if isinstance(node, yaml.MappingNode):
            return dict(self._value(node, location))
        if isinstance(node, yaml.SequenceNode) and all(
            isinstance(item, yaml.MappingNode) for item in node.value
        ):
            merged: dict[str, Any] = {}
            for item in reversed(node.value):
                merged |= self._value(item, location)
            return merged
        self._wrong(node, location, "`<<` merges something that is not a mapping", "Write `<<: *name`.")
        return {}

    def _wrong(self, node: yaml.Node, location: Location, message: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, dotted(location), message, remedy))

    def _stop(self, node: yaml.Node, location: Location, message: str, remedy: str) -> None:
        self._wrong(node, location, message, remedy)
        raise PlatformError(self.problems[-1:])


def dotted(location: Location) -> str:
    """Write a location as people do: `alerting.channels.pager.priorities[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
