"""The same faults side by side: what each exporter answers while a table is locked, and while the server is frozen.

query-exporter and sql_exporter are given our SQL, which does not wait for a locked table; SQL that asks for sizes as
usual does.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg

from tests.bench.postgres_peers import (
    PeerMissing,
    body,
    collectors_of,
    families,
    ours,
    postgres_exporter,
    query_exporter,
    sql_exporter,
)
from tests.bench.postgres_server import DATABASE, BenchServer
from tests.bench.servers import Server
from tests.bench.table import console, table

PATIENCE = 25.0
"""Seconds that a scraper waits."""
EVERY, TIMEOUT = 3.0, 2.0
SETTLE = 7.0
"""Seconds after which the scraper asks, and asks again: more than our interval and time-out together."""
_FAMILIES = (b"pg_", b"sql_")
"""How names of Postgres series begin: sql_exporter puts its own name before them."""
_BRIEF = 3.0
"""Seconds that the first of both scrapes waits: it only shows whether the second has the same values still."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One scrape: seconds it took, and what the page said; None when there was no answer."""

    seconds: float
    page: bytes | None

    def series(self) -> int:
        """Return how many Postgres series there were."""
        return sum(1 for line in (self.page or b"").splitlines() if line.startswith(_FAMILIES))


def compare(server: BenchServer) -> None:
    """Print what each exporter answers under each fault."""
    with ExitStack() as stack:
        subjects = _start(stack, server)
        time.sleep(2 * EVERY)
        healthy = {name: _scrape(subject) for name, subject in subjects.items()}
        for title, fault in (
            ("One table under ACCESS EXCLUSIVE", _locked),
            ("Server frozen by SIGSTOP", _frozen),
        ):
            shown = table(title, "Exporter", "answers in", "series before", "series", "what it says")
            with fault(server):
                time.sleep(SETTLE)
                first = {name: _scrape(subject, _BRIEF) for name, subject in subjects.items()}
                time.sleep(SETTLE)
                for name, subject in subjects.items():
                    seen = _scrape(subject)
                    took = f"{1000 * seen.seconds:.1f} ms" if seen.page else f"not within {PATIENCE:g} s"
                    counts = (f"{healthy[name].series():,}", f"{seen.series():,}")
                    shown.add_row(name, took, *counts, _verdict(first[name], seen))
            console.print(shown)
            time.sleep(EVERY + TIMEOUT)  # all is well again before the next fault


def _start(stack: ExitStack, server: BenchServer) -> dict[str, Server]:
    dsns = {
        role: server.cluster.dsn(DATABASE, user=server.role(role), password=role)
        for role in ("mine", "theirs", "other", "sql")
    }
    peer = stack.enter_context(postgres_exporter(dsns["theirs"]))
    same = collectors_of(families(body(peer)))
    subjects = {
        "ours": stack.enter_context(ours(dsns["mine"], EVERY, same, timeout=TIMEOUT)),
        "postgres_exporter 0.19.1": peer,
    }
    try:
        subjects["query-exporter 5.0.2"] = stack.enter_context(query_exporter(dsns["other"], EVERY, same))
    except PeerMissing as missing:
        console.print(str(missing))
    subjects["sql_exporter 0.9"] = stack.enter_context(sql_exporter(dsns["sql"], EVERY, same))
    return subjects


def _scrape(subject: Server, patience: float = PATIENCE) -> Seen:
    started = time.perf_counter()
    try:
        page: bytes | None = body(subject, patience)
    except TimeoutError:
        page = None
    return Seen(time.perf_counter() - started, page)


def _verdict(before: Seen, seen: Seen) -> str:
    """Say what a reader of the page would think; `before` was during the fault as well."""
    if seen.page is None:
        return "nothing"
    if _zeros(seen.page, b"pg_up"):
        return "pg_up 0, no old values"
    if failed := _zeros(seen.page, b"pg_scrape_collector_success"):
        return f"{failed} collectors failed, the others fresh"
    return "fresh values" if _counters(before) != _counters(seen) else "old values, as if they were fresh"


def _zeros(page: bytes, family: bytes) -> int:
    """Count samples of a family that are 0."""
    lines = (line for line in page.splitlines() if line.startswith(family))
    return sum(float(line.rpartition(b" ")[2]) == 0 for line in lines)


def _counters(seen: Seen) -> set[bytes]:
    """Return what any working server moves: each exporter's own transactions count."""
    lines = (seen.page or b"").splitlines()
    return {line for line in lines if b"pg_stat_database_xact_commit" in line}


@contextmanager
def _locked(server: BenchServer) -> Iterator[None]:
    with psycopg.connect(server.cluster.dsn(DATABASE)) as connection:
        connection.execute("lock table s0.table_0 in access exclusive mode")
        yield
        connection.rollback()


@contextmanager
def _frozen(server: BenchServer) -> Iterator[None]:
    server.cluster.freeze()
    try:
        yield
    finally:
        server.cluster.thaw()
