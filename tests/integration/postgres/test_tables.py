"""Tables: what is measured while something holds a lock, and what a cap cuts off."""

from pathlib import Path
from typing import LiteralString

import pytest

from tests.integration.postgres.support import DATABASE, MONITOR, Asked, Samples, Server, asking, soon

SIZES = (
    "pg_table_size_bytes",
    "pg_stat_user_tables_table_size_bytes",
    "pg_stat_user_tables_index_size_bytes",
)


@pytest.mark.parametrize(
    "lock",
    [
        "reindex index orders_customer",
        "reindex (verbose) table orders",
        "truncate orders",
        "alter table orders add column later int",
    ],
)
async def test_only_what_is_locked_is_passed_over(server: Server, lock: LiteralString) -> None:
    """An index that is locked, or a TOAST table, would make the size functions wait as the table itself."""
    with server.session(lock):
        async with asking(server.dsn(MONITOR)) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.all("pg_table_size_skipped") == {(DATABASE, "public", "orders", "locked"): 1.0}
    for name in SIZES:
        assert samples.value(name, datname=DATABASE, relname="orders") is None
        assert samples.value(name, datname=DATABASE, relname="customers") is not None
    assert (samples.value("pg_table_size_estimated_bytes", relname="orders") or 0) > 0
    assert samples.value("pg_stat_user_tables_n_live_tup", relname="orders") is not None


async def test_a_locked_toast_table_counts_as_its_table(server: Server) -> None:
    [(toast,)] = server.run("select reltoastrelid::regclass::text from pg_class where relname = 'customers'")
    customers = {"datname": DATABASE, "relname": "customers"}
    async with asking(server.dsn(MONITOR)) as asked:
        size = (await asked.collect()).number("pg_table_size_bytes", **customers)
        with server.session(f"reindex table {toast}"):
            for _ in range(2):
                samples = await asked.collect()
                assert samples.failing() == {}
                assert samples.all("pg_table_size_skipped") == {
                    (DATABASE, "public", "customers", "locked"): 1.0
                }
                assert samples.value("pg_table_size_bytes", **customers) is None
                assert samples.value("pg_table_size_bytes", relname="orders") is not None
        samples = await asked.collect()
        assert samples.all("pg_table_size_skipped") == {}
        assert samples.value("pg_table_size_bytes", **customers) == size


async def test_sizes_are_those_of_the_server(server: Server) -> None:
    async with asking(server.dsn(MONITOR)) as asked:
        samples = await asked.collect()
    for relation in ("customers", "totals", "events_2026"):
        [sizes] = server.run(
            "select pg_total_relation_size(oid), pg_table_size(oid), pg_indexes_size(oid) "
            f"from pg_class where relname = '{relation}'"
        )
        assert tuple(samples.value(name, datname=DATABASE, relname=relation) for name in SIZES) == sizes


async def test_sizes_follow_whatever_changes_them(server: Server) -> None:
    """Only tables are measured that may have changed; whatever changes their files tells itself."""
    changes: list[LiteralString] = [
        "insert into grows select n, repeat(md5(n::text), 200) from generate_series(1, 3000) as n",
        "truncate grows",
        "insert into grows select n, repeat(md5(n::text), 200) from generate_series(1, 9000) as n",
        "create index on grows (id)",
        "delete from grows where id > 100",
        "vacuum grows",
        "update grows set name = 'short'",
        "vacuum full grows",
        "insert into grows select n, 'more' from generate_series(1, 20000) as n",
        "reindex table grows",
        "drop index grows_id_idx",
        "create index concurrently grows_name on grows (name)",
        "insert into grows select n, 'more' from generate_series(1, 5000) as n; delete from grows where id > 9",
        "vacuum grows",
        "reindex index grows_name",
        "begin; insert into grows select n, 'never' from generate_series(1, 9000) as n; rollback",
        "truncate grows",
        "alter table grows rename to grown",
        "drop table grown",
    ]
    with server.database("create table grows (id int, name text); create table rests (id int)") as database:
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            assert sized(await asked.collect()) == measured(server, database)
            seen = set[object]()
            for change in changes:
                server.run_all(change.split("; "), database)
                now = measured(server, database)
                seen.add(str(now))
                assert await shows(asked, now), change
    assert len(seen) > 10, "the changes make no difference that could be missed"


