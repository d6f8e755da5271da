"""Settings: every number and switch of every version has a metric, in base units."""

from exporter.sources.postgres.collector import builtin
from tests.integration.postgres.support import BARE, DATABASE, MONITOR, Server, asking


async def test_no_setting_is_missing(server: Server) -> None:
    """A new version's new settings are entries to add to settings.yml."""
    (settings,) = (collector for collector in builtin() if collector.name == "settings")
    declared = {column.value for column in settings.columns}
    there = server.run(
        "select name from pg_settings where vartype in ('bool', 'integer', 'real') "
        "and (name !~ '[.]' or name ~ '^pg_stat_statements[.]')"
    )
    assert {name for (name,) in there} - declared == set()


async def test_values_are_in_base_units(server: Server) -> None:
    with server.settings(log_min_duration_statement="1500ms", work_mem="3MB", track_io_timing="off"):
        async with asking(server.dsn(MONITOR)) as asked:
            samples = await asked.collect()
    assert samples.value("pg_settings_log_min_duration_statement_seconds") == 1.5
    assert samples.value("pg_settings_work_mem_bytes") == 3 * 2**20
    assert samples.value("pg_settings_track_io_timing") == 0.0
    assert samples.value("pg_settings_shared_buffers_bytes") == 32 * 2**20
    [(segment,)] = server.run("select pg_size_bytes(current_setting('wal_segment_size'))::float8")
    assert samples.value("pg_settings_wal_segment_size_bytes") == segment
    assert samples.value("pg_settings_log_autovacuum_min_duration_seconds") in (-1.0, 600.0)


async def test_what_the_exporter_sets_for_itself_is_no_setting_of_the_server(server: Server) -> None:
    async with asking(server.dsn(BARE)) as asked:
        samples = await asked.collect()
    for setting in ("lock_timeout_seconds", "statement_timeout_seconds", "transaction_read_only"):
        assert samples.value(f"pg_settings_{setting}") == 0.0
    [(jit,)] = server.run("select (setting = 'on')::int from pg_settings where name = 'jit'")
    assert samples.value("pg_settings_jit") == jit


async def test_what_is_set_for_the_role_is_no_setting_of_the_server(server: Server) -> None:
    """What the script of `sql-role` sets, for one. The server's own value cannot be seen then."""
    theirs = {
        "lock_timeout_seconds": f"alter role {MONITOR} set lock_timeout = '1s'",
        "statement_timeout_seconds": f"alter role {MONITOR} in database {DATABASE} set statement_timeout = '30s'",
        "work_mem_bytes": f"alter database {DATABASE} set work_mem = '5MB'",
        "default_transaction_read_only": f"alter role {MONITOR} set default_transaction_read_only = on",
    }
    absent = {*theirs, "transaction_read_only", "random_page_cost"}
    try:
        for statement in theirs.values():
            server.run(statement)
        with server.settings(idle_in_transaction_session_timeout="90s"):
            async with asking(server.dsn(MONITOR) + "?options=-c%20random_page_cost%3D3") as asked:
                samples = await asked.collect()
    finally:
        server.run(f"alter role {MONITOR} reset all")
        server.run(f"alter role {MONITOR} in database {DATABASE} reset all")
        server.run(f"alter database {DATABASE} reset all")
    assert samples.failing() == {}
    assert {name: samples.value(f"pg_settings_{name}") for name in absent} == dict.fromkeys(absent)
    assert samples.value("pg_settings_idle_in_transaction_session_timeout_seconds") == 90.0
    async with asking(server.dsn(MONITOR)) as asked:
        samples = await asked.collect()
    for name in absent:
        assert samples.value(f"pg_settings_{name}") is not None
    [(digits,)] = server.run("select boot_val::float8 from pg_settings where name = 'extra_float_digits'")
    assert samples.value("pg_settings_extra_float_digits") == digits
