"""Against postgres_exporter itself, on the same server: dashboards and rules made for it find what they ask for here.

Each of its metrics that is there by default has the same name, type and labels here, `target` in the place of
`server`, and a value that lies between those of two of its scrapes, one before and one after; where it says NaN for
NULL, there is no sample here. What else differs on purpose is listed below, with the reason. The versions are those
that brought changes to what it reads.
"""

import asyncio
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.engine.families import Collected
from exporter.platform.values import Secret
from exporter.sources.postgres import Postgres, PostgresSource
from exporter.sources.postgres.collector import builtin
from tests.support.forky import forky_binary
from tests.support.postgres import PostgresCluster, postgres_cluster, standby_cluster
from tests.support.postgres_versions import programs
from tests.support.process import free_port, running, wait_http, wait_until

CONNECTED, ELSEWHERE = "shop", "elsewhere"
"""The database that both look at from within, and one that neither of them touches."""
THEIRS, OURS = "theirs", "ours"
"""Roles."""

NOT_OURS = {
    # what it says of itself; platform_exporter_source_* say the same of every source
    "pg_exporter_last_scrape_duration_seconds",
    "pg_exporter_last_scrape_error",
    "pg_exporter_scrapes_total",
}
NONSENSE_FROM_17 = {
    "pg_stat_progress_vacuum_max_dead_tuples",  # theirs is a number of bytes; there is no limit of rows any more
}
TYPES = {
    "pg_stat_database_stats_reset": "gauge",  # theirs is a counter, but a time is none
    # theirs are untyped
    "pg_stat_database_conflicts_confl_active_logicalslot": "counter",
    "pg_stat_replication_reply_time": "gauge",
    "pg_static": "gauge",
}
VALUES_APART = {
    "pg_locks_count": "theirs counts its own locks; compared below",
    "pg_replication_slot_slot_confirmed_flush_lsn": "theirs says 0 of physical slots, and nothing of inactive ones",
    "pg_scrape_collector_duration_seconds": "each says how long it took itself",
    "pg_scrape_collector_success": "each has collectors of its own",
    "pg_settings_extra_float_digits": "its driver changes it for the session",
    "pg_stat_progress_vacuum_num_dead_tuples": "theirs is a number of bytes from 17 on",
    "pg_stat_activity_count": "each leaves itself out, and what idle sessions wait for is no label here",
    "pg_stat_activity_max_tx_duration": "likewise",
    "pg_static": "the version is spelled otherwise",
}
SENDERS = {
    "pg_stat_replication_pg_current_wal_lsn_bytes",
    "pg_stat_replication_pg_wal_lsn_diff",
    "pg_stat_replication_reply_time",
}
"""Theirs puts a process id into slot_name; compared without it."""
SECONDS = (
    "_reply_time",
    "_last_vacuum",
    "_last_autovacuum",
    "_last_analyze",
    "_last_autoanalyze",
    "stats_reset",
    "stats_reset_total",
)
"""Ends of names whose values theirs cuts off at the full second."""

Labels = frozenset[tuple[str, str]]


@dataclass
class Metric:
    """A metric as one of the two exporters shows it."""

    type: str
    samples: dict[Labels, float] = field(default_factory=dict)

    @property
    def label_names(self) -> set[frozenset[str]]:
        """The sets of label names that occur."""
        return {frozenset(name for name, _ in labels) for labels in self.samples}

    def sums(self, *by: str, **but: str) -> dict[tuple[str, ...], float]:
        """Add up by label values, without the samples that have all labels of `but`."""
        sums: dict[tuple[str, ...], float] = {}
        for labels, value in self.samples.items():
            if not but or not but.items() <= dict(labels).items():
                key = tuple(dict(labels)[name] for name in by)
                sums[key] = sums.get(key, 0) + value
        return sums


Page = dict[str, Metric]


@dataclass(frozen=True)
class Seen:
    """What postgres_exporter showed before and after this exporter collected."""

    before: Page
    ours: Page
    after: Page
    nonsense: set[str]


@pytest.fixture(scope="module", params=[12, 14, 16, 18], ids=lambda version: f"pg{version}")
def version(request: pytest.FixtureRequest) -> int:
    """Major version of the servers."""
    found: int = request.param
    return found


