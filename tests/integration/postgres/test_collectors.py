"""What collectors tell of states that are made for real: long work, bloat, who is connected, what blocks."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.postgres.support import DATABASE, MONITOR, Samples, Server, asking, soon


@contextlib.contextmanager
def running(server: Server, *statements: str, database: str = DATABASE) -> Iterator[None]:
    """Run statements in a session of their own, which is ended after."""
    connection = psycopg.connect(server.cluster.dsn(database), autocommit=True)

    def run() -> None:
        with contextlib.suppress(psycopg.OperationalError):
            for statement in statements:
                connection.execute(statement.encode())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        connection.cancel_safe(timeout=30)
        thread.join(30)
        connection.close()


async def test_how_far_a_vacuum_is(server: Server) -> None:
    slow = (
        "set vacuum_cost_delay = '100ms'",
        "set vacuum_cost_limit = 1",
        "vacuum (disable_page_skipping) orders",
    )

    def told(samples: Samples) -> float | None:
        labels = {"command": "vacuum", "schemaname": "public", "relname": "orders", "phase": "scanning heap"}
        return samples.value("pg_progress_running", datname=DATABASE, **labels)

    async with asking(server.dsn()) as asked:
        with running(server, *slow):
            assert await soon(asked, told) == 1.0
            samples = await asked.collect()
            [ratio] = samples.all("pg_progress_ratio").values()
            assert 0 <= ratio < 1
            blocks = samples.value("pg_stat_progress_vacuum_heap_blks", datname=DATABASE, relname="orders")
            assert blocks is not None
            assert blocks > 0
        assert (await asked.collect()).all("pg_progress_running") == {}


async def test_bloat_of_a_table_that_was_emptied(server: Server) -> None:
    with server.database(
        "create table bloated (id int, note text) with (autovacuum_enabled = off)",
        "insert into bloated select i, repeat('x', 200) from generate_series(1, 20000) as i",
        "create table compact (id int, note text) with (autovacuum_enabled = off)",
        "insert into compact select i, repeat('x', 200) from generate_series(1, 20000) as i",
        "delete from bloated where id > 2000",
        "analyze",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
        assert samples.value("pg_table_bloat_unreadable", datname=name) == 2.0
        assert samples.value("pg_table_bloat_estimated_ratio", datname=name, relname="bloated") is None
        server.run("grant select on bloated, compact to monitor", name)
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
        assert samples.value("pg_table_bloat_unreadable", datname=name) == 0.0
        ratio = samples.value("pg_table_bloat_estimated_ratio", datname=name, relname="bloated")
        assert ratio == pytest.approx(0.9, abs=0.05)
        compact = samples.value("pg_table_bloat_estimated_ratio", datname=name, relname="compact")
        assert compact is None or compact < 0.05


async def test_which_indexes_serve_nobody(server: Server) -> None:
    async with asking(server.dsn()) as asked:
        samples = await asked.collect()
    problems = {(name, problem) for _, _, _, name, problem in samples.all("pg_index_problem_bytes")}
    assert {
        ("orders_broken", "invalid"),
        ("orders_customer_again", "duplicate"),
        ("orders_never_read", "unused"),
    } <= problems
    assert not {name for name, _ in problems} & {"orders_pkey", "customers_pkey"}


async def test_an_index_is_not_invalid_while_it_is_built(server: Server) -> None:
    with server.database("create table busy (i int)") as name:

        def building(samples: Samples) -> bool:
            return any(key[1] == "create index concurrently" for key in samples.all("pg_progress_running"))

        async with asking(server.dsn(database=name)) as asked:
            with (
                server.session("insert into busy values (1)", database=name),
                running(server, "create index concurrently on busy (i)", database=name),
            ):
                await soon(asked, building)
                assert (await asked.collect()).value("pg_indexes_invalid", datname=name) == 0.0
            assert (await asked.collect()).value("pg_indexes_invalid", datname=name) == 1.0


async def test_two_indexes_on_the_same_expression_are_the_same(server: Server) -> None:
    with server.database(
        "create table people (name text, age int)",
        "create index lower_name on people (lower(name)) where age > 10",
        "create index people_by_their_lower_name on people (lower(name)) where age > 10",
        "create index older on people (lower(name)) where age > 11",
        "create index upper_name on people (upper(name)) where age > 10",
        "create index lower_name_again on people (lower(name) desc) where age > 10",
        "create index lower_name_and_age on people (lower(name)) include (age) where age > 10",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
    problems = samples.all("pg_index_problem_bytes")
    duplicates = [key[3] for key in problems if key[0] == name and key[4] == "duplicate"]
    assert duplicates == ["people_by_their_lower_name"]


async def test_who_is_connected(server: Server) -> None:
    named = [f"{server.cluster.dsn(DATABASE)}?application_name=worker-{100_000 + n}" for n in range(3)]
    with contextlib.ExitStack() as stack:
        for dsn in named:
            stack.enter_context(psycopg.connect(dsn, autocommit=True))
        stack.enter_context(psycopg.connect(server.dsn("bare"), autocommit=True))
        async with asking(server.dsn()) as asked:
            samples = await asked.collect()
    assert samples.value("pg_sessions_by_application", application_name="worker-#") == 3.0
    sessions = samples.all("pg_sessions")
    assert sessions[DATABASE, "idle", "superuser"] >= 3
    assert sessions[DATABASE, "idle", "app"] >= 1
    ratio = samples.value("pg_connections_used_ratio")
    assert ratio is not None
    assert 0 < ratio < 1
    assert (samples.value("pg_backends", backend_type="checkpointer")) == 1.0


async def test_the_exporter_counts_none_of_its_own_sessions(server: Server) -> None:
    server.wait_for_no_session_of(MONITOR)
    with server.database() as name, psycopg.connect(server.dsn(), autocommit=True):
        async with asking(server.dsn(), databases={"include": [name]}) as asked:
            await asked.collect()
            samples = await asked.collect()
            [(own,)] = server.run(
                "select count(*) from pg_stat_activity where application_name = 'platform-exporter'"
            )
            assert own == 2, "the connection to the other database is kept"
    sessions = samples.all("pg_sessions")
    assert not [key for key in sessions if key[0] == name]
    assert samples.value("pg_sessions_by_application", application_name="platform-exporter") is None
    assert samples.number("pg_sessions", datname=DATABASE, state="idle", user_class="app") >= 1


async def test_a_prepared_transaction_at_the_root_of_the_blocking(server: Server) -> None:
    with server.session("update customers set note = 'held' where id = 1") as session:
        session.execute("prepare transaction 'holder'")
    try:
        with server.waiting("update customers set note = 'wanted' where id = 1"):
            async with asking(server.dsn()) as asked:
                samples = await asked.collect()
        assert samples.all("pg_root_blockers") == {("", "prepared transaction"): 1.0}
        assert sum(samples.all("pg_blocked_sessions").values()) == 1.0
    finally:
        server.run("rollback prepared 'holder'")


async def test_how_long_somebody_waits_is_not_guessed(server: Server) -> None:
    """Up to 13 it takes the state's last change to know, which is hidden from a role without grants."""
    with (
        server.session("lock table customers"),
        server.waiting("select from customers"),
    ):
        async with asking(server.dsn("bare")) as asked:
            samples = await asked.collect()
    assert sum(samples.all("pg_blocked_sessions").values()) == 1.0
    longest = samples.value("pg_blocked_longest_wait_seconds", datname=DATABASE)
    assert longest is None if server.version < 14 else longest


