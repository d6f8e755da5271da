"""Tables: what is measured while something holds a lock, and what a cap cuts off."""

from typing import LiteralString

import pytest

from tests.integration.postgres.support import DATABASE, MONITOR, Server, asking

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
    with server.session(f"reindex table {toast}"):
        async with asking(server.dsn(MONITOR)) as asked:
            samples = await asked.collect()
    assert samples.failing() == {}
    assert samples.all("pg_table_size_skipped") == {(DATABASE, "public", "customers", "locked"): 1.0}
    assert samples.value("pg_table_size_bytes", relname="orders") is not None


async def test_sizes_are_those_of_the_server(server: Server) -> None:
    async with asking(server.dsn(MONITOR)) as asked:
        samples = await asked.collect()
    for relation in ("customers", "totals", "events_2026"):
        [sizes] = server.run(
            "select pg_total_relation_size(oid), pg_table_size(oid), pg_indexes_size(oid) "
            f"from pg_class where relname = '{relation}'"
        )
        assert tuple(samples.value(name, datname=DATABASE, relname=relation) for name in SIZES) == sizes


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