@pytest.fixture(scope="module")
def primary(version: int) -> Iterator[PostgresCluster]:
    """A server on which each of the metrics has a sample."""
    settings = {
        "wal_level": "logical",
        "archive_mode": "on",
        "archive_command": "'/bin/true'",
        "autovacuum": "off",
    }
    with postgres_cluster(programs(version), **settings) as cluster:
        for role in (THEIRS, OURS):
            cluster.execute(f"create role {role} login password '{role}' in role pg_monitor")
        for database in (CONNECTED, ELSEWHERE):
            cluster.execute(f"create database {database}")
        cluster.execute("create extension pg_stat_statements", CONNECTED)
        cluster.execute("create table orders (id serial primary key, text text)", CONNECTED)
        cluster.execute(
            "insert into orders (text) select repeat('x', 1000) from generate_series(1, 5000)", CONNECTED
        )
        cluster.execute("update orders set text = 'y' where id % 7 = 0", CONNECTED)
        cluster.execute("analyze", CONNECTED)
        cluster.execute("select pg_create_logical_replication_slot('forgotten', 'pgoutput')", ELSEWHERE)
        cluster.execute("select pg_switch_wal()")
        archived = "select 1 from pg_stat_archiver where archived_count > 0"
        wait_until(lambda: cluster.execute(archived), 60, "a segment to be archived")
        yield cluster


@pytest.fixture(scope="module")
def standby(version: int, primary: PostgresCluster) -> Iterator[PostgresCluster]:
    """A standby of it that has replayed something: before, theirs says 0 of what nobody knows."""
    with standby_cluster(primary, "follower", programs(version)) as cluster:
        sending = "select 1 from pg_stat_replication where state = 'streaming'"
        wait_until(lambda: primary.execute(sending), 60, "the standby to stream")
        primary.execute("create table replayed ()", CONNECTED)
        replayed = "select 1 where pg_last_xact_replay_timestamp() is not null"
        wait_until(lambda: cluster.execute(replayed), 60, "the standby to replay")
        yield cluster


@pytest.fixture(scope="module", params=["primary", "standby"])
def seen(
    request: pytest.FixtureRequest,
    version: int,
    primary: PostgresCluster,
    standby: PostgresCluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Seen]:
    """What both show of the primary, and of its standby."""
    cluster = primary if request.param == "primary" else standby
    with slow_vacuum(primary), psycopg.connect(primary.dsn(ELSEWHERE)) as session:
        session.execute("lock table pg_catalog.pg_description in row exclusive mode")
        with postgres_exporter(cluster, tmp_path_factory.mktemp("postgres_exporter")) as url:
            before = theirs(url)
            ours = asyncio.run(collect(cluster))
            yield Seen(before, ours, theirs(url), NONSENSE_FROM_17 if version >= 17 else set())


@contextmanager
def slow_vacuum(cluster: PostgresCluster) -> Iterator[None]:
    """Hold a VACUUM that takes minutes."""
    with psycopg.connect(cluster.dsn(CONNECTED), autocommit=True) as connection:
        connection.execute("set vacuum_cost_delay = 100")
        connection.execute("set vacuum_cost_limit = 1")

        def vacuum() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("vacuum orders")

        thread = threading.Thread(target=vacuum)
        thread.start()
        progress = "select 1 from pg_stat_progress_vacuum where phase = 'scanning heap'"
        try:
            wait_until(lambda: cluster.execute(progress), 90, "VACUUM to begin")
            yield
        finally:
            connection.cancel_safe()
            thread.join(30)


