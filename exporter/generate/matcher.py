"""Alertmanager's matchers, read as the generator writes them (alertmanager/matchers.libsonnet)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MATCHER = re.compile(r'(?P<label>\w+) (?P<operator>=|!=|=~|!~) "(?P<value>(?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is missing is an empty one."""

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Matcher":
        """Read a matcher. Raises ValueError."""
        match = _MATCHER.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no matcher")
        value = re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], match["value"])
        return cls(match["label"], match["operator"], value)

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the condition holds."""
        found = labels.get(self.label, "")
        same = re.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return same is not self.operator.startswith("!")
