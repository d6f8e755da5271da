"""The demo's past: the same story in every metric, in a form that Prometheus takes, and small."""

import re
import subprocess
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.demo.history.backfill import Present, write
from exporter.demo.history.pasts import calls, past
from exporter.demo.history.story import DAY, DAYS, DEPLOYMENTS, HOUR, INCIDENTS, MINUTE, Story, moments
from exporter.demo.world.database import of_day
from exporter.generate import catalogue, files
from exporter.generate import write as write_files
from tests.support.programs import binary

PLATFORM = Path(__file__).parents[2] / "platforms" / "demo.yml"
NOW = 1_795_000_000.0 // 60 * 60
PAGE = """\
# TYPE platform_exporter_source_up gauge
platform_exporter_source_up{source="postgres.main"} 1.0
# TYPE health_check_status gauge
health_check_status{target="api",check="database",status="unhealthy"} 0.0
# TYPE health_check_duration_seconds gauge
health_check_duration_seconds{target="api",check="database"} 0.3
health_check_duration_seconds{target="api",check="redis"} 0.2
health_check_duration_seconds{target="api",check="external_apis"} 0.1
# TYPE health_start_time_seconds gauge
health_start_time_seconds{target="api"} 1794999990.5
# TYPE business_calls_total counter
business_calls_total{target="main",status="completed"} 3600000.0
business_calls_total{target="main",status="failed"} 53700.0
# TYPE business_organizations gauge
business_organizations{target="main",plan="starter"} 106.0
business_organizations{target="main",plan="team",job="clash"} 66.0
business_organizations{target="main",plan="enterprise"} 41.0
# TYPE business_mrr_dollars gauge
business_mrr_dollars{target="main",plan="team"} 13134.0
# TYPE business_signups_total counter
business_signups_total{target="main"} 244.0
# TYPE business_subscriptions_cancelled_total counter
business_subscriptions_cancelled_total{target="main"} 30.0
# TYPE business_support_tickets_open gauge
business_support_tickets_open{target="main"} 24.0
# TYPE pg_stat_database_xact_commit counter
pg_stat_database_xact_commit{target="main",datid="5",datname="demo"} 120.0
# TYPE pg_stat_statements_top_exec_seconds_total counter
pg_stat_statements_top_exec_seconds_total{target="main",queryid="1",user="exporter"} 0.2
pg_stat_statements_top_exec_seconds_total{target="main",queryid="2",user="product"} 0.1
pg_stat_statements_top_exec_seconds_total{target="main",queryid="3",user="exporter"} 0.1
pg_stat_statements_top_exec_seconds_total{target="main",queryid="4",user="postgres"} 0.1
# TYPE pg_scrape_collector_success gauge
"""
PAGE += "".join(f'pg_scrape_collector_success{{target="main",collector="c{n}"}} 1.0\n' for n in range(20))

LOOKBACK = 300

