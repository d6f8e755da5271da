"""What promtool says of every metric that the exporter declares."""

import subprocess

import pytest

from exporter.catalog import OWN
from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected, Family
from exporter.sources import KINDS
from tests.support.forky import forky_binary
from tests.support.programs import binary


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
    remarks = told.stderr.decode().splitlines()
    assert remarks, "some names of postgres_exporter are known to be remarked on"
    assert [remark for remark in remarks if not remark.startswith(("pg_", "pgbouncer_"))] == []
