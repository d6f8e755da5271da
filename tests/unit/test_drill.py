"""Which alerts a drill sends, where they must arrive, and how Alertmanager's counters are read."""

from pathlib import Path

import pytest

from exporter.drill.carry import accepted
from exporter.drill.plan import Target, plan
from exporter.drill.source import Run
from exporter.generate import catalogue
from exporter.generate.mixin import tree as documents
from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.routes import tree

WHOLE = Path(__file__).parents[1] / "support" / "whole.yml"
TUESDAY_NOON = 1767697200.0  # 2026-01-06 12:00 in Berlin
SATURDAY = 1767438000.0
IN_MAINTENANCE = 1767567600.0  # Monday 2026-01-05, 00:00 in Berlin


@pytest.fixture(scope="module")
def platform() -> Platform:
    return load(WHOLE)


def test_every_channel_hears_once_of_each_of_its_priorities(platform: Platform) -> None:
    shots = plan(platform, "drill-1", TUESDAY_NOON)
    told = [(target.channel, target.priority, target.kind) for shot in shots for target in shot.targets]
    assert len(told) == len(set(told)) + 1, "critical hears of p1 as its own, and as a step of escalation"
    assert set(told) == {
        ("pager", "p1", "pagerduty"),
        ("critical", "p1", "slack"),
        ("high", "p2", "slack"),
        ("medium", "p3", "slack"),
        *(("engineering", priority, "email") for priority in ("p1", "p2", "p3", "p4")),
        ("support", "p4", "email"),
        ("oncall-phone", "p1", "sms"),
        ("lead", "p1", "slack"),
        ("lead", "p2", "slack"),
        ("management", "p1", "email"),
    }
    assert len({shot.labels["service"] for shot in shots}) == len(shots), "each has a group of its own"


def test_the_routes_lead_where_the_plan_says(platform: Platform) -> None:
    """The plan comes from the platform file, the routes from the generator: they must agree."""
    root = tree(documents(catalogue(WHOLE))["alertmanager/alertmanager.yml"])
    for shot in plan(platform, "drill-1", TUESDAY_NOON):
        receivers = [route.receiver for route in root.match(shot.labels)]
        assert {target.channel for target in shot.targets} <= set(receivers)
        assert "status-page" not in receivers


@pytest.mark.parametrize(
    ("now", "quiet"),
    [
        (TUESDAY_NOON, {}),
        (SATURDAY, {"p4": "outside business hours"}),
        (
            IN_MAINTENANCE,
            {
                "p2": "Weekly maintenance",
                "p3": "Weekly maintenance",
                "p4": "outside business hours, Weekly maintenance",
            },
        ),
    ],
)
def test_what_is_silent_at_that_hour_is_not_waited_for(
    platform: Platform, now: float, quiet: dict[str, str]
) -> None:
    targets = [target for shot in plan(platform, "drill-1", now) for target in shot.targets]
    assert {target.priority: target.quiet for target in targets if target.quiet} == quiet


def target(channel: str, kind: str, messages: int = 1) -> Target:
    return Target(channel, "drill-1;", kind, "p1", 60, messages=messages)  # type: ignore[arg-type]  # one of the four


@pytest.mark.parametrize(
    ("after", "verdicts"),
    [
        ({}, {}),
        ({"notifications_total slack": 11}, {}),
        ({"notifications_total slack": 12}, {0: True, 1: True}),
        ({"notifications_total slack": 12, "notifications_failed_total slack": 1}, {0: False, 1: False}),
        ({"notification_requests_failed_total slack": 1}, {}),
        ({"notifications_total sns": 1}, {}),
        ({"notifications_total sns": 2}, {2: True}),
    ],
)
def test_counters_say_what_was_accepted(after: dict[str, float], verdicts: dict[int, bool]) -> None:
    targets = [target("critical", "slack"), target("high", "slack"), target("phone", "sms", messages=2)]
    assert accepted(targets, {"notifications_total slack": 10}, after) == verdicts


def test_a_drill_survives_a_restart(platform: Platform) -> None:
    run = Run("drill-1", TUESDAY_NOON, plan(platform, "drill-1", TUESDAY_NOON))
    run.outcomes[0].verdict, run.outcomes[0].seconds = "arrived", 1.5
    run.sent = True
    again = Run.load(run.dump())
    assert again.dump() == run.dump()
    assert again.targets == run.targets