Samples = Mapping[str, list[tuple[float, float]]]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The past as OpenMetrics."""
    folder = tmp_path_factory.mktemp("history")
    found = catalogue(PLATFORM)
    write_files(files(found), folder / "generated")
    instances = {"platform-exporter": "e:1", "prometheus": "p:1", "alertmanager": "a:1"}
    out = folder / "past.om"
    write(Present(PAGE, folder / "generated", found, instances), out, NOW)
    return out


@pytest.fixture(scope="module")
def samples(text: Path) -> Samples:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in text.read_text().splitlines():
        if line != "# EOF":
            series, value, moment = line.rsplit(" ", 2)
            found[series].append((float(moment), float(value)))
    return found


def _series(samples: Samples, name: str, *matchers: str) -> list[tuple[float, float]]:
    (found,) = (
        points
        for series, points in samples.items()
        if series.startswith(name + "{") and all(matcher in series for matcher in matchers)
    )
    return found


def _at(points: list[tuple[float, float]], moment: float) -> float:
    return points[bisect_left(points, (moment, float("-inf")))][1]


def _customers(samples: Samples, moment: float) -> float:
    plans = ("starter", "team", "enterprise")
    return sum(_at(_series(samples, "business_organizations", f'plan="{plan}"'), moment) for plan in plans)


def test_every_series_is_in_order_and_ends_at_the_start(samples: Samples) -> None:
    for series, points in samples.items():
        moments = [moment for moment, _ in points]
        assert moments == sorted(set(moments)), series
        assert moments[0] >= NOW - DAYS * DAY
        assert moments[-1] <= NOW


def test_a_counter_leads_up_to_what_is_served(samples: Samples) -> None:
    """A gap before the first scrape would be a rate of next to nothing."""
    assert _series(samples, "pg_stat_database_xact_commit")[-1] == (NOW, 120.0)


def test_statements_of_the_product_alone_have_a_past(samples: Samples) -> None:
    """What ran at the start is gone a moment later, and nobody can read its text: it was no statement of last week."""
    name = "pg_stat_statements_top_exec_seconds_total"
    assert _series(samples, name, 'queryid="2"')[0][1] < 0
    assert len([series for series in samples if series.startswith(name)]) == 1


def test_each_component_has_a_time_of_its_own(samples: Samples) -> None:
    """A vendor that is slow makes neither Redis nor Prometheus slow, and no two curves lie upon each other."""
    name = "health_check_duration_seconds"
    slow = min((one for one in INCIDENTS if one.check == "external_apis"), key=lambda one: one.ago)
    middle, before = NOW - slow.ago + slow.lasted / 2, NOW - slow.ago - HOUR
    checks = {
        check: _series(samples, name, f'check="{check}"') for check in ("database", "redis", "external_apis")
    }
    assert len({_at(points, before) for points in checks.values()}) == len(checks)
    scrapes = _series(samples, "scrape_duration_seconds", 'job="prometheus"')
    took = {key: _at(points, middle) / _at(points, before) for key, points in checks.items()}
    assert took["external_apis"] > 0.7 * slow.slower
    assert max(took["database"], took["redis"], _at(scrapes, middle) / _at(scrapes, before)) < 1.6
    statements = _series(samples, "pg_stat_statements_top_exec_seconds_total")
    spent = [
        _at(statements, moment + MINUTE) - _at(statements, moment - MINUTE) for moment in (middle, before)
    ]
    assert 0 < spent[0] < 1.6 * spent[1]


def test_the_past_is_at_round_times_whenever_the_demo_starts() -> None:
    """Between them the age of what was read would look larger than it was."""
    for now in (NOW, NOW + 7):
        found = moments(now, ((HOUR, 60), (10 * MINUTE, 10)))
        assert found[-1] == now
        assert all(moment % 10 == 0 for moment in found if moment != now)


def test_thirty_days_ago_is_known_whenever_the_demo_starts(text: Path, tmp_path: Path) -> None:
    """A page of thirty days compares with its very beginning."""
    instances = {"platform-exporter": "e:1", "prometheus": "p:1", "alertmanager": "a:1"}
    out = tmp_path / "past.om"
    write(Present(PAGE, text.parent / "generated", catalogue(PLATFORM), instances), out, NOW + 7)
    first = next(line for line in out.read_text().splitlines() if line.startswith("business_organizations{"))
    assert float(first.rpartition(" ")[2]) <= NOW + 7 - DAYS * DAY


def test_each_collector_is_known_for_a_week(samples: Samples) -> None:
    """Whether nobody waits or nobody asked is told by the collector of that name alone."""
    for number in range(20):
        known = _series(samples, "pg_scrape_collector_success", f'collector="c{number}"')
        assert known[0][0] <= NOW - 7 * DAY


def test_prometheus_takes_it_and_it_is_small(text: Path, tmp_path: Path) -> None:
    options = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h"]
    command: list[str | Path] = [binary("promtool"), *options, text, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    blocks = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert text.stat().st_size < 200e6
    assert blocks < 20e6


def test_an_outage_is_the_same_in_all_metrics(samples: Samples) -> None:
    """When the database was away, the product's document, the budget and the alerts say so."""
    (outage,) = (incident for incident in INCIDENTS if incident.database_down)
    begins = NOW - outage.ago
    assert _at(_series(samples, "health:state:code"), begins + outage.lasted / 2) == 2
    alert = [moment for moment, _ in _series(samples, "ALERTS", 'alertname="DatabaseDown"')]
    # Prometheus goes on with the last value for five minutes, and pages ask it: those are part of the story.
    assert begins + outage.after <= min(alert) < begins + outage.after + MINUTE
    assert begins + outage.lasted <= max(alert) + LOOKBACK <= begins + outage.lasted + MINUTE
    left = _series(samples, "slo:period_error_budget_remaining:ratio", 'slo="api-availability"')
    assert _at(left, begins - HOUR) - _at(left, begins + outage.lasted + HOUR) > 0.1


def test_checkpoints_come_by_the_clock() -> None:
    """Postgres makes twelve an hour with the usual checkpoint_timeout, at night and by day."""
    story = Story(NOW, moments(NOW, ((2 * DAY, 300),)))
    labels = {"target": "main", "kind": "timed"}
    values = past(story, "pg_checkpoints_total", labels, 1.0, counter=True)
    made = [(time, value or 0.0) for time, value in zip(story.times, values, strict=True)]
    for ago in (30 * HOUR, 12 * HOUR, 2 * HOUR):
        assert _at(made, NOW - ago) - _at(made, NOW - ago - HOUR) == pytest.approx(12, rel=0.01)


