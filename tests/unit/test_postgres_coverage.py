"""The table of coverage: complete, and true of what is declared."""

from exporter.sources import KINDS
from exporter.sources.postgres.collector import builtin
from exporter.sources.postgres.coverage import coverage, matching, page

FAMILIES = [family for kind in KINDS.values() for family in kind.families]


def test_every_collector_is_in_the_table() -> None:
    names = [family.name for family in FAMILIES]
    told = {
        name
        for statistic in coverage().statistics
        for pattern in statistic.metrics
        for name in matching(pattern, names)
    }
    missing = [
        collector.name
        for collector in builtin()
        if not told & {column.family.name for column in collector.columns}
    ]
    assert missing == [], "name a metric of it in coverage.yml"


def test_what_is_off_by_default_is_marked_so() -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in page(FAMILIES)}
    assert "| `statements_texts` (off)" in "\n".join(page(FAMILIES))
    [statements] = [line for name, line in rows.items() if name.startswith("statements that take the time")]
    assert statements.split(" | ")[1] == "●"
    [logs] = [line for name, line in rows.items() if name.startswith("errors in the server's log")]
    assert logs.split(" | ")[1] == "–"
