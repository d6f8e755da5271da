"""Filling in dashboards' variables, as the demo's self-verification does."""

from pathlib import Path

import orjson
import pytest

from exporter.demo.native.panels import fill, panel_queries, range_of
from exporter.demo.native.prometheus import PrometheusClient


@pytest.mark.parametrize(
    ("expression", "filled"),
    [
        ("rate(a[$__rate_interval])", "rate(a[1m])"),
        ('a{b="$service"}', 'a{b="api"}'),
        ('a{b=~"${service:regex}"} offset ${__range}', 'a{b=~"api"} offset 900s'),
        ('a{b="[[service]]"}', 'a{b="api"}'),
        ("a{b=$unknown}", "a{b=$unknown}"),
    ],
)
def test_variables_are_replaced_in_every_spelling(expression: str, filled: str) -> None:
    assert fill(expression, {"__rate_interval": "1m", "__range": "900s", "service": "api"}) == filled


def test_a_range_of_minutes_is_refused() -> None:
    assert range_of({"time": {"from": "now-7d"}}) == 7 * 86400
    with pytest.raises(ValueError, match="want a range of hours or days"):
        range_of({"title": "Home", "time": {"from": "now-15m"}})


async def test_queries_are_found_in_nested_rows_with_current_and_all_values(tmp_path: Path) -> None:
    dashboard = {
        "time": {"from": "now-30d"},
        "templating": {
            "list": [
                {"name": "one", "type": "custom", "current": {"value": "1h"}},
                {"name": "many", "type": "query", "includeAll": True, "current": {"value": ["$__all"]}},
                {"name": "list", "type": "custom", "query": "7d,30d"},
            ]
        },
        "panels": [
            {
                "type": "row",
                "panels": [{"title": "inner", "targets": [{"expr": 'a{m=~"$many"}[$one]', "instant": True}]}],
            },
            {
                "title": "outer",
                "fieldConfig": {"defaults": {"noValue": "nothing fires"}},
                "targets": [{"expr": "b[$__rate_interval] offset $list"}, {"refId": "no expression"}],
            },
            {"title": "text"},
        ],
    }
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "view.json").write_bytes(orjson.dumps(dashboard))
    (tmp_path / "other.json").write_text("{}")
    client = PrometheusClient("http://127.0.0.1:9")
    found = await panel_queries(tmp_path, client)
    zoomed = await panel_queries(tmp_path, client, 6 * 3600.0)
    await client.close()
    assert {(query.seconds, query.step) for query in zoomed} == {(6 * 3600, 60)}
    assert [(query.panel, query.expression, query.instant, query.rare) for query in found] == [
        ("inner", 'a{m=~".*"}[1h]', True, False),
        ("outer", "b[7205s] offset 7d", False, True),
    ]
    assert {(query.seconds, query.step) for query in found} == {(30 * 86400, 7200)}


async def test_no_variable_of_grafana_is_left_in_the_demos_queries() -> None:
    client = PrometheusClient("http://127.0.0.1:9")
    found = await panel_queries(Path(__file__).parents[1] / "golden/demo/dashboards", client)
    await client.close()
    assert found
    assert not [query.expression for query in found if "$__" in query.expression]
