"""A limit on time that interrupts for certain, even what clings to life."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from exporter.engine.source import SourceError
from exporter.engine.state import StateError
from exporter.logs import Log

_CANCEL_EVERY = 0.25
_GIVE_UP_AFTER = 2.0

log = Log()

T = TypeVar("T")


class Deadline:
    """Runs work of one source, such as its collections: each within its time, and never two at once."""

    def __init__(self) -> None:
        self._left_behind: asyncio.Task[Any] | None = None

    async def within(self, seconds: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await `work`; interrupt it after `seconds`, again and again if it clings to life, then leave it behind.

        As long as it lives no other is begun: they would become more and more.

        Raises SourceError: `timeout`, or `state` when the work says that it was the state that it waited for.
        """
        if self._left_behind is not None and not self._left_behind.done():
            raise SourceError(
                "timeout", "an earlier collection does not end", remedy="Please report this, and restart."
            )
        task: asyncio.Task[T] = asyncio.create_task(work())
        self._left_behind = task
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            await _interrupt(task)
            raise
        if done and task.cancelled():
            raise SourceError("internal", "the collection cancelled itself", remedy="Please report this.")
        if done:
            return task.result()
        error = await _interrupt(task)
        if isinstance(error, StateError):
            raise error
        remedy = "Check that it answers, or raise its `timeout:`."
        raise SourceError("timeout", f"no answer within {seconds:g} s", remedy=remedy)


def _seen(task: asyncio.Task[Any]) -> None:
    """Note what is left behind when it ends; asyncio would complain of an error that nobody takes."""
    error = None if task.cancelled() else task.exception()
    log.info("source.stuck_no_more", task=repr(task.get_coro()), error=error and repr(error))


async def _interrupt(task: asyncio.Task[Any]) -> BaseException | None:
    """End the task; return what it raised then."""
    for _ in range(int(_GIVE_UP_AFTER / _CANCEL_EVERY)):
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_CANCEL_EVERY)
        if done:
            return None if task.cancelled() else task.exception()
    task.add_done_callback(_seen)
    log.error("source.stuck", task=repr(task))
    return None