@pytest.mark.parametrize("change", ["vacuum", "vacuum full", "reindex table"])
async def test_sizes_follow_what_is_done_to_the_toast_table_alone(server: Server, change: str) -> None:
    text = "(select string_agg(md5((n * m)::text), '') from generate_series(1, 200) as m)"
    made = f"create table texts as select {text} as text from generate_series(1, 1000) as n"
    with server.database(made, "delete from texts") as database:
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            await soon(asked, lambda samples: samples.value("pg_stat_user_tables_n_tup_del") == 1000)
            before = measured(server, database)
            assert await shows(asked, before)
            [(toast,)] = server.run(
                "select reltoastrelid::regclass::text from pg_class where relname = 'texts'", database
            )
            server.run_all([f"{change} {toast}"], database)
            after = measured(server, database)
            assert after["texts"] < before["texts"]
            assert await shows(asked, after)


async def test_sizes_follow_a_table_that_gets_its_toast_table(server: Server) -> None:
    with server.database("create table notes (id int)") as database:
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            assert sized(await asked.collect()) == {"notes": 0.0}
            server.run("alter table notes add column note text", database)
            after = measured(server, database)
            assert after["notes"] > 0
            assert await shows(asked, after)


async def test_a_database_that_is_made_anew_is_another_one(server: Server) -> None:
    """Its tables have the numbers and the files of those before, and counters that begin at 0 again."""
    with server.database("create table texts (id int)") as template:
        name = f"{template}_copy"
        made = f"create database {name} template {template}"
        server.run(made)
        try:
            async with asking(server.dsn(database=name), databases={"most": 0}) as asked:
                assert sized(await asked.collect()) == {"texts": 0.0}
                server.end_sessions_of(MONITOR)
                server.run(f"drop database {name}")
                server.run("insert into texts select generate_series(1, 9000)", template)
                server.run(made)
                assert sized(await asked.collect()) == measured(server, name)
        finally:
            server.end_sessions_of(MONITOR)
            server.run(f"drop database {name}")


async def test_what_is_being_written_is_measured_each_time(server: Server) -> None:
    """The statistics tell of a transaction when it has ended."""
    with server.database("create table loads (id int)") as database:
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            await asked.collect()
            with server.session(database=database) as session:
                for _ in range(3):
                    session.execute("insert into loads select generate_series(1, 50000)")
                    assert sized(await asked.collect()) == measured(server, database)


async def test_what_has_not_changed_is_not_measured_again(server: Server) -> None:
    """A file that the server knows nothing of is counted by whoever measures the table, and by nobody else."""
    tables = ("moves", "rests", "sleeps", "waits")
    with server.database(*(f"create table {name} (id int)" for name in tables)) as database:
        folder = Path(server.run("show data_directory")[0][0])
        paths = [server.run(f"select pg_relation_filepath('{name}')", database)[0][0] for name in tables]
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            server.run_all([f"vacuum {name}" for name in tables], database)
            await soon(asked, lambda samples: set(vacuumed(samples).values()) == {1.0})
            assert sized(await asked.collect()) == dict.fromkeys(tables, 0.0)
            for path in paths:
                (folder / f"{path}.1").write_bytes(bytes(8192))
            server.run("vacuum moves", database)
            assert await soon(asked, lambda samples: vacuumed(samples)["moves"] == 2.0)
            sizes = sized(await asked.collect())
        async with asking(server.dsn(database=database), databases={"most": 0}) as anew:
            assert sized(await anew.collect()) == dict.fromkeys(tables, 8192.0)
        for path in paths:
            (folder / f"{path}.1").unlink()
    assert sizes.pop("moves") == 8192.0
    assert sorted(sizes.values())[:2] == [0.0, 0.0], "more than one whose hour may just have been over"


