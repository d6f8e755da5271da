"""A limit on time that interrupts for certain, even what clings to life."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from exporter.engine.families import Collected
from exporter.engine.source import SourceError

_CANCEL_EVERY = 0.25
_GIVE_UP_AFTER = 2.0

log = structlog.get_logger()


async def within(seconds: float, work: Coroutine[Any, Any, Collected]) -> Collected:
    """Await `work`; interrupt it after `seconds`, again and again if it clings to life, then leave it behind."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _interrupt(task)
        raise
    if done and task.cancelled():
        raise SourceError("internal", "the collection cancelled itself", remedy="Please report this.")
    if done:
        return task.result()
    await _interrupt(task)
    remedy = "Check that it answers, or raise its `timeout:`."
    raise SourceError("timeout", f"no answer within {seconds:g} s", remedy=remedy)


async def _interrupt(task: asyncio.Task[Collected]) -> None:
    for _ in range(int(_GIVE_UP_AFTER / _CANCEL_EVERY)):
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_CANCEL_EVERY)
        if done:
            if not task.cancelled():
                task.exception()  # seen, so that asyncio does not complain; the time-out is what counts
            return
    log.error("source.stuck", task=repr(task))
