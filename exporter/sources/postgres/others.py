"""The other databases of a server: which ones are visited, when, and over how many connections."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from exporter.engine.source import Gap, SourceError
from exporter.engine.trace import note
from exporter.sources.postgres.config import Databases
from exporter.sources.postgres.facts import Server
from exporter.sources.postgres.gaps import closed, gaps_of, inside
from exporter.sources.postgres.run import Run
from exporter.sources.postgres.session import Session
from exporter.sources.postgres.turns import put_off

STATUSES = ("scraped", "waiting", "excluded", "unreachable", "failed", "capped")

_LONGEST_RETRY = 900.0


@dataclass(slots=True)
class _Visited:
    """One database: its session, when its last turn was, and what is remembered while it fails."""

    session: Session
    last: float = 0.0
    failures: int = 0
    again: float = 0.0
    late: bool = False
    """Whether the collection left it too little time when it was visited last."""
    error: SourceError | None = None

    def put_off(self, error: SourceError) -> None:
        """Leave it alone for a minute, twice as long at each further failure, a quarter of an hour at most."""
        self.error, self.late = error, False
        self.failures += 1
        self.again = time.monotonic() + put_off(self.failures, _LONGEST_RETRY)

    def forgive(self) -> None:
        """Forget its failures."""
        self.failures, self.again, self.late, self.error = 0, 0.0, False, None


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
        self._visited: dict[str, _Visited] = {}
        self._counts = dict.fromkeys(STATUSES, 0)

    @property
    def sessions(self) -> Iterable[Session]:
        """The sessions of all databases that are visited."""
        return [visited.session for visited in self._visited.values()]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many databases the server has, by what is done with them."""
        counts = dict(self._counts)
        for visited in self._visited.values():
            known = visited.session.server is not None
            counts["failed" if visited.error else "scraped" if known else "waiting"] += 1
        return counts

    def wanted(self, name: str) -> bool:
        """Say whether a database is to be visited if that is possible."""
        return (
            name not in self._ignored
            and _matches(name, self._rules.include)
            and not _matches(name, self._rules.exclude)
        )

    def choose(self, server: Server) -> None:
        """Decide which databases to visit, from what the server told with its facts."""
        wanted: list[str] = []
        self._counts = dict.fromkeys(STATUSES, 0)
        for name, connectable in server.databases.items():
            if name == server.database:
                self._counts["scraped"] += 1
            elif not self.wanted(name):
                self._counts["excluded"] += 1
            elif not connectable:
                self._counts["unreachable"] += 1
            else:
                wanted.append(name)
        self._counts["capped"] = len(wanted[self._most :])
        wanted = wanted[: self._most]
        for gone in self._visited.keys() - set(wanted):
            self._visited.pop(gone).session.link.drop()
        for name in wanted:
            if name not in self._visited:
                self._visited[name] = _Visited(self._new(name))

    def reachable(self, now: float) -> list[Session]:
        """Return the sessions of those that do not fail."""
        return [visited.session for visited in self._visited.values() if now >= visited.again]

    def _waiting(self, now: float) -> list[tuple[str, _Visited]]:
        """Return the databases where something is to be asked in a round, the longest unvisited one first."""
        waiting = [
            item for item in self._visited.items() if now >= item[1].again and item[1].session.has_quick(now)
        ]
        return sorted(waiting, key=lambda item: item[1].last)

    async def visit(self, collecting: float, until: float, deadline: float) -> bool:
        """Ask where something quick is due, from the longest unvisited database on, each until `deadline` at most.

        After `until` none is begun, but one. One that fails is left alone for a minute, then longer; the first time-out
        is forgiven where most of the time since `collecting`, when the collection began, was used by others.
        Returns whether the list of databases may be out of date.
        """
        outdated, began = False, time.monotonic()
        for place, (name, visited) in enumerate(self._waiting(began)):
            if time.monotonic() >= (until if place else deadline):
                note(f"database {name}", "no time left; it is first next time")
                break
            visited.last = time.monotonic()
            try:
                self._make_room(visited.session)
                await visited.session.collect(deadline)
                visited.forgive()
            except SourceError as error:
                note(f"database {name} failed: {error.reason}", str(error))
                since = began if visited.late else collecting
                if error.reason == "timeout" and 2 * (deadline - visited.last) < deadline - since:
                    visited.late = True
                    break  # it had the smaller part of the time; it will have more when it is first
                visited.put_off(error)
                outdated = outdated or error.reason == "rejected"
                if error.reason == "too_many_connections" and "for database" not in str(error):
                    break  # the role or the server has none left, so another database would have none either
        return outdated

    async def alone(self, session: Session, run: Run, deadline: float, *, before_all: bool) -> None:
        """Ask one collector by itself, in whichever database. Raises SourceError."""
        self._make_room(session)
        await session.alone(run, deadline, before_all=before_all)

    async def gaps(self, main: Session, deadline: float) -> list[Gap]:
        """Return what is missing in each of the databases, and those that the role may not connect to.

        Raises SourceError: the `main` database does not answer.
        """
        found = await closed(main, self.wanted, deadline) if self._most else []
        for name, visited in self._visited.items():
            error, session = visited.error, visited.session
            if error is None and session.server is not None:
                self._make_room(session)
                try:
                    found += [inside(name, gap) for gap in await gaps_of(session, deadline)]
                except SourceError as failed:
                    error = failed
            if error is not None:
                found.append(Gap(f"database {name}: {error}", error.remedy))
        return found

    def drop(self) -> None:
        """Close all connections."""
        for session in self.sessions:
            session.link.drop()

    def _make_room(self, session: Session) -> None:
        """Close a connection if this one needs one that is not allowed: of those that wait longest for their turn."""
        if session.link.connection is not None or session not in self.sessions:
            return
        open_ones = [other for other in self.sessions if other.link.connection is not None]
        if 1 + len(open_ones) >= self._connections:
            max(open_ones, key=lambda other: min((run.due for run in other.runs), default=0.0)).link.drop()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
