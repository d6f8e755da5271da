"""When a dependency counts as down, so that what fails because of it is not told again: by promtool."""

import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.generate import catalogue, files, write

PLATFORM = """
platform: shop
sources:
  health:
    api: {url: "https://shop.example/health"}
    web: {url: "https://shop.example/web"}
services:
  api:
    title: API
    question: Can customers order?
    signals: {health: api}
    objectives: {availability: 99.9%}
  web:
    title: Website
    question: Can customers look around?
    signals: {health: web}
    depends_on: [api]
"""
KNOWN = """
alerting:
  known_issues:
    - {alert: HealthUnhealthy, labels: {service: api}, ticket: OPS-42, expires: "1970-01-01 01:00"}
"""
BURN_KNOWN = KNOWN.replace("HealthUnhealthy", "ErrorBudgetBurnFast")
KNOWN_HERE = KNOWN.replace("service: api", "service: api, environment: production")
WINDOW = """
alerting:
  maintenance: [{title: Works, once: {from: 2036-01-01, to: 2036-01-02}, services: [api]}]
"""
SLOW_ONLY = WINDOW.replace("services: [api]", "services: [api], mutes: [performance]")
OPEN = 'platform_exporter_maintenance_active{window="works"}'
WHOLE = """
  whole:
    title: Whole
    question: Does it all work?
    signals: {services: [api]}
    objectives: {availability: 99%}
"""
TOLD_ELSEWHERE = """
alerting:
  channels: {dba: {slack: {webhook: "${file:slack}", channel: "#dba"}}}
  alerts: {HealthUnhealthy: {channels: [dba]}}
"""
OUTAGE = """
platform: shop
sources:
  postgres: {main: {dsn: "${env:DATABASE_URL}"}}
  health: {api: {url: "https://shop.example/health"}}
services:
  database: {title: Database, question: Up, signals: {postgres: main}, objectives: {availability: 99.9%}}
  api:
    {title: API, question: Up, signals: {health: api}, objectives: {availability: 99.9%}, depends_on: [postgres.main]}
  whole: {title: All, question: Up, signals: {services: [database, api]}, objectives: {availability: 99.5%}}
"""
WEB = "  web: {title: Web, question: Up, signals: {health: api}, depends_on: [api]}\n"
FRONT = "  front: {title: Front, question: Up, signals: {metrics: {total: a_total, bad: b_total}}, depends_on: [web]}\n"
UNHEALTHY = (
    'ALERTS{alertname="HealthUnhealthy", alertstate="firing", service="api", priority="%s", kind="symptom"}'
)
BURN = (
    'ALERTS{alertname="ErrorBudgetBurnFast", slo_tier="fast", sli="%s", alertstate="firing", '
    'service="api", priority="p1", kind="symptom"}'
)
SLOW = (
    'ALERTS{alertname="ErrorBudgetBurnSlow", alertstate="firing", slo_tier="slow", service="web", '
    'priority="%s", kind="symptom"}'
)
ALL = ["p1", "p2", "p3", "p4"]
LESS_URGENT = ALL[1:]
DATABASE = 'ALERTS{alertname="DatabaseDown", alertstate="firing", service="postgres.main", priority="%s", kind="cause"}'
RATIO = 'service:error_ratio:rate5m{service="api"}'


@pytest.mark.parametrize(
    ("more", "series", "minute", "down"),
    [
        ("", {UNHEALTHY % "p1": "1x180"}, 10, ALL),
        ("", {UNHEALTHY % "p2": "1x180"}, 10, LESS_URGENT),
        ("", {UNHEALTHY % "p3": "1x180"}, 10, []),
        ("", {(UNHEALTHY % "p1").replace("HealthUnhealthy", "DatabaseDataCorrupt"): "1x180"}, 10, []),
        ("", {BURN % "availability": "1x180", RATIO: "0.9x180"}, 10, ALL),
        ("", {BURN % "availability": "1x180", RATIO: "0.02x180"}, 10, []),
        ("", {BURN % "latency": "1x180", RATIO: "0x180"}, 10, []),
        (KNOWN, {UNHEALTHY % "p1": "1x180"}, 30, []),
        (KNOWN, {UNHEALTHY % "p1": "1x180"}, 90, ALL),
        (KNOWN_HERE, {UNHEALTHY % "p1": "1x180"}, 30, []),
        (BURN_KNOWN, {BURN % "availability": "1x180", RATIO: "0.9x180"}, 30, []),
        (WINDOW, {UNHEALTHY % "p2": "1x180", OPEN: "1x180"}, 10, []),
        (WINDOW, {UNHEALTHY % "p2": "1x180", OPEN: "0x180"}, 10, LESS_URGENT),
        (WINDOW, {UNHEALTHY % "p1": "1x180", OPEN: "1x180"}, 10, ALL),
        (SLOW_ONLY, {UNHEALTHY % "p2": "1x180", OPEN: "1x180"}, 10, LESS_URGENT),
        (TOLD_ELSEWHERE, {UNHEALTHY % "p1": "1x180"}, 10, []),
    ],
    ids=[
        "unhealthy",
        "told with less urgency",
        "told nobody",
        "damaged",
        "most requests fail",
        "some requests fail",
        "slow",
        "known",
        "known no more",
        "known in this environment",
        "its burn rate is known",
        "muted by a window",
        "its window is over",
        "told in spite of a window",
        "a window mutes what is slow",
        "told in a channel of its own",
    ],
)
def test_a_dependency_that_is_down(
    more: str, series: dict[str, str], minute: int, down: list[str], promtool: Path, tmp_path: Path
) -> None:
    _expect(PLATFORM + more, series, minute, "web", down, promtool, tmp_path)


