"""The transaction in which everything is asked: read-only, bounded, blind to what users of the database created.

Limits are set with SET LOCAL, because a session's SET would leak to other clients of a pooler. With pg_catalog alone in
the search path no function or operator of somebody else's can take the place of a built-in one: a better match in
another schema would win, wherever pg_catalog stands in the path. The isolation level is named because a default of
serializable is refused by a standby, and holds back vacuum elsewhere.
"""

from dataclasses import dataclass

from psycopg.pq.abc import PGresult

LOCK_TIMEOUT_MS = 200
STATEMENT_TIMEOUT_MS = 2000


def begin(statement_timeout: int) -> tuple[bytes, ...]:
    """Return what begins it, with the limit of its statements in milliseconds. The answer is a row for Moment.of."""
    return (
        b"begin isolation level read committed read only not deferrable",
        f"set local lock_timeout = {LOCK_TIMEOUT_MS}".encode(),
        f"set local statement_timeout = {statement_timeout}".encode(),
        b"set local search_path = pg_catalog",
        b"set local extra_float_digits = 1",
        b"set local jit = off",  # a statement over many relations looks dear enough to compile, which costs more
        b"savepoint collector",
        b"select extract(epoch from clock_timestamp())::float8, extract(epoch from pg_postmaster_start_time())::float8",
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """When the server was asked, when it had been started, and since when it counts: Unix seconds, by its own clock."""

    time: float
    started: float
    reset: float | None = None
    """When the statistics that were asked for began; None if that is not known."""

    @classmethod
    def of(cls, began: PGresult) -> "Moment":
        """Read the answer of a transaction's beginning."""
        time, started = (float(began.get_value(0, place) or 0) for place in range(2))
        return cls(time, started)

    def same_server(self, before: "Moment") -> bool:
        """Say whether the server may be the one of `before`, which may have been started anew since.

        One that was running by then is another one, whose statistics tell of what it did all the time. So is one whose
        statistics began before, but not when those did: it was started since, and has kept them.
        """
        if self.reset is not None and before.reset is not None and before.reset != self.reset <= before.time:
            return False
        return self.started == before.started or self.started > before.time


def milliseconds(seconds: float) -> int:
    """Return a time-out, rounded down: each other value is a statement of its own in pg_stat_statements."""
    step = 100 if seconds >= 1 else 10
    return max(step, int(1000 * seconds + 1e-6) // step * step)


BEGIN = begin(STATEMENT_TIMEOUT_MS)
AGAIN = b"rollback to savepoint collector"
"""Begins each statement after the first: what the one before set or failed at is gone."""
OWN_PATH = b"set local search_path to default"
END = (AGAIN, b"commit")
"""Not a rollback, which would count as one in pg_stat_database: a quiet database would seem to fail all the time."""
