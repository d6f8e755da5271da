"""Notes of one collection: what was asked, what came back, how long each phase took. For `explain`.

A source calls `note` where it asks; the call costs a look-up when nobody listens.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Note:
    """One step. `seconds` is None for a remark that took no time of its own."""

    what: str
    detail: str
    seconds: float | None = None


@dataclass(slots=True)
class Trace:
    """The notes of one collection, in order."""

    notes: list[Note] = field(default_factory=list)


_listening: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def tracing() -> Iterator[Trace]:
    """Collect notes while the block runs."""
    trace = Trace()
    token = _listening.set(trace)
    try:
        yield trace
    finally:
        _listening.reset(token)


def note(what: str, detail: str = "", seconds: float | None = None) -> None:
    """Remark something, and how long it took if that is known already."""
    if (trace := _listening.get()) is not None:
        trace.notes.append(Note(what, detail, seconds))


@contextmanager
def step(what: str, detail: str = "") -> Iterator[None]:
    """Note a step and the time it took, whether it succeeds or not."""
    trace = _listening.get()
    if trace is None:
        yield
        return
    entry = Note(what, detail)
    trace.notes.append(entry)
    started = time.perf_counter()
    try:
        yield
    finally:
        entry.seconds = time.perf_counter() - started
