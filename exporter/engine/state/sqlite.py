"""The state in a SQLite file: for one exporter on one machine.

Every write is one transaction that is on disk before `write` returns (WAL, synchronous=FULL). All statements run in one
thread, in order, so that neither a slow disk holds up the event loop nor a read overtakes a write that was interrupted.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from exporter.engine.state import Conflict, Entry, StateError, StateStore

T = TypeVar("T")

ELSEWHERE = (
    "Name a writable folder with --state-dir or $PLATFORM_STATE_DIR, or a file with `state: {path: …}`."
)
_DAMAGED = "Put a backup in its place, or move the file away: counters then begin anew."

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (
    key     TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    value   BLOB NOT NULL
) WITHOUT ROWID
"""


class SqliteStore(StateStore):
    """The file at `path`, locked against a second exporter while it is open. Its folder is made with mode 0700.

    A `guest` takes no lock and makes no file: a command that leaves something for the exporter which has it open.
    """

    def __init__(self, path: Path, *, guest: bool = False) -> None:
        self._path, self._guest = path, guest
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Create what is missing. Raises StateError: not writable, damaged, or in use by another exporter."""
        await self._run(lambda: None)

    async def read(self, key: str) -> Entry | None:
        """Return the value of `key`."""

        def read() -> Entry | None:
            row = self._open().execute("SELECT value, version FROM state WHERE key = ?", (key,)).fetchone()
            return Entry(*row) if row else None

        return await self._run(read)

    async def write(self, key: str, value: bytes, version: int) -> int:
        """Put `value` in place of the one with `version`."""

        def write() -> int:
            statement = (
                "UPDATE state SET value = ?, version = version + 1 WHERE key = ? AND version = ?"
                if version
                else "INSERT INTO state (value, key, version) VALUES (?, ?, ? + 1) ON CONFLICT DO NOTHING"
            )
            return self._open().execute(statement, (value, key, version)).rowcount

        if await self._run(write) != 1:
            raise Conflict(key)
        return version + 1

    async def lead(self) -> bool:
        """Nobody else can have the file."""
        return True

    async def close(self) -> None:
        """Close the file and let others have it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                self._open()
                result = work()
            except StateError:
                self.up = False
                raise
            except sqlite3.OperationalError as error:
                self.up = False
                raise StateError(
                    f"{self._path}: {error}", f"See that its disk has room. {ELSEWHERE}"
                ) from error
            except sqlite3.Error as error:
                self.up = False
                raise StateError(f"{self._path}: {error}", _DAMAGED) from error
            self.up = True
            return result

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._take()
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_SCHEMA)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _take(self) -> None:
        """Lock a file beside the database; the kernel lets go of it however this process ends.

        Not the database itself: SQLite loses its own locks on a file when somebody else closes it in this process.
        """
        if self._lock is not None:
            return
        if self._guest:
            if not self._path.is_file():
                raise StateError(
                    f"there is no state in {self._path}",
                    "Name the exporter's folder with --state-dir or $PLATFORM_STATE_DIR.",
                )
            return
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"the state cannot be kept in {self._path}: {error.strerror}", ELSEWHERE
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except BlockingIOError as error:
            os.close(descriptor)
            raise StateError(
                f"another exporter uses the state in {self._path}",
                "Stop it, give this one its own --state-dir, or have both share Postgres: `state: {postgres: …}`.",
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise StateError(
                f"the state cannot be kept in {self._path}: {error.strerror}", ELSEWHERE
            ) from error
        self._lock = descriptor

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