async def test_a_sequence_that_is_locked_is_left_alone(server: Server) -> None:
    with server.database(
        "create table narrow (id smallint primary key generated by default as identity)",
        "select setval('narrow_id_seq', 30000)",
        "grant select on all sequences in schema public to monitor",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
            ratio = samples.value("pg_sequence_used_ratio", datname=name, sequencename="narrow_id_seq")
            assert ratio == pytest.approx(30000 / 32767)
            with server.session("alter sequence narrow_id_seq cache 10", database=name):
                samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.all("pg_sequence_used_ratio") == {}
    assert samples.value("pg_sequences", datname=name) == 1.0
    assert samples.value("pg_sequences_unreadable", datname=name) == 1.0


async def test_neon_through_functions_named_like_its_own(server: Server) -> None:
    """Its extension cannot be had: functions with its names and shapes stand for it."""
    with server.database(
        "create schema neon",
        "grant usage on schema neon to monitor",
        "insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) "
        "values (90000, 'neon', 10, 'neon'::regnamespace, false, '1.6')",
        "create function neon.neon_get_lfc_stats() returns setof record language sql as "
        "$$ values ('file_cache_hits', 900::bigint), ('file_cache_misses', 100), ('file_cache_writes', 50), "
        "('file_cache_used_pages', 128) $$",
        "create function neon.approximate_working_set_size_seconds(duration int default null) returns int "
        "language sql as 'select duration'",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.value("neon_lfc_hits_total") == 900.0
    assert samples.value("neon_lfc_misses_total") == 100.0
    assert samples.value("neon_lfc_used_bytes") == 128 * 8192
    assert samples.value("neon_lfc_working_set_bytes", window_seconds="900") == 900 * 8192


async def test_many_sequences_do_not_fill_the_lock_table(server: Server) -> None:
    create = "for i in 1..400 loop execute format('create table t%s (id bigserial)', i); end loop"
    with server.database(
        f"do $$ begin {create}; end $$",
        "create table narrow (id serial)",
        "select setval('narrow_id_seq', 2000000000)",
        "grant select on all sequences in schema public to monitor",
    ) as name:
        async with asking(server.dsn(database=name)) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    [(most,)] = server.run(
        "select current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int / 20"
    )
    assert samples.value("pg_sequences", datname=name) == 401.0
    assert samples.value("pg_sequences_unread", datname=name) == 401.0 - most
    ratio = samples.value("pg_sequence_used_ratio", datname=name, sequencename="narrow_id_seq")
    assert ratio == pytest.approx(2e9 / (2**31 - 1)), "those of narrow columns are read first"


@pytest.mark.parametrize(("encoding", "told"), [("LATIN1", "größe"), ("SQL_ASCII", r"gr\xf6\xdfe")])
async def test_names_in_other_encodings(server: Server, encoding: str, told: str) -> None:
    server.run(f"create database legacy encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        with psycopg.connect(f"{server.cluster.dsn('legacy')}?client_encoding=latin1") as connection:
            connection.execute('create table "größe" (id int)')
        async with asking(server.dsn(database="legacy")) as asked:
            samples = await asked.collect()
        assert samples.failing() == {}
        tables = {labels[:3] for labels in samples.all("pg_stat_user_tables_n_live_tup")}
        assert ("legacy", "public", told) in tables
    finally:
        server.run("drop database legacy")
