"""The last result of a source as one exporter hands it to another: compact JSON."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from exporter.engine.families import Collected, Family, Samples, value_text
from exporter.engine.source import REASONS, Reason, SourceError

_MOST = 2**53
"""A larger number of failures is none."""


@dataclass(slots=True)
class Result:
    """What is known of a source. `data` are those of the last success, `down` what it says of itself after `error`.

    `succeeded` is Unix time by the clock of the exporter that asked; `age` is how many seconds ago that was, for
    machines whose clocks differ, and `asked` how many seconds ago it asked last, in vain or not. `wait` is in how many
    seconds a source that fails, or wants to be left alone, may be asked again, also by the exporter that takes the lead
    meanwhile. `spec` is the fingerprint of the source as it was asked.
    """

    data: Collected = field(default_factory=Collected)
    succeeded: float | None = None
    age: float = 0.0
    duration: float = 0.0
    failures: dict[Reason, int] = field(default_factory=dict)
    error: SourceError | None = None
    failures_in_a_row: int = 0
    wait: float = 0.0
    asked: float = 0.0
    down: Collected = field(default_factory=Collected)
    spec: str = ""

    def later(self, seconds: float) -> "Result":
        """Return the same as it is so many seconds later."""
        return replace(self, age=self.age + seconds, asked=self.asked + seconds, wait=self.wait - seconds)

    @property
    def counts(self) -> bool:
        """Whether there are counters among the data, which must never be seen to fall."""
        return any(family.type == "counter" for family in self.data.families)


def dump(result: Result) -> bytes:
    """Write a result. Exemplars are left out: they are of one exporter's own events."""
    error = result.error
    return orjson.dumps(
        {
            "succeeded": result.succeeded,
            "age": result.age,
            "duration": result.duration,
            "failures": {reason: count for reason, count in result.failures.items() if count},
            "error": None if error is None else [error.reason, str(error), error.remedy],
            "failures_in_a_row": result.failures_in_a_row,
            "wait": result.wait,
            "asked": result.asked,
            "spec": result.spec,
            "families": _families(result.data),
            "down": _families(result.down),
            "cut": [family.name for family in result.data.cut],
            "created": {family.name: _plain(times) for family, times in result.data.created.items()},
        }
    )


def load(text: bytes, age: float = 0.0) -> Result:
    """Read a result that was written `age` seconds ago.

    Raises ValueError for what `dump` did not write.
    """
    try:
        return _load(orjson.loads(text)).later(age)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"no result: {error!r}") from error


def _load(document: dict[str, Any]) -> Result:
    data = _collected(document["families"])
    for family in data.families:
        if family.name in document["cut"]:
            data.cut.add(family)
        if family.name in document["created"]:
            data.created[family] = _samples(document["created"][family.name])
    known = {reason: _count(count) for reason, count in document["failures"].items() if reason in REASONS}
    error = document["error"]
    if error is not None:
        reason, message, remedy = error
        error = SourceError(reason if reason in REASONS else "internal", str(message), remedy=str(remedy))
    succeeded = document["succeeded"]
    return Result(
        data,
        None if succeeded is None else float(succeeded),
        float(document["age"]),
        float(document["duration"]),
        known,
        error,
        _count(document["failures_in_a_row"]),
        float(document["wait"]),
        float(document["asked"]),
        _collected(document.get("down", ())),  # an older exporter says neither
        str(document.get("spec", "")),
    )


def _count(value: float) -> int:
    """A row that is spoilt must not hold what cannot be written again."""
    return max(0, min(int(value), _MOST))


def _families(data: Collected) -> list[Any]:
    return [
        [family.name, family.type, family.help, family.labels, _plain(samples)] for family, samples in data
    ]


def _collected(families: Iterable[Any]) -> Collected:
    data = Collected()
    for name, kind, about, labels, rows in families:
        data.families[Family(name, kind, about, tuple(labels))] = _samples(rows)
    return data


def _plain(samples: Samples) -> list[Any]:
    """JSON has no infinity and no NaN; they go as the words of the exposition formats, which `float` understands."""
    return [(key, value if math.isfinite(value) else value_text(value)) for key, value in samples.items()]


def _samples(rows: list[Any]) -> Samples:
    return {tuple(key): float(value) for key, value in rows}
