"""Generated only for what the platform has, and changed only by what its file says."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from exporter.generate import alert_settings, catalogue, files, write
from exporter.generate.mixin import alert_rules, folder, tree
from exporter.platform.problems import PlatformError
from tests.support.programs import binary

BARE = "platform: shop\n"
PROBED = """
platform: shop
services:
  web: {title: Web shop, question: "Can customers buy?", signals: {health: web}, objectives: {availability: 99.5%}}
  docs: {title: Documentation, question: "Can customers read?", signals: {health: docs}}
sources:
  health:
    web: {title: Web shop, url: "https://shop.example/health", every: 30s}
    docs: {title: Documentation, url: "https://docs.example/health", every: 1m}
"""
WORKER = """
platform: shop
services:
  api: {title: API, question: "Can customers buy?", signals: {cloudflare_worker: shop-api}}
sources:
  cloudflare: {account: 0123456789abcdef0123456789abcdef, token: "${env:TOKEN}", workers: {scripts: [shop-api]}}
alerting:
  alerts:
"""


def _catalogue(directory: Path, text: str) -> dict[str, Any]:
    file = directory / "shop.yml"
    file.write_text(text)
    return catalogue(file)


def _rules(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Rules by the name of their alert or record."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, content in tree(document).items():
        if path.startswith("prometheus/rules/"):
            for group in content["groups"]:
                for rule in group["rules"]:
                    found.setdefault(rule.get("alert") or rule["record"], []).append(rule)
    return found


def _accepted(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_platform_without_anything_is_watched_for_its_exporter_alone(tmp_path: Path) -> None:
    document = _catalogue(tmp_path, BARE)
    rules = _rules(document)
    assert {rule["labels"]["kind"] for alert in rules.values() for rule in alert} == {"meta"}
    assert "ExporterDown" in rules
    config = tree(document)["alertmanager/alertmanager.yml"]
    assert config["receivers"] == [{"name": "default"}, {"name": "silent"}]  # neither tells anybody
    assert [route["receiver"] for route in config["route"]["routes"]] == ["silent"]


@pytest.mark.parametrize("text", [BARE, PROBED, WORKER.replace("alerting:\n  alerts:\n", "")])
def test_prometheus_and_alertmanager_accept_every_platform(text: str, tmp_path: Path) -> None:
    write(files(_catalogue(tmp_path, text)), tmp_path)
    _accepted(binary("promtool"), "check", "config", tmp_path / "prometheus" / "prometheus.yml")
    _accepted(binary("amtool"), "check-config", tmp_path / "alertmanager" / "alertmanager.yml")


def test_a_service_without_a_worker_is_measured_by_its_health_checks(tmp_path: Path) -> None:
    rules = _rules(_catalogue(tmp_path, PROBED))
    assert rules.keys() >= {
        "HealthUnhealthy",
        "HealthDegraded",
        "SourceStale",
        "ErrorBudgetBurnFast",
        "SliMissing",
    }
    assert rules.keys().isdisjoint({"DatabaseDown", "TrafficStopped", "Watchdog"})
    total = {rule["labels"]["service"]: rule["expr"] for rule in rules["service:requests:rate5m"]}
    assert total["web"] == 'sum(max by (target) (present_over_time(probe_success{target="web"}[5m]))) / 30'
    assert total["docs"].endswith(" / 60")
    assert {rule["labels"]["service"] for rule in rules["HealthUnhealthy"]} == {"web", "docs"}
    assert (
        "of the checks of the last 1h failed" in rules["ErrorBudgetBurnFast"][0]["annotations"]["description"]
    )


def test_checks_per_second_are_failed_checks_in_the_guard(tmp_path: Path) -> None:
    """An hour of 30-second checks, of which the last ten fail: ten bad events, 8.3% of the hour."""
    write(files(_catalogue(tmp_path, PROBED)), tmp_path)
    test = tmp_path / "test.yml"
    test.write_text(
        """
rule_files: [prometheus/rules/slo.yml]
evaluation_interval: 30s
group_eval_order: [slo, slo-long-windows]
tests:
  - interval: 30s
    input_series:
      - {series: 'probe_success{target="web"}', values: 1x109 0x9 1x20}
    promql_expr_test:
      - expr: round(sum_over_time(slo:events_bad:rate5m[1h]) * 30)
        eval_time: 67m
        exp_samples: [{labels: '{slo="web-availability", service="web", sli="availability"}', value: 10}]
      - expr: round(slo:sli_error:ratio_rate1h * 120)
        eval_time: 60m
        exp_samples: [{labels: '{slo="web-availability", service="web", sli="availability"}', value: 10}]