@pytest.mark.parametrize(
    ("known", "firing", "down", "minute", "covered"),
    [
        (SLOW % "p2", "1x180", "_x10 1x60", 30, ["p1", "p3", "p4"]),
        (SLOW % "p3", "1x180", "_x10 1x60", 30, ["p1", "p2", "p4"]),
        (SLOW % "p2", "_x10 1x60", "1x180", 30, ALL),
        (SLOW % "p2", "1x20 stale", "_x10 1x60", 15, ["p1", "p3", "p4"]),
        (SLOW % "p2", "1x20 stale", "_x10 1x60", 30, ALL),
        ((SLOW % "p2").replace("web", "api"), "1x180", "_x10 1x60", 30, ALL),
        ((SLOW % "p2").replace('slo_tier="slow", ', ""), "1x180", "_x10 1x60", 30, ALL),
    ],
    ids=[
        "told before it",
        "told before it, and not urgent",
        "not told before it",
        "not over yet",
        "over meanwhile",
        "of another service",
        "no burn rate: it is over soon enough",
    ],
)
def test_the_end_of_a_burn_rate_that_people_know_is_told(
    known: str, firing: str, down: str, minute: int, covered: list[str], promtool: Path, tmp_path: Path
) -> None:
    """What covers burn rates lasts so long that Alertmanager would never hear of their end."""
    series = {known: firing, UNHEALTHY % "p1": down}
    _expect(PLATFORM, series, minute, "web", covered, promtool, tmp_path, covers="budget")
    _expect(PLATFORM, series, minute, "web", ALL, promtool, tmp_path)


def test_several_services_as_one_depend_on_their_parts(promtool: Path, tmp_path: Path) -> None:
    _expect(PLATFORM + WHOLE, {UNHEALTHY % "p2": "1x180"}, 10, "whole", LESS_URGENT, promtool, tmp_path)


@pytest.mark.parametrize(
    ("priority", "values", "minute", "down"),
    [
        ("p1", "1x5 stale", 3, ALL),
        ("p1", "1x5 stale", 7, ALL),
        ("p1", "1x5 stale", 20, []),
        ("p1", "1x5 stale", 55, ALL),
        ("p2", "1x5 stale", 20, ALL),
        ("p1", "_x10 1x5 stale", 13, ALL),
        ("p1", "_x10 1x5 stale", 30, ALL),
    ],
    ids=[
        "while the database is down",
        "just after",
        "its burn rate is silent",
        "its burn rate is told",
        "more urgent than the database, so told at once",
        "told before the database went down",
        "told before, and the database is long up",
    ],
)
def test_a_burn_rate_that_nobody_hears_of_hides_nothing(
    priority: str, values: str, minute: int, down: list[str], promtool: Path, tmp_path: Path
) -> None:
    """The database fails for five minutes, and the API all the time, with a burn rate of p1.

    As urgent as that, the database keeps it silent until 47; what people know of explains what depends on the API.
    """
    series = {DATABASE % priority: values, BURN % "availability": "1x180", RATIO: "0.9x180"}
    _expect(OUTAGE + WEB, series, minute, "web", down, promtool, tmp_path)


def test_a_dependency_of_a_dependency_explains_as_well(promtool: Path, tmp_path: Path) -> None:
    """The website fails at once, through an API that takes minutes to say of itself that it is down."""
    _expect(OUTAGE + WEB, {DATABASE % "p1": "1x180"}, 10, "web", ALL, promtool, tmp_path)


def test_a_source_as_dependency_is_the_service_that_its_alerts_speak_of(
    promtool: Path, tmp_path: Path
) -> None:
    text = PLATFORM.replace("depends_on: [api]", "depends_on: [health.api]")
    _expect(text, {UNHEALTHY % "p1": "1x180"}, 10, "web", ALL, promtool, tmp_path)


