"""Cloudflare Workers: those that are named, or all of the account."""

import re
from pathlib import Path

import pytest

from exporter.generate import catalogue
from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards, rules, shown

PLATFORM = """
platform: edge
services:
  api:
    title: API
    question: Does it answer?
    signals: {cloudflare_worker: any-worker}
    objectives: {availability: 99.9%%}
sources:
  cloudflare:
    account: 0123456789abcdef0123456789abcdef
    token: "${file:token}"
    workers: %s
"""


def _generated(folder: Path, workers: str) -> Json:
    file = folder / "edge.yml"
    file.write_text(PLATFORM % workers)
    return tree(catalogue(file))


@pytest.mark.parametrize(
    ("workers", "others"),
    [
        ("{}", {"any-worker", "other-worker"}),
        ("{scripts: [any-worker]}", {"any-worker"}),
        ("{scripts: [any-worker, other-worker]}", {"any-worker", "other-worker"}),
    ],
)
def test_every_worker_that_is_counted_is_shown(tmp_path: Path, workers: str, others: set[str]) -> None:
    """On the page of engineers as on their own page, which begins with all of them."""
    files = _generated(tmp_path, workers)
    boards = {board["uid"]: board for board in dashboards(files)}
    (script,) = (v for v in boards["edge-workers"]["templating"]["list"] if v["name"] == "script")
    first = script.get("allValue") or script["current"]["value"]
    for uid in ("edge-workers", "edge-technical"):
        chosen = {
            matcher.replace("$script", first)
            for panel in shown(boards[uid])
            for target in panel["targets"]
            for matcher in re.findall(r'script_name=~"([^"]*)"', target["expr"])
        }
        assert chosen, uid
        for matcher in chosen:
            shown_here = {name for name in ("any-worker", "other-worker") if re.fullmatch(matcher, name)}
            assert shown_here == others, uid


def test_workers_that_nobody_named_are_chosen_from_those_there_are(tmp_path: Path) -> None:
    (board,) = (board for board in dashboards(_generated(tmp_path, "{}")) if board["uid"] == "edge-workers")
    (script,) = (v for v in board["templating"]["list"] if v["name"] == "script")
    assert script["query"]["query"] == "label_values(cloudflare_workers_requests_total, script_name)"
    assert script["includeAll"]
    assert script["current"] == {"text": "All Workers", "value": ["$__all"]}
    # Told apart, though nobody knows their names: each has its hue.
    for panel in shown(board):
        if any("{{script_name}}" in target["legendFormat"] for target in panel["targets"]):
            assert panel["fieldConfig"]["overrides"], panel["title"]


def test_alerts_are_for_every_worker(tmp_path: Path) -> None:
    """Named or not; the service itself is measured on its own Worker alone."""
    found = rules(_generated(tmp_path, "{}"))
    alerts = {rule["alert"]: rule for rule in found if rule.get("alert", "").startswith("Worker")}
    assert {"WorkerErrors", "WorkerOverLimits", "WorkerCpuHigh", "WorkerFiguresLate"} <= set(alerts)
    assert not any("script_name=" in rule["expr"] for rule in alerts.values())
    (requests,) = (rule for rule in found if rule.get("record") == "service:requests:rate5m")
    assert 'script_name="any-worker"' in requests["expr"]
