"""The other databases of a server: which ones are visited, when, and over how many connections."""

import time
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

from exporter.engine.source import SourceError
from exporter.engine.trace import note
from exporter.sources.postgres.config import Databases
from exporter.sources.postgres.facts import Server
from exporter.sources.postgres.session import Session

STATUSES = ("scraped", "excluded", "unreachable", "failed", "capped")

_RETRY = 60.0
_LONGEST_RETRY = 900.0


class Others:
    """Visits every database of a server but the one of the connection string.

    Args:
        rules: which databases, as the platform file says.
        ignored: databases of the provider's own.
        connections: most connections, the one of the connection string included.
        new: makes the session of a database.
    """

    def __init__(
        self, rules: Databases, ignored: frozenset[str], connections: int, new: Callable[[str], Session]
    ) -> None:
        self._rules, self._ignored, self._connections, self._new = rules, ignored, connections, new
        self._most = rules.most if connections > 1 else 0
        self._visited: dict[str, Session] = {}
        self._failures: dict[str, int] = {}
        self._again: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._counts = dict.fromkeys(STATUSES, 0)
        self.failed: dict[str, SourceError] = {}

    @property
    def sessions(self) -> Iterable[Session]:
        """The sessions of all databases that are visited."""
        return self._visited.values()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many databases the server has, by what is done with them."""
        reached = {name for name, session in self._visited.items() if session.server is not None}
        scraped = self._counts["scraped"] + len(reached - self.failed.keys())
        return {**self._counts, "scraped": scraped, "failed": len(self.failed)}

    def choose(self, server: Server) -> None:
        """Decide which databases to visit, from what the server told with its facts."""
        wanted: list[str] = []
        self._counts = dict.fromkeys(STATUSES, 0)
        for name, connectable in server.databases.items():
            if name == server.database:
                self._counts["scraped"] += 1
            elif (
                name in self._ignored
                or not _matches(name, self._rules.include)
                or _matches(name, self._rules.exclude)
            ):
                self._counts["excluded"] += 1
            elif not connectable:
                self._counts["unreachable"] += 1
            else:
                wanted.append(name)
        self._counts["capped"] = len(wanted[self._most :])
        wanted = wanted[: self._most]
        for gone in self._visited.keys() - set(wanted):
            self._visited.pop(gone).drop()
            self._last.pop(gone, None)
            self._forgive(gone)
        for name in wanted:
            if name not in self._visited:
                self._visited[name] = self._new(name)

    async def visit(self, deadline: float) -> bool:
        """Collect where collectors are due, from the longest unvisited database on, until `deadline`.

        One that fails is left alone for a minute, then longer.
        Returns whether the list of databases may be out of date.
        """
        now, outdated = time.monotonic(), False
        waiting = [
            (name, session)
            for name, session in self._visited.items()
            if now >= self._again.get(name, 0.0) and session.due(now)
        ]
        waiting.sort(key=lambda item: self._last.get(item[0], 0.0))
        for name, session in waiting:
            if time.monotonic() >= deadline:
                note(f"database {name}", "no time left; it is first next time")
                break
            if session.connection is None:
                self._make_room()
            self._last[name] = time.monotonic()
            try:
                await session.collect(deadline)
                self._forgive(name)
            except SourceError as error:
                self._put_off(name, error)
                outdated = outdated or error.reason == "rejected"
                if error.reason == "too_many_connections" and "for database" not in str(error):
                    break  # the role or the server has none left, so another database would have none either
        return outdated

    def drop(self) -> None:
        """Close all connections."""
        for session in self._visited.values():
            session.drop()

    def _put_off(self, name: str, error: SourceError) -> None:
        note(f"database {name} failed: {error.reason}", str(error))
        self.failed[name] = error
        times = self._failures[name] = self._failures.get(name, 0) + 1
        self._again[name] = time.monotonic() + min(_RETRY * 2 ** min(times - 1, 10), _LONGEST_RETRY)

    def _forgive(self, name: str) -> None:
        for memory in (self.failed, self._failures, self._again):
            memory.pop(name, None)

    def _make_room(self) -> None:
        """Close a connection if no further one is allowed: of those that wait longest for their next turn."""
        open_ones = [session for session in self._visited.values() if session.connection is not None]
        if 1 + len(open_ones) >= self._connections:
            max(open_ones, key=lambda session: min((run.due for run in session.runs), default=0.0)).drop()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
