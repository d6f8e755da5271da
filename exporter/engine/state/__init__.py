"""What must survive the process: small values by key, each with a version, written by compare-and-set.

One exporter keeps them in a SQLite file, several that share them in Postgres. See docs/state.md.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from exporter.engine.source import SourceError


@dataclass(frozen=True, slots=True)
class Entry:
    """A value as it was read. Versions begin at 1 and grow by 1 with each write.

    `age` is how many seconds ago it was written, by the store's own clock: those of two machines differ. It is 0 in
    stores that nobody else writes to.
    """

    value: bytes
    version: int
    age: float = field(default=0.0, compare=False)


class Conflict(Exception):
    """Somebody else wrote the key since it was read; nothing was written."""


class StateError(SourceError):
    """The store does not answer or cannot be used. After a failed write either may be true: written or not."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__("state", message, remedy=remedy)


class StateStore(ABC):
    """Keeps values durably: what `write` returned from is there after a kill or a power cut.

    Attributes:
        shared: whether other exporters may use the same values, so that only their leader collects for all.
        lease: seconds that a leader may stay silent before another one takes over; 0 when not shared.
        up: whether the last use of the store succeeded; None before the first.
    """

    shared: bool = False
    lease: float = 0.0
    up: bool | None = None

    @abstractmethod
    async def open(self) -> None:
        """Make the store usable. Raises StateError for what only the operator can mend."""

    @abstractmethod
    async def read(self, key: str) -> Entry | None:
        """Return the value of `key`, None when it was never written. Raises StateError."""

    @abstractmethod
    async def write(self, key: str, value: bytes, version: int) -> int:
        """Put `value` in place of the one with `version` (0: of none), and return the new version.

        Raises:
            Conflict: the key has another version.
            StateError: the store failed; the value may have been written all the same.
        """

    @abstractmethod
    async def lead(self) -> bool:
        """Take the leadership or prolong it by `lease`; say whether it is ours. Raises StateError."""

    @abstractmethod
    async def close(self) -> None:
        """Give up leadership and what is held."""


class MemoryStore(StateStore):
    """Keeps nothing beyond the process: for single runs such as `check`, which must not move what `run` counts."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    async def open(self) -> None:
        """Nothing to do."""
        self.up = True

    async def read(self, key: str) -> Entry | None:
        """Return the value of `key`."""
        return self._entries.get(key)

    async def write(self, key: str, value: bytes, version: int) -> int:
        """Put `value` in place of the one with `version`. Raises Conflict."""
        before = self._entries.get(key)
        if version != (before.version if before else 0):
            raise Conflict(key)
        self._entries[key] = Entry(value, version + 1)
        return version + 1

    async def lead(self) -> bool:
        """Nobody else knows of this store."""
        return True

    async def close(self) -> None:
        """Nothing to do."""