@contextmanager
def postgres_exporter(cluster: PostgresCluster, folder: Path) -> Iterator[str]:
    """Run it, yield the address of its page."""
    port = free_port()
    command: list[str | Path] = [forky_binary("postgres_exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    dsn = cluster.dsn(CONNECTED, user=THEIRS, password=THEIRS) + "?sslmode=disable"
    with running(command, folder / "log", env={"DATA_SOURCE_NAME": dsn}):
        wait_http(f"http://127.0.0.1:{port}/", log=folder / "log")
        yield f"http://127.0.0.1:{port}/metrics"


def theirs(url: str) -> Page:
    """Scrape postgres_exporter. The parser adds the suffix _total to counters that have none; it is taken off again."""
    page: Page = {}
    text = httpx.get(url, timeout=30, trust_env=False).text
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE pg_"))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if sample.name in types else sample.name.removesuffix("_total")
            if name in types:
                labels = frozenset(item for item in sample.labels.items() if item[0] != "server")
                page.setdefault(name, Metric(types[name])).samples[labels] = sample.value
    return page


async def collect(cluster: PostgresCluster) -> Page:
    """Run this exporter's collectors, those that are on by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_DSN", cluster.dsn(CONNECTED, user=OURS, password=OURS))
        source = PostgresSource("main", Postgres(dsn=Secret("env", "CONTRACT_DSN")), builtin())
        try:
            return page_of(await source.collect())
        finally:
            await source.close()


def page_of(collected: Collected) -> Page:
    page: Page = {}
    for family, samples in collected:
        metric = page.setdefault(family.name, Metric(family.type))
        for key, value in samples.items():
            labels = dict(zip(family.labels, key, strict=True))
            labels.pop("target")
            metric.samples[frozenset(labels.items())] = value
    return page


def test_each_name_is_here(seen: Seen) -> None:
    theirs = {
        name for name, metric in seen.before.items() if not all(map(math.isnan, metric.samples.values()))
    }
    assert theirs - seen.ours.keys() - seen.nonsense == NOT_OURS


def test_types_are_the_same(seen: Seen) -> None:
    differing = {
        name: seen.ours[name].type
        for name, metric in seen.before.items()
        if name in seen.ours and seen.ours[name].type != metric.type
    }
    assert differing == {name: kind for name, kind in TYPES.items() if name in seen.before}


def test_labels_are_the_same(seen: Seen) -> None:
    for name, metric in seen.before.items():
        if name in seen.ours:
            assert seen.ours[name].label_names == metric.label_names, name


def test_each_value_lies_between_theirs(seen: Seen) -> None:
    wrong = []
    for name, metric in seen.before.items():
        if name in NOT_OURS | SENDERS | VALUES_APART.keys() | seen.nonsense:
            continue
        slack = 1.0 if name.endswith(SECONDS) else 3.0 if name == "pg_stat_database_numbackends" else 1e-6
        ours = seen.ours[name].samples if name in seen.ours else {}
        for labels, early in metric.samples.items():
            late, value = seen.after[name].samples[labels], ours.get(labels)
            if math.isnan(early):
                right = value is None
            elif name.endswith("_age") and late < early:  # what it is the age of was done anew meanwhile
                right = value is not None
            else:
                right = value is not None and min(early, late) - slack <= value <= max(early, late) + slack
            if not right:
                wrong.append((name, dict(labels), early, value, late))
    assert wrong == []


def test_sessions_add_up(seen: Seen) -> None:
    def sums(page: Page) -> dict[tuple[str, ...], float]:
        found = page["pg_stat_activity_count"].sums("datname", "state", "usename")
        assert found.pop((CONNECTED, "active", "postgres"), 0) in (
            0,
            1,
        )  # the vacuum, which may sleep as idle
        return {key: value for key, value in found.items() if value and key[2] not in (THEIRS, OURS)}

    assert sums(seen.ours) == sums(seen.before) == sums(seen.after)
    assert {key[:2] for key in seen.ours["pg_stat_activity_count"].sums("datname", "state")} == {
        key[:2] for key in seen.before["pg_stat_activity_count"].sums("datname", "state")
    }


def test_only_active_sessions_tell_what_they_wait_for(seen: Seen) -> None:
    for labels in map(dict, seen.ours["pg_stat_activity_count"].samples):
        assert labels["state"] == "active" or labels["wait_event"] == labels["wait_event_type"] == ""


def test_locks_add_up(seen: Seen) -> None:
    """Where neither looks: in the other database theirs counts its own, and VACUUM takes and frees some."""

    def counts(page: Page) -> dict[tuple[str, ...], float]:
        return page["pg_locks_count"].sums("datname", "mode", datname=CONNECTED)

    assert counts(seen.ours) == counts(seen.before) == counts(seen.after)
    assert seen.ours["pg_locks_count"].samples.keys() == seen.before["pg_locks_count"].samples.keys()


def test_senders_add_up(seen: Seen) -> None:
    """A standby may be behind for a moment, by no more than what was written meanwhile."""
    position, behind = "pg_stat_replication_pg_current_wal_lsn_bytes", "pg_stat_replication_pg_wal_lsn_diff"

    def sent(name: str) -> list[tuple[tuple[str, ...], float]]:
        by = ("application_name", "client_addr", "state")
        return [
            item for page in (seen.before, seen.ours, seen.after) for item in page[name].sums(*by).items()
        ]

    for name in SENDERS & seen.before.keys():
        (sender, early), (same, value), (still, late) = sent(name)
        assert sender == same == still
        slack = 1.0 if name.endswith(SECONDS) else 0.0
        if name == behind:
            (_, first), _, (_, last) = sent(position)
            slack = last - first
        assert min(early, late) - slack <= value <= max(early, late) + slack
        assert seen.ours[name].sums("slot_name").keys() == {("follower",)}
