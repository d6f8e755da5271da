"""Work that goes on for as long as the exporter runs, whatever happens in it."""

import asyncio
from collections.abc import Awaitable, Callable

from exporter.logs import Log

_PAUSE = 1.0
"""Seconds before work that ended by an exception begins again."""

log = Log()


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` until it returns or is cancelled; begin it again when it raises, which is a defect that is logged.

    Nobody awaits such work, and an exception that ended it would be seen by nobody.
    """
    while True:
        try:
            return await work()
        except Exception:
            log.exception("task.defect", task=getattr(work, "__qualname__", repr(work)))
        await asyncio.sleep(_PAUSE)
