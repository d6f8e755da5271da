"""Every collector's SQL on every version: as the role it is made for, and as one that may do nothing.

What each version gives is in tests/golden/postgres, so that a difference between two of them is read, not guessed.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import psycopg

from exporter.sources.postgres.collector import builtin
from tests.integration.postgres.conftest import started
from tests.integration.postgres.support import BARE, DATABASE, MONITOR, Server, asking
from tests.support.postgres import standby_cluster
from tests.support.postgres_versions import programs
from tests.support.process import wait_until

GOLDEN = Path(__file__).parents[2] / "golden/postgres"


async def test_no_collector_fails_as_monitor(server: Server) -> None:
    async with asking(server.dsn(MONITOR)) as asked:
        for _ in range(2):
            samples = await asked.collect()
            assert samples.failing() == {}
        assert set(samples.all("pg_scrape_collector_success").values()) == {1.0}
        assert samples.all("pg_exporter_permission_missing") == {}
        assert samples.value("pg_scrape_collector_truncated", collector="settings") == 0.0


async def test_no_collector_fails_as_a_role_that_may_do_nothing(server: Server) -> None:
    """What it may not see is left out and named, not tried in vain."""
    async with asking(server.dsn(BARE)) as asked:
        samples = await asked.collect()
        assert samples.failing() == {}
        ran = {collector for (collector,) in samples.all("pg_scrape_collector_success")}
        needing = {collector.name for collector in builtin() if collector.statement.needs is not None}
        assert not ran & needing
        missing = {grant for (grant,) in samples.all("pg_exporter_permission_missing")}
        assert {"pg_monitor", "pg_read_all_stats"} & missing
        [gap] = [gap for gap in await asked.gaps() if "pg_monitor" in gap.missing]
    async with asking(server.dsn(MONITOR)) as asked:
        with_it = {collector for (collector,) in (await asked.collect()).all("pg_scrape_collector_success")}
    names = gap.missing.partition("wrong: ")[2].split(", ")
    assert set(names) == with_it - ran, "all of them, and nothing that this version has not"


async def test_what_each_version_gives_is_what_is_written_down(server: Server) -> None:
    """On servers of its own, where no other test has left traces, in a state that has something of everything."""
    with ExitStack() as servers:
        fresh = servers.enter_context(started(server.version))
        fresh.archive()  # before the standby copies these statistics, or not
        standby = servers.enter_context(standby_cluster(fresh.cluster, "follower", programs(server.version)))
        fresh.run(f"grant select on all sequences in schema public to {MONITOR}")
        fresh.run("select pg_create_logical_replication_slot('forgotten', 'test_decoding')")
        fresh.archive()
        with (
            fresh.session("lock table tickets in access exclusive mode"),
            fresh.waiting("select from tickets"),
        ):
            replayed = "select 1 from pg_locks where mode = 'AccessExclusiveLock'"
            wait_until(lambda: standby.execute(replayed), 60, "the standby to hold the lock as well")
            told = {
                "primary": await _told(fresh.dsn()),
                "standby": await _told(standby.dsn(DATABASE, user=MONITOR, password=MONITOR)),
            }
    file = GOLDEN / f"{server.version}.txt"
    text = _written(told)
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), "look at the difference; if it is meant: make golden"


async def _told(dsn: str) -> set[str]:
    """Return what is told of a server with somebody connected."""
    with psycopg.connect(dsn):
        async with asking(dsn) as asked:
            await asked.collect()
            samples = await asked.collect()
            assert samples.failing() == {}
            return set(samples.declarations())


def _written(told: dict[str, set[str]]) -> str:
    """Write each family once, and which of the two has it if not both."""
    lines = []
    for family in sorted(set().union(*told.values())):
        have = [role for role, families in told.items() if family in families]
        lines.append(family if len(have) == len(told) else f"{family} {have[0]} only")
    return "\n".join(lines) + "\n"
