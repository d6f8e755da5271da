"""Which of several exporters asks, and how the others come to show the same.

Sources that are exclusive are asked by the leader alone; it writes each result to the store, where the others read it.
Only results with counters wait until they are written: a store that hangs must not hold up a probe. An exporter that
cannot reach the store does not know who leads. It asks for itself then, so that probes go on; counters over windows
need the store and wait. Should two believe that they lead, compare-and-set lets one of them count.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from exporter.engine import result
from exporter.engine.families import Collected, Family
from exporter.engine.result import Result
from exporter.engine.state import Conflict, StateError, StateStore
from exporter.logs import Log

LEADER = Family(
    "platform_exporter_leader",
    "gauge",
    "Whether this exporter asks the exclusive sources (APIs and probes) for all exporters that share its state.",
)
STATE_UP = Family(
    "platform_exporter_state_up",
    "gauge",
    "Whether the last use of the state store succeeded. Without it, counters over windows wait.",
)
FAMILIES = (LEADER, STATE_UP)

Role = Literal["leader", "follower", "alone"]

_RENEWALS = 3
"""The lease is renewed so many times before it runs out."""

_LAST_MOMENT = 0.2
"""Seconds that a write under way is given when its source is stopped."""

log = Log()


class Leadership:
    """This exporter's part among those that share `store`. `on_change` is called when its metrics change."""

    def __init__(self, store: StateStore, on_change: Callable[[], None]) -> None:
        self.store = store
        self._on_change = on_change
        self._leads_until = self._heard_until = float("-inf")
        self.turns = 0  # how often its role has changed
        self._turned = asyncio.Event()  # the next time
        self._shown: tuple[Role, bool | None] | None = None

    @property
    def role(self) -> Role:
        """Leader while the lease holds; alone when the store has been silent for as long as a lease."""
        if not self.store.shared:
            return "leader"
        now = asyncio.get_running_loop().time()
        if now < self._leads_until:
            return "leader"
        return "follower" if now < self._heard_until else "alone"

    async def run(self) -> None:
        """Renew until cancelled."""
        while self.store.shared:
            await asyncio.sleep(self.store.lease / _RENEWALS)
            await self.renew()

    async def renew(self) -> None:
        """Take or prolong the lease."""
        asked = asyncio.get_running_loop().time()  # before: the lease may begin as soon as it is asked for
        takes = False
        try:
            leads = await self.store.lead()
        except StateError as error:
            if self.store.up is False and (self._shown is None or self._shown[1] is not False):
                log.warning("state.failed", error=str(error), remedy=error.remedy)
        else:
            self._heard_until = asked + self.store.lease
            takes = leads and self.role != "leader"
            self._leads_until = self._heard_until if leads else float("-inf")
        now = self.role, self.store.up
        if takes or self._shown is None or now[0] != self._shown[0]:
            self.turns += 1
            self._turned.set()
            self._turned = asyncio.Event()
        if now != self._shown:
            if self.store.shared:
                log.info("leadership", role=now[0], state_up=now[1])
            self._shown = now
            self._on_change()

    async def turned(self, known: int, seconds: float) -> bool:
        """Wait so long, or until the role changes; say whether `turns` is another than the one known."""
        if self.turns == known:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._turned.wait(), seconds)
        return self.turns != known

    def collected(self) -> Collected:
        """Return the metrics."""
        out = Collected()
        out.set(LEADER, self.role == "leader")
        out.set(STATE_UP, self.store.up)
        return out


class SharedResult:
    """The last result of one exclusive source, in the store."""

    def __init__(self, source: str, leadership: Leadership) -> None:
        self._key = f"result/{source}"
        self._leadership = leadership
        self._version: int | None = None  # the newest that was read or written; None: not known
        self._turn = 0  # of the leadership, when it was last asked what another exporter found out
        self._joined: int | None = None  # since which turn it has read what the leader before it wrote
        self._offered: tuple[Result, float] | None = None  # and when that was
        self._writing: asyncio.Task[None] | None = None

    @property
    def following(self) -> bool:
        """Whether another exporter asks the source."""
        return self._leadership.role == "follower"

    async def read(self) -> Result | None:
        """Return the result if it is newer than the one read or written last. Raises StateError."""
        entry = await self._leadership.store.read(self._key)
        newest = entry.version if entry else 0
        if newest == self._version:
            return None
        self._version = newest
        try:
            return result.load(entry.value, entry.age) if entry else None
        except ValueError as error:
            raise StateError(
                f"{self._key} in the state cannot be read: {error!r}", "Run the same version everywhere."
            ) from error

    async def heard(self) -> Result | None:
        """Return what another exporter found out meanwhile.

        Who leads asks for itself, but hears first what was written last, by the leader before it. There a store that
        fails is left for later.

        Raises:
            StateError: as a follower, when it cannot be read.
        """
        turn = self._turn = self._leadership.turns
        if self.following:
            return await self.read()
        if self._joined == turn or self._leadership.role == "alone":
            return None
        try:
            found = await self.read()
        except StateError:
            return None
        self._joined = turn
        return found

    async def turned(self, seconds: float) -> bool:
        """Wait so long, or until this exporter has another role than when it heard last; say whether it has."""
        return await self._leadership.turned(self._turn, seconds)

    async def publish(self, mine: Result) -> Result:
        """Write a result with counters for the others, and return the one to show: mine, or theirs if they were faster.

        It is not to be shown before: an exporter that is started next could show less.

        Raises:
            StateError: it could not be written.
        """
        self._offered = None  # older than mine
        if self._writing is not None:
            await asyncio.wait({self._writing})
        try:
            await self._write(mine)
        except Conflict:
            return await self.read() or mine
        return mine

    def offer(self, mine: Result) -> None:
        """Have a result written that needs not wait for it. While the store is slow the latest is written alone."""
        self._offered = mine, asyncio.get_running_loop().time()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_offered())

    async def close(self) -> None:
        """Give what is being written a moment, then interrupt it."""
        self._offered = None
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_LAST_MOMENT)
            self._writing.cancel()
            await asyncio.wait({self._writing})

    async def _write_offered(self) -> None:
        while self._offered is not None and self._leadership.role != "alone":
            (mine, since), self._offered = self._offered, None
            late = asyncio.get_running_loop().time() - since
            try:
                await self._write(mine.later(late))
            except Conflict:
                # Somebody else leads or believes so: what he wrote is read before the next run.
                self._version = self._joined = None
            except StateError:
                log.debug(
                    "result.not_written", key=self._key
                )  # that the store fails is told once, by `renew`
            except Exception:  # a source said what is no sample
                log.exception("result.defect", key=self._key)

    async def _write(self, mine: Result) -> None:
        store = self._leadership.store
        self._version = await store.write(self._key, result.dump(mine), self._version or 0)
