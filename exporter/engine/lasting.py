"""Work that goes on for as long as the exporter runs, whatever happens in it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from exporter.logs import Log

_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before work that ended by an exception begins again: at first, and after ends that follow each other."""

log = Log()


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` until it returns or is cancelled; begin it again when it raises, which is a defect that is logged.

    Nobody awaits such work, and an exception that ended it would be seen by nobody.
    """
    pause = _PAUSE
    while True:
        began = time.monotonic()
        try:
            return await work()
        except Exception:
            log.exception("task.defect", task=getattr(work, "__qualname__", repr(work)))
        if time.monotonic() - began > _LONGEST_PAUSE:
            pause = _PAUSE
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
