"""Every query of every panel parses, asks for what exists, and asks for it in the right window."""

import re
from pathlib import Path

from exporter.platform.load import load
from tests.support.dashboards import Json, known_metrics, parsed, selectors, shown

PLATFORMS = Path(__file__).parents[3] / "platforms"


def _queries(board: Json) -> list[str]:
    found = [target["expr"] for panel in shown(board) for target in panel["targets"]]
    return found + [annotation["expr"] for annotation in board["annotations"]["list"]]


def test_every_query_parses_and_names_only_what_exists(
    variant: Json, files: Json, boards: list[Json]
) -> None:
    known = known_metrics(load(PLATFORMS / variant["file"]), files)
    for board in boards:
        for expr in _queries(board):
            for selector in selectors(parsed(expr)):
                assert selector.name in known, f"{selector.name} does not exist, in: {expr}"
                labels = {matcher.name for matcher in selector.matchers.matchers}
                assert labels <= known[selector.name], (
                    f"{selector.name} has no {labels - known[selector.name]}: {expr}"
                )


def test_every_variable_is_one_of_the_dashboard_or_of_grafana(boards: list[Json]) -> None:
    for board in boards:
        own = {variable["name"] for variable in board["templating"]["list"]}
        for expr in _queries(board):
            asked = set(re.findall(r"\$(\w+)", expr)) - {"1"}  # "$1" is label_replace's
            assert {name for name in asked if not name.startswith("__")} <= own, expr


def test_rates_use_the_rate_interval(boards: list[Json]) -> None:
    """A number of now, which has no step, says itself how far it looks back."""
    for board in boards:
        instant = {t["expr"] for panel in shown(board) for t in panel["targets"] if t["instant"]}
        for expr in _queries(board):
            assert not re.search(r"(?<!offset -)\$__interval(?!_ms)", expr)
            for window in re.findall(r"\brate\([^\[]*\[([^\]]+)\]", expr):
                assert window == "$__rate_interval" or (
                    expr in instant and re.fullmatch(r"\d+[sm]", window)
                ), expr


def test_a_series_is_one_line_where_its_steps_have_gaps(boards: list[Json]) -> None:
    """What is computed over a step has no name: beside it the series of the moment, with one, would be another line."""
    found = 0
    for board in boards:
        for expr in _queries(board):
            for series, rest in re.findall(
                r"max_over_time\(([^\[\]()]+)\[\$__rate_interval\] offset -\$__interval\) or \1([^)]*)\)",
                expr,
            ):
                found += 1
                assert rest == " + 0", series
    assert found or not any(board["uid"].endswith("-slo") for board in boards)


def test_a_timeline_shows_the_whole_of_each_step_the_last_one_too(boards: list[Json]) -> None:
    """It draws each point up to the next: what began since the last one would be seen a step late."""
    for board in boards:
        for panel in shown(board):
            if panel["type"] == "state-timeline":
                for target in panel["targets"]:
                    expr = target["expr"].replace(" @ end()", "")
                    for window in re.findall(r"_over_time\([^\[]*(\[[^)]*)\)", expr):
                        assert window == "[$__rate_interval] offset -$__interval", panel["title"]


def _ends_at_now(expr: str, recorded: str) -> int:
    """How many series of `recorded` the query draws, each up to now and without holes at short steps."""
    drawn = set(re.findall(rf"\b{recorded}\{{[^}}]*\}}(?!(?:\[\$__rate_interval\])? offset \d)", expr))
    for series in drawn:
        step = f"_over_time({series}[$__rate_interval] offset -$__interval) or {series}"
        whole = expr.count(f"{step})") + expr.count(f"{step} + 0)")
        assert whole, expr
        assert expr.count(series) == 2 * whole, expr
    return len(drawn)


def test_the_curve_of_a_budget_ends_at_what_the_card_beside_it_says(boards: list[Json]) -> None:
    """Its last whole step is up to an hour ago on a page of a month: just after a fault the two would differ."""
    found = 0
    for board in boards:
        for panel in shown(board):
            if panel["type"] == "timeseries" and "udget left" in panel["title"]:
                for target in panel["targets"]:
                    found += _ends_at_now(target["expr"], "slo:period_error_budget_remaining:ratio")
    assert found or not any(board["uid"].endswith("-slo") for board in boards)


def test_the_curves_of_a_service_and_its_promises_end_at_now(boards: list[Json]) -> None:
    """Steps are up to 20 minutes on a page of a week: a fault that has just begun is drawn, as the cards tell of it."""
    recorded = (
        r"(?:slo:events_\w+:rate5m|slo:sli_error:ratio_rate\w+|slo:current_burn_rate:ratio|service:[\w:]+)"
    )
    found = 0
    for board in boards:
        if board["uid"].endswith(("-slo", "-service")):
            for panel in shown(board):
                if panel["type"] == "timeseries":
                    for target in panel["targets"]:
                        found += _ends_at_now(target["expr"], recorded)
    assert found or not any(board["uid"].endswith("-slo") for board in boards)


def test_nothing_is_asked_of_what_the_platform_lacks(variant: Json, boards: list[Json]) -> None:
    kinds = {source["kind"] for source in variant["sources"]}
    signals = {signal["kind"] for service in variant["services"] for signal in service["signals"]}
    for kind, prefix in (
        ("postgres", "pg_"),
        ("health", "health_check"),
        ("cloudflare_workers", "cloudflare_"),
    ):
        used = [expr for board in boards for expr in _queries(board) if re.search(rf"\b{prefix}", expr)]
        if kind in kinds:
            assert used, kind
        elif kind != "cloudflare_workers" or "cloudflare_worker" not in signals:
            assert not used, used


def test_ratios_are_drawn_as_ratios(boards: list[Json]) -> None:
    """percentunit is 0 to 1: a query that multiplies by 100 would show 9500 %."""
    for board in boards:
        for panel in shown(board):
            if panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
                assert not any(target["expr"].startswith("100 *") for target in panel["targets"])
