"""Times to answer: a value of a few seconds is one of many, and no step and no card is left to chance."""

from pathlib import Path

import pytest

from tests.support.dashboards import Json, at_step, dashboards, shown
from tests.support.promtool import evaluate

NAMED = 'service:latency_seconds:{}{{service="api"}}'
SLOW = "0.1x67 2x1 0.1x20"
"""Each five seconds; slow once, 20 seconds before minute six."""
STEP = 120


def _targets(generated: Json, view: str, title: str, kind: str) -> list[Json]:
    (panel,) = (
        panel
        for board in dashboards(generated)
        if board["uid"] == f"demo-{view}"
        for panel in shown(board)
        if panel["title"] == title and panel["type"] == kind
    )
    return [target | {"expr": target["expr"].replace("$service", "api")} for target in panel["targets"]]


@pytest.mark.parametrize(
    ("view", "title", "lines"),
    [
        ("service", "Time to answer (p95)", {"now": "p95"}),
        ("technical", "API · time to answer", {name: name for name in ("p50", "p95", "p99")}),
    ],
)
def test_a_slow_moment_is_seen_in_its_step(
    generated: Json, tmp_path: Path, view: str, title: str, lines: dict[str, str]
) -> None:
    targets = {t["legendFormat"]: t["expr"] for t in _targets(generated, view, title, "timeseries")}
    for line, quantile in lines.items():
        name = NAMED.format(quantile)
        for point, seconds in ((1, 0.1), (2, 2), (3, 0.1)):
            expr = at_step(targets[line], point, step=STEP, last=3 * STEP)
            samples = [{"labels": '{service="api"}', "value": seconds}]
            evaluate(tmp_path, {name: SLOW}, expr, samples, every="5s", at="7m20s")


def test_a_day_earlier_is_looked_at_in_the_same_way(generated: Json, tmp_path: Path) -> None:
    _, before = (t["expr"] for t in _targets(generated, "service", "Time to answer (p95)", "timeseries"))
    series = {NAMED.format("p95"): "0.1x2 2 0.1x1500"}  # by the minute
    samples = [{"labels": '{service="api"}', "value": 2}]
    evaluate(tmp_path, series, before.replace("$__rate_interval", "5m"), samples, at="24h4m")


@pytest.mark.parametrize(
    ("view", "title"), [("service", "Time to answer (p95)"), ("technical", "Slowest p95")]
)
@pytest.mark.parametrize(("at", "seconds"), [("5m30s", 0.1), ("6m", 2), ("6m30s", 2), ("7m", 0.1)])
def test_a_card_says_the_longest_of_the_last_minute(
    generated: Json, tmp_path: Path, view: str, title: str, at: str, seconds: float
) -> None:
    """As the line beside it, whose last step goes up to now."""
    now = _targets(generated, view, title, "stat")[-1]
    assert now["instant"]
    series = {NAMED.format("p95"): SLOW, 'up{job="platform-exporter"}': "1x99"}
    evaluate(tmp_path, series, now["expr"], [{"labels": "{}", "value": seconds}], every="5s", at=at)