"""
    )
    _accepted(binary("promtool"), "test", "rules", test)


def test_overrides_change_what_they_name(tmp_path: Path) -> None:
    text = WORKER + (
        "    TrafficStopped: {threshold: '0.5', for: 20m, priority: p4}\n    SourceStale: {enabled: false}\n"
    )
    rules = _rules(_catalogue(tmp_path, text))
    assert "SourceStale" not in rules
    [rule] = rules["TrafficStopped"]
    assert rule["for"] == "20m"
    assert "offset 1h) > 0.5\n" in rule["expr"]
    assert (rule["labels"]["priority"], rule["labels"]["severity"]) == ("p4", "info")
    assert rule["annotations"]["threshold"] == "none for 20m, after more than 0.5 requests/s an hour before"


@pytest.mark.parametrize(
    ("alert", "written", "number"),
    [
        ("ErrorRateHigh", "12.5%", "0.125"),
        ("ErrorRateHigh", "'0.2'", "0.2"),
        ("LatencyHigh", "1500ms", "1.5"),
        ("LatencyHigh", "2m", "120"),
        ("TrafficHigh", "300%", "3"),
    ],
)
def test_a_threshold_in_its_unit_reaches_promql_as_a_number(
    alert: str, written: str, number: str, tmp_path: Path
) -> None:
    [rule] = _rules(_catalogue(tmp_path, WORKER + f"    {alert}: {{threshold: {written}}}\n"))[alert]
    assert rule["expr"].count(f"> {number}") == 1


def test_a_size_as_threshold_is_bytes(tmp_path: Path) -> None:
    text = """
platform: shop
sources: {postgres: {main: {dsn: "${env:DATABASE_URL}"}}}
alerting: {alerts: {DatabaseTempSpace: {threshold: 1.5GiB}}}
"""
    [rule] = _rules(_catalogue(tmp_path, text))["DatabaseTempSpace"]
    assert rule["expr"].endswith("> 1610612736")


def test_a_milder_threshold_is_a_second_rule_of_the_same_name(tmp_path: Path) -> None:
    text = WORKER + "    ErrorRateHigh: {threshold: 5%, warn: 1%, priority: p1}\n"
    page, warning = _rules(_catalogue(tmp_path, text))["ErrorRateHigh"]
    assert (page["labels"]["severity"], page["labels"]["priority"]) == ("critical", "p1")
    assert (warning["labels"]["severity"], warning["labels"]["priority"]) == ("warning", "p3")
    assert "> 0.01\n" in warning["expr"]


def test_an_alert_that_is_off_by_default_comes_with_its_first_change(tmp_path: Path) -> None:
    assert "LatencyTailHigh" not in _rules(_catalogue(tmp_path, WORKER + "    LatencyHigh: {for: 1m}\n"))
    assert "LatencyTailHigh" in _rules(
        _catalogue(tmp_path, WORKER + "    LatencyTailHigh: {threshold: 2s}\n")
    )


@pytest.mark.parametrize(
    ("override", "key", "said"),
    [
        ("ErrorRateHigh: {threshold: 500ms}", "ErrorRateHigh.threshold", "not in the unit of ErrorRateHigh"),
        ("LatencyHigh: {threshold: 5%}", "LatencyHigh.threshold", "not in the unit of LatencyHigh"),
        ("ErrorRateHigh: {warn: 1%, priority: p3}", "ErrorRateHigh.warn", "no more urgent than p3"),
        ("TrafficHigh: {priority: p1}", "TrafficHigh.priority", "must page nobody"),
    ],
)
def test_an_override_that_cannot_work_is_refused(override: str, key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=said) as caught:
        _catalogue(tmp_path, WORKER + f"    {override}\n")
    [problem] = caught.value.problems
    assert problem.key == f"alerting.alerts.{key}"
    assert problem.line == 9
    assert problem.remedy


def test_an_override_of_an_unknown_alert_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"alerting\.alerts\.DatabaseDwn") as caught:
        _catalogue(tmp_path, WORKER + "    DatabaseDwn: {for: 5m}\n")
    [problem] = caught.value.problems
    assert problem.line == 9
    assert "`DatabaseDown`" in problem.remedy


def test_a_threshold_that_would_change_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="DatabaseDown has no threshold of its own") as caught:
        _catalogue(tmp_path, WORKER + "    DatabaseDown: {threshold: '5'}\n")
    assert "TrafficStopped" in caught.value.problems[0].remedy


def test_settings_of_all_alerts_are_known_without_a_platform() -> None:
    settings = alert_settings()
    assert settings["DatabaseDown"] == {"for": "1m", "priority": "p1", "kind": "cause"}
    assert settings["TrafficStopped"]["threshold"] == "0.02"


def test_the_mixin_folder_is_whole() -> None:
    assert {"prometheus", "alertmanager", "dashboards"} <= {path.name for path in folder().iterdir()}


def test_services_with_budgets_over_different_periods_make_no_duplicate_rules(tmp_path: Path) -> None:
    text = """