async def test_without_counters_everything_is_measured(server: Server) -> None:
    with server.database("create table loads (id int)") as database, server.settings(track_counts="off"):
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            for _ in range(3):
                assert sized(await asked.collect()) == measured(server, database)
                server.run("insert into loads select generate_series(1, 9000)", database)


async def shows(asked: Asked, sizes: dict[str, float]) -> bool:
    """Collect until these sizes are told."""
    return await soon(asked, lambda samples: sized(samples) == sizes)


def vacuumed(samples: Samples) -> dict[str, float]:
    """Return how often each table of the only database was vacuumed."""
    return {key[2]: value for key, value in samples.all("pg_stat_user_tables_vacuum_count").items()}


def sized(samples: Samples) -> dict[str, float]:
    """Return what is told of the size of each table of the only database."""
    return {key[2]: value for key, value in samples.all("pg_table_size_bytes").items()}


def measured(server: Server, database: str) -> dict[str, float]:
    """Return what the server tells when it is asked itself."""
    return dict(
        server.run(
            "select relname, pg_total_relation_size(oid)::float8 from pg_class "
            "where relkind = 'r' and relnamespace = 'public'::regnamespace",
            database,
        )
    )


async def test_a_cap_cuts_off_the_smallest(server: Server) -> None:
    """Only the biggest are asked for, and that something is missing is said."""
    capped = {name: {"limit": 2} for name in ("stat_user_tables", "table_sizes")}
    async with asking(server.dsn(MONITOR), collectors=capped) as asked:
        samples = await asked.collect()
    for name in ("pg_stat_user_tables_n_live_tup", "pg_table_size_bytes"):
        assert {key[2] for key in samples.all(name) if key[0] == DATABASE} == {"customers", "orders"}
    for collector in capped:
        assert samples.value("pg_scrape_collector_truncated", collector=collector) == 1.0


async def test_the_cap_on_indexes_can_be_raised(server: Server) -> None:
    many = """do $$ begin for n in 1..60 loop
        execute format('create table t%s (a int)', n);
        for i in 1..10 loop execute format('create index t%s_%s on t%s (a)', n, i, n); end loop;
    end loop; end $$"""
    with server.database(many) as name:
        for limit, expected, cut in ((550, 550, 1.0), (600, 600, 0.0)):
            caps = {"index_usage": {"limit": limit}}
            async with asking(server.dsn(database=name), databases={"most": 0}, collectors=caps) as asked:
                samples = await asked.collect()
            found = samples.all("pg_stat_user_indexes_idx_scan_total")
            assert (len(found), samples.value("pg_scrape_collector_truncated", collector="index_usage")) == (
                expected,
                cut,
            )


async def test_names_may_hold_whatever_a_server_allows(server: Server) -> None:
    names = ['"', '""', "\\", "a\\", ",", "(", "x)", " ", "a b", "two\nlines", '",\\"', "it's", "größe"]
    tables = "; ".join(
        "create table {} (a int)".format('"' + name.replace('"', '""') + '"') for name in names
    )
    with server.database(tables) as database:
        async with asking(server.dsn(database=database), databases={"most": 0}) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.all("pg_stat_user_tables_n_tup_ins") == {(database, "public", name): 0.0 for name in names}


async def test_temporary_tables_leave_no_series(server: Server) -> None:
    with server.session(
        "create temporary table scratch (id int)", "insert into scratch values (1)"
    ) as session:
        session.commit()
        async with asking(server.dsn(MONITOR)) as asked:
            samples = await asked.collect()
    assert samples.value("pg_stat_user_tables_n_tup_ins", relname="customers") is not None
    assert samples.value("pg_stat_user_tables_n_tup_ins", relname="scratch") is None
