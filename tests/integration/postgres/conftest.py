"""Servers of each version, one at a time, and who asks them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.postgres.support import Server
from tests.support.postgres import PostgresCluster, postgres_cluster, standby_cluster
from tests.support.postgres_versions import VERSIONS, programs

SEED = Path(__file__).with_name("seed.sql")


@contextmanager
def started(version: int) -> Iterator[Server]:
    """Yield a running server of a major version, filled; stop and remove it after."""
    settings = {
        "wal_level": "logical",
        "max_prepared_transactions": "10",
        "archive_mode": "on",
        "archive_command": "'/bin/true'",
        "pg_stat_statements.max": "100",
        "pg_stat_statements.track": "all",
        "autovacuum_naptime": "1d",
    }
    with postgres_cluster(programs(version), **settings) as cluster:
        server = Server(cluster, version)
        server.prepare(SEED.read_text())
        yield server


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One running server of each version for the whole test run; pytest runs all tests of one before the next.

    A test that changes its settings, stops or freezes it puts things right again.
    """
    with started(request.param) as server:
        yield server


@pytest.fixture(scope="session")
def standby(server: Server) -> Iterator[PostgresCluster]:
    """A standby that streams from the server."""
    with standby_cluster(server.cluster, "follower", programs(server.version)) as cluster:
        yield cluster
