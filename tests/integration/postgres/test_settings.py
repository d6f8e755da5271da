"""Settings: every number and switch of every version has a metric, in base units."""

from exporter.sources.postgres.collector import builtin
from tests.integration.postgres.support import BARE, MONITOR, Server, asking


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
