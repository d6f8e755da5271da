"""How full is it? Many shares stand in a table, which bars of a readable height would not fit."""

import copy
from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, shown
from tests.support.promtool import evaluate


def _panel(demo: Json, quotas: int) -> tuple[Json, int]:
    """The panel of a platform with so many quotas, and its shares."""
    demo = copy.deepcopy(demo)
    quota = {"used": "sum(up)", "limit": "1000", "written": "1000", "resets": "never"}
    demo["quotas"] = [quota | {"name": f"q{n}", "title": f"Quota {n}"} for n in range(quotas)]
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-operations")
    panels = {panel["title"]: panel for panel in shown(board)}
    return panels["How full is it?"], len(panels["Is it filling up?"]["targets"])


@pytest.mark.parametrize("quotas", [0, 5, 14])
def test_each_share_can_be_read(demo: Json, quotas: int) -> None:
    """Name and bar take 48 pixels; a table scrolls, and what is nearest to its end stands first."""
    panel, shares = _panel(demo, quotas)
    if panel["type"] == "bargauge":
        assert (panel["gridPos"]["h"] * 38 - 8 - 40) / shares >= 48
    else:
        assert shares >= 10
        assert panel["options"]["sortBy"] == [{"displayName": of, "desc": True} for of in ("State", "Used")]


def test_a_table_of_shares_says_what_bars_would(demo: Json, tmp_path: Path) -> None:
    """Each by its own limits; what is not known has a row, too."""
    panel, shares = _panel(demo, 14)
    series = {f'quota:used:ratio{{quota="q{n}"}}': f"{0.69 + 0.1 * n}x9" for n in range(4)}
    series['slo:period_error_budget_remaining:ratio{slo="api-availability"}'] = "0.2x9"
    used = {f"quota q{n}": 0.69 + 0.1 * n for n in range(4)} | {"budget api-availability": 0.8}
    state: dict[str, float] = {
        "quota q0": 0,
        "quota q1": 1,
        "quota q2": 1,
        "quota q3": 2,
        "budget api-availability": 1,
    }
    expected: tuple[dict[str, float], ...] = (used, state)
    for target, values in zip(panel["targets"], expected, strict=False):
        evaluate(
            tmp_path,
            series,
            f"round({target['expr']}, 0.001)",
            [{"labels": f'{{share="{share}"}}', "value": round(value, 3)} for share, value in values.items()],
        )
    assert panel["targets"][2]["expr"].count("vector(1)") == shares
    (words,) = (
        prop["value"][0]["options"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "Limit" and prop["id"] == "mappings"
    )
    assert words["quota q3"]["text"] == "Quota 3: quota"
    assert len(words) == shares