def test_failures_are_the_same_in_all_metrics(samples: Samples) -> None:
    trouble = max((incident for incident in INCIDENTS if incident.ago < 7 * DAY), key=lambda one: one.failing)
    middle, before = NOW - trouble.ago + trouble.lasted / 2, NOW - trouble.ago - HOUR
    for name, label in (
        ("service:error_ratio:rate5m", 'service="api"'),
        ("slo:events_bad:rate5m", 'slo="api-availability"'),
    ):
        points = _series(samples, name, label)
        assert _at(points, middle) > 10 * _at(points, before), name
    completion = _series(samples, "kpi_value", 'kpi="call-completion"')
    assert _at(completion, middle) < _at(completion, before) - 0.004


def test_key_figures_are_what_their_expressions_give(samples: Samples) -> None:
    tickets = _series(samples, "business_support_tickets_open")
    figure = _series(samples, "kpi_value", 'kpi="open-tickets-per-100-customers"')
    completed, failed = (
        _series(samples, "business_calls_total", f'status="{status}"') for status in ("completed", "failed")
    )
    completion = _series(samples, "kpi_value", 'kpi="call-completion"')
    for ago in (6 * DAY, 3 * DAY, 5 * HOUR):
        now = NOW - ago
        assert _at(figure, now) == pytest.approx(100 * _at(tickets, now) / _customers(samples, now), rel=1e-3)
        good, bad = (_at(of, now) - _at(of, now - 15 * MINUTE) for of in (completed, failed))
        assert _at(completion, now) == pytest.approx(
            good / (good + bad), abs=0.012
        )  # the missed are not served here


@pytest.mark.parametrize(("alert", "window", "limit"), [("Fast", HOUR, 0.0144), ("Medium", 6 * HOUR, 0.006)])
def test_burn_alerts_fire_while_the_events_burn_the_budget(
    samples: Samples, alert: str, window: float, limit: float
) -> None:
    bad, every = (_series(samples, f"slo:events_{which}:rate5m") for which in ("bad", "total"))

    def burn(moment: float) -> float:
        first, last = (bisect_left(bad, (at, 0.0)) for at in (moment - window, moment))
        return sum(value for _, value in bad[first:last]) / sum(value for _, value in every[first:last])

    (firing,) = (
        [moment for moment, _ in points]
        for series, points in samples.items()
        if series.startswith("ALERTS{") and f"ErrorBudgetBurn{alert}" in series
    )
    assert all(burn(moment) > 0.95 * limit for moment in firing)
    assert max(burn(NOW - number * HOUR) for number in range(2 * 24)) < limit
    assert max(firing) < NOW - 2 * DAY


def test_burn_alerts_are_over_when_customers_are_served_again(samples: Samples) -> None:
    """Their long windows remember an outage; those who read the page would take it for another."""
    told = [points for series, points in samples.items() if re.match(r"ALERTS\{.*ErrorBudgetBurn", series)]
    assert len(told) > 1
    failing = [
        (NOW - incident.ago, NOW - incident.ago + incident.lasted)
        for incident in INCIDENTS
        if incident.failing
    ]
    for moment in (moment for points in told for moment, _ in points):
        # Prometheus goes on with the last value for five minutes: those are part of the story.
        assert any(begins <= moment <= ends + MINUTE - LOOKBACK for begins, ends in failing)


def test_customers_are_those_who_signed_up_and_did_not_cancel(samples: Samples) -> None:
    team, revenue = (
        _series(samples, f"business_{name}", 'plan="team"') for name in ("organizations", "mrr_dollars")
    )
    came, went = (
        _series(samples, f"business_{name}_total") for name in ("signups", "subscriptions_cancelled")
    )
    weeks = [NOW - 14 * DAY, NOW - 7 * DAY, NOW - 10 * MINUTE]
    for begins, ends in pairwise(weeks):
        signed_up, cancelled, teams, dollars = (
            _at(of, ends) - _at(of, begins) for of in (came, went, team, revenue)
        )
        assert _customers(samples, ends) - _customers(samples, begins) == signed_up - cancelled
        assert signed_up > cancelled > 0
        assert dollars == 199 * teams


def test_the_budget_is_that_of_the_events(samples: Samples) -> None:
    bad = _series(samples, "slo:events_bad:rate5m", 'slo="api-availability"')
    every = _series(samples, "slo:events_total:rate5m", 'slo="api-availability"')
    ratio = sum(value for _, value in bad) / sum(value for _, value in every)
    left = _series(samples, "slo:period_error_budget_remaining:ratio", 'slo="api-availability"')[-1][1]
    assert left == pytest.approx(1 - ratio / 0.001, abs=0.05)


