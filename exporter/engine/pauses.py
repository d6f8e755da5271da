"""Pauses of a thread that computes beside the event loop.

The loop waits for the interpreter, and on a busy machine for the processor that it was put on, until whoever has them
is interrupted: milliseconds, now and then. A thread that sleeps for a moment hands both over at once.
"""

import time

_STINT = 0.0005
_PAUSE = 0.00005


class Pauses:
    """Call it between pieces of work: it sleeps for a moment whenever half a millisecond was worked."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Sleep, if it is time to."""
        if time.perf_counter() - self._since >= _STINT:
            time.sleep(_PAUSE)
            self._since = time.perf_counter()


def never() -> None:
    """Go on: the pauses of work that nobody waits beside."""
