"""Fixtures that several kinds of tests share."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from exporter.generate import mixin
from exporter.platform import values
from tests.support.postgres import PostgresCluster, postgres_cluster


def pytest_configure(config: pytest.Config) -> None:
    """Have hypothesis draw the same examples in each run unless --hypothesis-seed is given, and take its time.

    Jsonnet makes the same of the same: what it was asked once in a run it is not asked again.
    """
    settings.register_profile(
        "ours",
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=config.getoption("--hypothesis-seed") is None,
    )
    settings.load_profile("ours")
    mixin._evaluate = cache(mixin._evaluate)


class Halves(LoadScopeScheduling):  # type: ignore[misc]
    """What two processes (`-n 2`) may take from each other.

    What starts servers is one part, and never runs beside itself: its tests look at the clock. So are the dashboards,
    which share what was generated. Of the rest each file is one.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(("tests/contract/", "tests/e2e/", "tests/integration/")):
            return "servers"
        return "dashboards" if file.startswith("tests/unit/dashboards/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Halves:
    """Distribute the tests when there is more than one process."""
    return Halves(config, log)


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresCluster]:
    """One running server for the whole test run; a test leaves it running and uses a database of its own."""
    with postgres_cluster() as cluster:
        yield cluster


@pytest.fixture
def database(shared_postgres: PostgresCluster) -> Iterator[str]:
    """Return the connection URI of an empty database on the shared server."""
    with shared_postgres.database() as dsn:
        yield dsn


@pytest.fixture
def own_postgres() -> Iterator[PostgresCluster]:
    """Return a running server of the test's own, to stop, freeze and start as it likes."""
    with postgres_cluster() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def forgotten_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test revealed is no secret in the next one's log: hypothesis invents passwords such as "port"."""
    monkeypatch.setattr(values, "_revealed", set())