def test_counters_never_fall_and_end_where_the_served_ones_go_on(samples: Samples) -> None:
    """No reset at the seam: that would add all that a counter has ever counted to the increase of the week."""
    served = dict(line.rsplit(" ", 1) for line in PAGE.splitlines() if not line.startswith("#"))
    for series, points in samples.items():
        if re.match(r"\w+_total\{|pg_stat_database_", series):
            values = [value for _, value in points]
            assert all(b >= a - 1e-6 for a, b in pairwise(values)), series
            name, own = series.split("{")[0], set(re.findall(r'\w+="[^"]*"', series))
            # What is not served yet begins at 0.
            present = [
                float(value)
                for line, value in served.items()
                if line.split("{")[0] == name and own >= set(re.findall(r'\w+="[^"]*"', line))
            ]
            assert values[-1] <= (present[0] if present else 0.0) + 1e-6, series
    calls = _series(samples, "business_calls_total", 'status="completed"')
    assert calls[-1][1] == pytest.approx(3_600_000, rel=1e-4)
    assert calls[-1][1] - calls[0][1] > 1_000_000


def test_a_week_has_its_rhythm_and_a_month_its_growth(samples: Samples) -> None:
    customers = _series(samples, "business_organizations", 'plan="team"')
    assert customers[0][1] < 0.85 * customers[-1][1]
    assert customers[-1][1] == 66
    requests = _series(samples, "service:requests:rate5m", 'service="api"')
    by_day = defaultdict(list)
    for moment, value in requests:
        by_day[(int(moment // DAY) + 3) % 7].append(value)
    mean = {day: sum(values) / len(values) for day, values in by_day.items()}
    assert max(mean[5], mean[6]) < min(
        mean[day] for day in (1, 2, 3)
    )  # weekend against the middle of the week


def test_times_are_exact_and_labels_that_clash_are_kept_apart(samples: Samples) -> None:
    started = _series(samples, "health_start_time_seconds")
    assert {value for _, value in started} >= {NOW - ago for ago in DEPLOYMENTS}
    (info,) = (series for series in samples if series.startswith("health_start_time_seconds{"))
    assert 'environment="demo"' in info
    (clashing,) = (series for series in samples if re.match(r"business_organizations\{.*team", series))
    assert 'exported_job="clash"' in clashing
    assert 'job="platform-exporter"' in clashing


@pytest.mark.parametrize("hour", [3, 9, 15, 21])
def test_the_calls_of_each_day_are_those_that_its_counter_counts(hour: int) -> None:
    """The product's own tables know the days, whatever the hour of the start: calls per user come from them."""
    now = NOW // DAY * DAY + hour * HOUR
    story = Story(now, moments(now, ((8 * DAY, 300),)))
    rates = calls(story, "completed")
    left = story.until_now(rates)
    midnights = [now // DAY * DAY - ago * DAY for ago in range(7)]
    counted = [left[story.since(midnight)] for midnight in midnights]
    for ago, midnight in enumerate(midnights):
        of_this_day = counted[ago] - (counted[ago - 1] if ago else 0.0)
        evenly = rates[-1] / story.traffic[-1] * min(DAY, now - midnight)
        assert evenly * of_day(now, ago) == pytest.approx(of_this_day, rel=0.1), ago


def test_calls_per_user_stay_where_calls_and_users_grow() -> None:
    story = Story(NOW, [NOW - DAYS * DAY + 3600 * n for n in range(DAYS * 24)])
    values = past(story, "business_calls_per_user", {}, 70.0, counter=False)
    assert all(value == pytest.approx(70, rel=0.05) for value in values)


def test_an_unknown_gauge_stays_and_an_unknown_counter_comes_from_its_first_seconds() -> None:
    story = Story(NOW, [NOW - 600 + 10 * n for n in range(60)])
    assert set(past(story, "some_level", {}, 7.0, counter=False)) == {7.0}
    values = [value for value in past(story, "some_total", {}, 40.0, counter=True) if value is not None]
    assert values[-1] - values[0] == pytest.approx(2.0 * 590, rel=0.2)


def test_a_demo_may_start_at_any_minute() -> None:
    for minute in range(0, 1440, 7):
        now = NOW + minute * MINUTE
        story = Story(now, [now - DAYS * DAY + 300 * n for n in range(DAYS * 288)])
        assert all(0 <= failing <= 1 for failing in story.failing)
        assert min(story.traffic) > 0