platform: two
sources: {health: {web: {url: "https://web.example/"}, docs: {url: "https://docs.example/"}}}
services:
  web: {title: Web, question: "Does it work?", signals: {health: web}, objectives: {availability: 99.9%, period: 7d}}
  docs: {title: Docs, question: "Does it work?", signals: {health: docs}, objectives: {availability: 99%}}
"""
    file = tmp_path / "platform.yml"
    file.write_text(text)
    write(files(catalogue(file)), tmp_path / "out")
    rules = sorted((tmp_path / "out/prometheus/rules").glob("*.yml"))
    _accepted(binary("promtool"), "check", "rules", "--lint-fatal", *rules)


@pytest.mark.parametrize(
    ("period", "tiers"),
    [
        ("3d", {"fast": "1.44"}),
        ("5d", {"fast": "2.4", "medium": "1"}),
        ("7d", {"fast": "3.36", "medium": "1.4"}),
        ("10d", {"fast": "4.8", "medium": "2", "slow": "1"}),
        ("28d", {"fast": "13.44", "medium": "5.6", "slow": "2.8"}),
        ("30d", {"fast": "14.4", "medium": "6", "slow": "3", "trend": "1"}),
    ],
)
def test_no_burn_alert_fires_while_the_objective_is_kept(
    period: str, tiers: dict[str, str], tmp_path: Path
) -> None:
    """At a factor below 1 errors at that pace leave some of the budget when the period ends."""
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: one\n"
        "sources: {health: {web: {url: 'https://web.example/'}}}\n"
        "services: {web: {title: Web, question: 'Does it work?', signals: {health: web}, "
        f"objectives: {{availability: 99%, period: {period}}}}}}}\n"
    )
    [slo] = catalogue(file)["services"][0]["slos"]
    assert {tier["tier"]: tier["factor"] for tier in slo["tiers"]} == tiers


@pytest.mark.parametrize(
    ("alerts", "left_out"),
    [
        ("{}", {"Medium"}),
        ("{ErrorBudgetBurnMedium: {priority: p3}}", set()),
        ("{ErrorBudgetBurnSlow: {priority: p2}}", {"Medium", "Slow"}),
        ("{ErrorBudgetBurnFast: {priority: p2}}", set()),
        ("{ErrorBudgetBurnMedium: {channels: [team]}}", set()),
        ("{ErrorBudgetBurnFast: {channels: [team]}, ErrorBudgetBurnMedium: {channels: [team]}}", {"Medium"}),
    ],
    ids=["as given", "a ticket", "a page", "told less urgently", "told elsewhere", "both told elsewhere"],
)
def test_pages_leave_out_what_those_who_hear_them_were_told(
    alerts: str, left_out: set[str], tmp_path: Path
) -> None:
    channels = "{team: {slack: {webhook: '${file:url}', channel: '#team'}, priorities: [p1, p2, p3, p4]}}"
    text = f"{PROBED}alerting: {{channels: {channels}, alerts: {alerts}}}\n"
    burns = {
        rule["alert"].removeprefix("ErrorBudgetBurn"): rule["expr"]
        for rule in alert_rules(_catalogue(tmp_path, text))
        if "ErrorBudgetBurn" in rule["alert"]
    }
    assert burns.keys() == {"Fast", "Medium", "Slow", "Trend"}
    assert {
        pace for pace, expr in burns.items() if 'ALERTS{alertname="ErrorBudgetBurnFast"' in expr
    } == left_out
