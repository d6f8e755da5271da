"""The event loop: uvloop, with names looked up once at a time.

A look-up runs in a thread that cannot be stopped, and a name server that is silent holds it for half a minute. Asked
again at every collection, a few such names would hold all threads, and names that do resolve would wait with them.
"""

import asyncio
from typing import Any

import uvloop

Addresses = list[Any]
"""What getaddrinfo returns."""


class Loop(uvloop.Loop):
    """Whoever asks for a name that is being looked up waits for that answer; cancelling the wait leaves it running."""

    _pending: dict[tuple[Any, ...], asyncio.Task[Addresses]]

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """See asyncio.loop.getaddrinfo."""
        pending = self.__dict__.setdefault("_pending", {})
        key = (host, port, family, type, proto, flags)
        if key not in pending:
            asked = super().getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
            task = self.create_task(_awaited(asked))
            pending[key] = task
            task.add_done_callback(lambda done: _forget(pending, key, done))
        return await asyncio.shield(pending[key])


async def _awaited(asked: Any) -> Addresses:
    found: Addresses = await asked
    return found


def _forget(
    pending: dict[tuple[Any, ...], asyncio.Task[Addresses]],
    key: tuple[Any, ...],
    done: asyncio.Task[Addresses],
) -> None:
    pending.pop(key, None)
    if not done.cancelled():
        done.exception()  # seen: whoever still waits is told, and nobody else need be