def test_another_service_of_the_same_document_leads_to_the_one_that_alerts_speak_of(
    promtool: Path, tmp_path: Path
) -> None:
    text = PLATFORM.replace("signals: {health: web}\n    depends_on: [api]", "signals: {health: api}") + FRONT
    _expect(text, {UNHEALTHY % "p1": "1x180"}, 10, "front", ALL, promtool, tmp_path)


def test_an_age_leads_to_the_database_that_it_is_the_age_of(promtool: Path, tmp_path: Path) -> None:
    text = (OUTAGE + FRONT).replace(
        "signals: {health: api}, objectives: {availability: 99.9%}, depends_on: [postgres.main]",
        "signals: {freshness: {source: postgres.main, within: 5m}}",
    )
    text = text.replace("[database, api]", "[database]").replace("[web]", "[api]")
    _expect(text, {DATABASE % "p1": "1x180"}, 10, "front", ALL, promtool, tmp_path)


def test_what_a_service_needs_is_found_however_many_ways_lead_there(tmp_path: Path) -> None:
    """Three layers of two services each: eight ways."""
    layers = [
        f"  {name}{layer}: {{title: S, question: Up, signals: {{health: api}}, "
        f"depends_on: [{f'a{layer - 1}, b{layer - 1}' if layer else 'api'}]}}\n"
        for layer in range(3)
        for name in "ab"
    ]
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM + "".join(layers))
    rules = yaml.safe_load(files(catalogue(file))["alertmanager/alertmanager.yml"])["inhibit_rules"]
    over = {
        matcher
        for rule in rules
        if 'service = "a2"' in rule["target_matchers"]
        for matcher in rule["source_matchers"]
        if matcher.startswith("service")
    }
    assert over == {f'service = "{name}{layer}"' for name in "ab" for layer in range(2)} | {'service = "api"'}


def test_a_window_that_mutes_a_dependency_lets_what_depends_on_it_be_told(tmp_path: Path) -> None:
    """Alertmanager is left with p1 alone, which no window mutes."""
    file = tmp_path / "shop.yml"

    def told(text: str) -> set[str]:
        file.write_text(text)
        rules = yaml.safe_load(files(catalogue(file))["alertmanager/alertmanager.yml"])["inhibit_rules"]
        return {
            matcher
            for rule in rules
            if 'service = "api"' in rule["source_matchers"]
            for matcher in rule["source_matchers"]
            if matcher.startswith("priority")
        }

    assert told(PLATFORM) == {'priority = "p1"', 'priority = "p2"'}
    assert told(PLATFORM + SLOW_ONLY) == told(PLATFORM)
    assert told(PLATFORM + WINDOW) == {'priority = "p1"'}


def test_no_burning_budget_is_told_when_an_outage_is_long_over(promtool: Path, tmp_path: Path) -> None:
    """Rates remember: the database fails for 15 minutes, what depends on it for three more, and all is well then."""
    file = tmp_path / "shop.yml"
    file.write_text(OUTAGE)
    write(files(catalogue(file)), tmp_path)
    burning = 'ALERTS{alertname=~"ErrorBudgetBurn(Fast|Medium)", alertstate="firing", service=~"api|whole"}'
    covered = 'ALERTS{alertname="DependencyDown", covers="budget", alertstate="firing"}'
    test = {
        "rule_files": ["prometheus/rules/*.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'pg_up{target="main"}', "values": "1x19 0x14 1x80"},
                    {"series": 'probe_success{target="api"}', "values": "1x19 0x17 1x80"},
                ],
                "promql_expr_test": [
                    {
                        "expr": f"count(count by (service) ({burning}))",
                        "eval_time": "40m",
                        "exp_samples": [{"labels": "{}", "value": 2}],
                    },
                    *(
                        {"expr": f"{burning} unless on (service) {covered}", "eval_time": f"{minute}m"}
                        for minute in range(22, 110)
                    ),
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _expect(
    text: str,
    series: dict[str, str],
    minute: int,
    service: str,
    down: list[str],
    promtool: Path,
    tmp_path: Path,
    covers: str = "symptom",
) -> None:
    """Look who was told of a dependency of the service that is down, with these series at this minute."""
    file = tmp_path / "shop.yml"
    file.write_text(text)
    write(files(catalogue(file)), tmp_path)
    test = {
        "rule_files": ["prometheus/rules/*escalation.yml"],
        "group_eval_order": ["escalation", "alerts-escalation"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'group by (hides) (ALERTS{alertname="DependencyDown", '
                        f'covers="{covers}", service="{service}"}})',
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": f'{{hides="{hides}"}}', "value": 1} for hides in down],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
