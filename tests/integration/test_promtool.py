"""What promtool says of every metric that the exporter declares."""

import subprocess

import pytest

from exporter.catalog import OWN
from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Family
from exporter.sources import KINDS
from tests.support.forky import forky_binary
from tests.support.programs import binary

_POSTGRES_EXPORTERS = {
    "pg_locks": "count",
    "pg_settings": "tcp_keepalives_count",
    "pg_stat_activity": "count",
    "pg_stat_archiver": "archived_count failed_count",
    "pg_stat_database": """blk_read_time blk_write_time blks_hit blks_read conflicts deadlocks temp_bytes temp_files
        tup_deleted tup_fetched tup_inserted tup_returned tup_updated xact_commit xact_rollback""",
    "pg_stat_database_conflicts_confl": "active_logicalslot bufferpin deadlock lock snapshot tablespace",
    "pg_stat_user_tables": """analyze_count autoanalyze_count autovacuum_count idx_scan idx_tup_fetch n_tup_del
        n_tup_hot_upd n_tup_ins n_tup_upd seq_scan seq_tup_read vacuum_count""",
    "pg_statio_user_tables": """heap_blocks_hit heap_blocks_read idx_blocks_hit idx_blocks_read tidx_blocks_hit
        tidx_blocks_read toast_blocks_hit toast_blocks_read""",
}
"""Those of its names that promtool remarks on: what they begin with, and the ends."""

_BY_THE_PACKAGED_ALONE = {"pg_settings_wal_summary_keep_time_seconds"}


def _page(families: list[Family]) -> bytes:
    out = Collected()
    for family in families:
        if family.type == "histogram":
            out.observe(family, {1.0: 1, float("inf"): 1}, 1, *("x" for _ in family.labels))
        else:
            out.set(family, 1, *("0.5" for _ in family.labels))
    return Renderer().render([(family, [Part(samples)]) for family, samples in out]).text


@pytest.mark.parametrize("version", ["packaged", "newest"])
def test_promtool_remarks_on_names_of_postgres_exporter_alone(version: str) -> None:
    families = {family.name: family for kind in KINDS.values() for family in kind.families}
    families |= {family.name: family for family in OWN}
    promtool = binary("promtool") if version == "packaged" else forky_binary("promtool")
    told = subprocess.run(
        [promtool, "check", "metrics"], input=_page(list(families.values())), capture_output=True, check=False
    )
    remarked = {remark.split()[0] for remark in told.stderr.decode().splitlines()}
    theirs = {f"{begin}_{end}" for begin, ends in _POSTGRES_EXPORTERS.items() for end in ends.split()}
    assert remarked == theirs | (_BY_THE_PACKAGED_ALONE if version == "packaged" else set())
