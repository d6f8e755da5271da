"""Which alerts a drill sends, where they must arrive, and how Alertmanager's counters are read."""

import itertools
from pathlib import Path

import httpx
import pytest

from exporter.drill.carry import Carrier, Counts, accepted
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


def test_a_channel_of_certain_alerts_is_drilled_the_way_of_these() -> None:
    file = Path("platforms/cloudgreet.yml")
    shots = [shot for shot in plan(load(file), "drill-1", TUESDAY_NOON) if "about" in shot.labels]
    [shot] = shots
    assert shot.labels["about"] == "HealthUnhealthy"
    assert [target.channel for target in shot.targets] == ["on-call-phone"]
    root = tree(documents(catalogue(file))["alertmanager/alertmanager.yml"])
    assert "on-call-phone" in [route.receiver for route in root.match(shot.labels)]


def target(channel: str, kind: str, messages: int = 1) -> Target:
    return Target(channel, "drill-1;", kind, "p1", 60, messages=messages)  # type: ignore[arg-type]  # one of the four


def counts(integration: str, begun: int, attempts: int, failures: int = 0, given_up: int = 0) -> Counts:
    """What Alertmanager counts of one kind of channel."""
    return {
        f"notifications_total {integration}": begun,
        f"notification_requests_total {integration}": attempts,
        f"notification_requests_failed_total {integration}": failures,
        f"notifications_failed_total {integration}": given_up,
    }


BOTH, NEITHER, PHONE = {0: True, 1: True}, {0: False, 1: False}, {2: True}


@pytest.mark.parametrize(
    ("after", "verdicts"),
    [
        pytest.param(counts("slack", 10, 12, 3, 1), {}, id="nothing has begun"),
        pytest.param(counts("slack", 12, 12, 3, 1), {}, id="both have begun, and no more"),
        pytest.param(counts("slack", 12, 16, 7, 1), {}, id="each was tried twice and refused"),
        pytest.param(counts("slack", 12, 17, 7, 1), {}, id="one of them was taken"),
        pytest.param(counts("slack", 13, 17, 6, 1), {}, id="one of them and one of somebody else were taken"),
        pytest.param(counts("slack", 11, 13, 3, 1), {}, id="one has begun and was taken"),
        pytest.param(counts("slack", 12, 14, 3, 1), BOTH, id="both were taken"),
        pytest.param(counts("slack", 12, 18, 7, 1), BOTH, id="both were taken, after two refusals each"),
        pytest.param(counts("slack", 13, 15, 3, 1), BOTH, id="both were taken, and one of somebody else"),
        pytest.param(counts("slack", 12, 14, 4, 2), NEITHER, id="one was given up"),
        pytest.param(counts("pagerduty", 3, 3), {}, id="another kind is none of theirs"),
        pytest.param(counts("sns", 2, 1), {}, id="one of two numbers was taken"),
        pytest.param(counts("sns", 2, 2), PHONE, id="both numbers were taken"),
        pytest.param(counts("sns", 4, 2), PHONE, id="an alert ended, of which no number is told"),
        pytest.param(counts("sns", 2, 4, 2), PHONE, id="both numbers were taken, after a refusal each"),
        pytest.param(counts("sns", 3, 5, 3), {}, id="somebody else's number was taken, ours are refused"),
    ],
)
def test_counters_say_what_was_accepted(after: Counts, verdicts: dict[int, bool]) -> None:
    targets = [target("critical", "slack"), target("high", "slack"), target("phone", "sms", messages=2)]
    before = counts("slack", 10, 12, 3, 1)
    assert accepted(targets, before, {**before, **after}, begun=True) == verdicts


def test_nothing_is_accepted_before_all_can_have_begun() -> None:
    """What others send through channels of the same kind would be taken for it."""
    targets = [target("critical", "slack")]
    assert accepted(targets, {}, counts("slack", 1, 1), begun=False) == {}
    assert accepted(targets, {}, counts("slack", 1, 1, 1, 1), begun=False) == {0: False}


def test_a_message_that_was_under_way_before_counts_for_nobody() -> None:
    targets = [target("critical", "slack")]
    before = counts("slack", 1, 0)
    assert accepted(targets, before, counts("slack", 2, 1), begun=True) == {}
    assert accepted(targets, before, counts("slack", 2, 2), begun=True) == {0: True}


PLATFORM = """
platform: shop
environment: production
sources:
  health: {api: {title: API, url: "https://api.shop.example/health"}}
alerting:
  channels:
    team: {slack: {webhook: "${file:slack_webhook}", channel: "#team"}, priorities: [p1, p2, p3, p4]}
    watchers:
      slack: {webhook: "${file:slack_webhook}", channel: "#monitoring"}
      priorities: [p1, p2, p3, p4]
      only: {kind: meta}
    phone: {sms: {numbers: ["+15550100123"], region: us-east-1}}
    owners: {slack: {webhook: "${file:slack_webhook}", channel: "#owners"}}
  alerts:
    HealthUnhealthy: {channels: [phone, owners]}
    HealthDegraded: {channels: [owners]}
    SourceStale: {channels: [team]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "shop.yml"
    file.write_text(PLATFORM)
    return file


def test_channels_of_a_single_alert_are_drilled(shop: Path) -> None:
    shots = plan(load(shop), "drill-1", TUESDAY_NOON)
    about = [
        (shot.labels["about"], [target.channel for target in shot.targets])
        for shot in shots
        if "about" in shot.labels
    ]
    assert about == [("HealthUnhealthy", ["phone", "owners"])]
    root = tree(documents(catalogue(shop))["alertmanager/alertmanager.yml"])
    told = {route.receiver for shot in shots for route in root.match(shot.labels)}
    assert told == {"team", "watchers", "phone", "owners"}


def test_a_channel_of_certain_alerts_gets_no_drill_that_is_not_planned(shop: Path) -> None:
    root = tree(documents(catalogue(shop))["alertmanager/alertmanager.yml"])
    for shot in plan(load(shop), "drill-1", TUESDAY_NOON):
        planned = "watchers" in {target.channel for target in shot.targets}
        assert ("watchers" in {route.receiver for route in root.match(shot.labels)}) is planned


def test_a_drill_survives_a_restart(platform: Platform) -> None:
    run = Run("drill-1", TUESDAY_NOON, plan(platform, "drill-1", TUESDAY_NOON))
    run.outcomes[0].verdict, run.outcomes[0].seconds = "arrived", 1.5
    run.sent = True
    again = Run.load(run.dump())
    assert again.dump() == run.dump()
    assert again.targets == run.targets


async def test_an_attempt_refused_between_two_readings_is_never_taken_for_a_success() -> None:
    """Neither in what a drill starts from, which would have one too few, nor in what it is compared with."""

    def text(tried: int) -> str:
        return "".join(
            f'alertmanager_{name}{{integration="slack"}} {value}\n'
            for name, value in (
                ("notifications_total", 2),
                ("notifications_failed_total", 0),
                ("notification_requests_total", tried),
                ("notification_requests_failed_total", tried),
            )
        )

    readings = itertools.count()
    carrier = Carrier("http://alertmanager", None, "https://runbooks.example", "https://grafana.example")
    carrier._client = httpx.AsyncClient(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(200, stream=httpx.ByteStream(text(next(readings)).encode()))
        )
    )
    before = await carrier.counts(starting=True)
    now = await carrier.counts()
    await carrier.close()
    names = ("notification_requests_total slack", "notification_requests_failed_total slack")
    assert [before[name] for name in names] == [1.0, 0.0]
    assert [now[name] for name in names] == [2.0, 3.0]
