"""From the demo's platform file to its generated tree: the same bytes each time, quickly, without harm to the folder.

UPDATE_GOLDEN=1 writes tests/golden/demo anew.
"""

import json
import os
from pathlib import Path

import pytest
import yaml

from exporter.generate import catalogue, difference, expired, files, operator_files, write
from exporter.generate.mark import header, is_generated
from exporter.generate.mixin import alert_rules
from exporter.generate.text import json_text, yaml_text
from exporter.platform.problems import PlatformError

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "demo"
DEMO = ROOT / "platforms" / "demo.yml"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("DEMO_", "EXPORTER_", "PROMETHEUS_", "ALERTMANAGER_", "GRAFANA_", "PLATFORM_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def demo() -> dict[str, str]:
    return files(catalogue(DEMO))


def test_the_generated_tree_is_the_golden_one(demo: dict[str, str]) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        write(demo, GOLDEN)
    assert difference(demo, GOLDEN) == [], "mend the Jsonnet, or run with UPDATE_GOLDEN=1 and read the diff"


def test_generating_twice_gives_the_same_bytes(demo: dict[str, str]) -> None:
    assert files(catalogue(DEMO)) == demo


def test_a_change_of_an_alert_that_nothing_feeds_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        'sources: {health: {api: {url: "https://shop.example/health"}}}\n'
        'services: {api: {title: API, question: "Can customers buy?", signals: {health: api}}}\n'
        "alerting:\n"
        "  alerts:\n"
        "    HealthUnhealthy: {for: 1m}\n"
        "    QuotaHigh: {enabled: false}\n"
        "    ErrorRateHigh: {threshold: 10%, priority: p1}\n"
    )
    for generate in files, operator_files:
        with pytest.raises(PlatformError) as caught:
            generate(catalogue(file))
        [problem] = caught.value.problems
        assert (problem.line, problem.key) == (8, "alerting.alerts.ErrorRateHigh")
        assert "has no rule" in problem.message
        assert "docs/runbooks/ErrorRateHigh.md" in problem.remedy


def test_collectors_that_are_off_have_no_alerts(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    text = (
        "platform: shop\n"
        "sources:\n"
        "  postgres:\n"
        '    main: {dsn: "${env:DATABASE_URL}", collectors: {OFF}}\n'
        '    other: {dsn: "${env:OTHER_URL}"}\n'
    )
    off = "statements: {enabled: false}, sequences: {enabled: false}"
    read = ("DatabaseStatementsSlow", "DatabaseSequenceExhausted")

    def watched(collectors: str) -> set[tuple[str, str]]:
        file.write_text(text.replace("OFF", collectors))
        rules = alert_rules(catalogue(file))
        return {(rule["alert"], rule["labels"]["service"]) for rule in rules}

    before = watched("")
    gone = before - watched(off)
    assert {(alert, "postgres.main") for alert in read} <= gone <= before
    assert not any(service == "postgres.other" for _, service in gone)
    assert ("DatabaseDown", "postgres.main") not in gone

    file.write_text(
        text.replace("OFF", off).partition("    other")[0]
        + "alerting: {alerts: {DatabaseSequenceExhausted: {threshold: 80%, warn: 70%}}}\n"
    )
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (5, "alerting.alerts.DatabaseSequenceExhausted")
    assert "sources.postgres.main.collectors.sequences is off, so it has no rule" in problem.message
    assert "switch the collector on again" in problem.remedy


@pytest.mark.parametrize(
    ("issue", "label", "remedy"),
    [
        ("alert: DatabaseDown, labels: {service: postgres.mian}", "service", "Did you mean `postgres.main`?"),
        ("labels: {service: postgres.mian}", "service", "Did you mean `postgres.main`?"),
        ("alert: DatabaseDown, labels: {severity: critcal}", "severity", "Did you mean `critical`?"),
        ("alert: DatabaseDown, labels: {priority: p4}", "priority", "Known here: `p1`."),
        ("alert: DatabaseDown, labels: {service: web}", "service", "Known here: `postgres.main`."),
        ("labels: {environment: staging}", "environment", "Known here: `production`."),
        ("labels: {alertname: DatabaseDwn}", "alertname", "Did you mean `DatabaseDown`?"),
        (
            "alert: DatabaseDown, labels: {alertname: DatabaseDwn}",
            "alertname",
            "Did you mean `DatabaseDown`?",
        ),
        ("labels: {source: postgres.mian}", "source", "Did you mean `postgres.main`?"),
        ("alert: DatabaseDown, labels: {target: mian}", "target", "Did you mean `main`?"),
        ("labels: {alertname: DatabaseDown, kind: capacity}", "", "Take one of them out."),
        (
            "alert: DatabaseConnectionsHigh, labels: {severity: warning, priority: p2}",
            "",
            "Take one of them out.",
        ),
    ],
)
def test_a_known_issue_by_a_value_that_its_alert_never_has_is_refused(
    issue: str, label: str, remedy: str, tmp_path: Path
) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        'sources: {postgres: {main: {dsn: "${env:DATABASE_URL}"}}}\n'
        "services: {web: {title: Web, question: Up, signals: {postgres: main}}}\n"
        "alerting:\n"
        "  known_issues:\n"
        "    - {alert: DatabaseDown, labels: {service: postgres.main}, ticket: OPS-1, expires: 2036-01-01}\n"
        "    - {labels: {service: written-by-hand}, ticket: OPS-1, expires: 2036-01-01}\n"
        f"    - {{{issue}, ticket: OPS-2, expires: 2036-01-01}}\n"
    )
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (8, f"alerting.known_issues.2.labels.{label}".rstrip("."))
    assert problem.message.endswith("so nothing would be silent")
    assert problem.remedy == remedy


@pytest.mark.parametrize(
    ("alerting", "key"),
    [
        ("known_issues: [{alert: Watchdog, ticket: OPS-1, expires: 2036-01-01}]", "known_issues.0.alert"),
        ("channels: {team: {CHANNEL, only: {servce: web}}}", "channels.team.only.servce"),
        ("channels: {team: {CHANNEL, only: {audiance: business}}}", "channels.team.only.audiance"),
    ],
)
def test_what_would_silence_or_tell_nothing_is_refused(alerting: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    channel = 'slack: {webhook: "${file:slack}", channel: "#t"}, priorities: [p1]'
    file.write_text(f"platform: shop\nalerting:\n  {alerting.replace('CHANNEL', channel)}\n")
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [(3, f"alerting.{key}")]


def test_a_known_issue_by_a_label_that_no_alert_has_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        'sources: {postgres: {main: {dsn: "${env:DATABASE_URL}"}}, health: {web: {url: "https://shop.example"}}}\n'
        "services: {web: {title: W, question: Up, signals: {health: web}, depends_on: [postgres.main]}}\n"
        "alerting:\n"
        "  known_issues:\n"
        "    - {alert: DatabaseDown, labels: {servce: postgres.main}, ticket: OPS-1, expires: 2036-01-01}\n"
        "    - {labels: {prioritty: p3}, ticket: OPS-2, expires: 2036-01-01}\n"
        "    - {alert: DatabaseDown, labels: {zzz: a}, ticket: OPS-3, expires: 2036-01-01}\n"
        "    - {labels: {written_by_hand: a}, ticket: OPS-4, expires: 2036-01-01}\n"
        "    - {alert: DatabaseSlotUnsafe, labels: {slot_name: a}, ticket: OPS-5, expires: 2036-01-01}\n"
        "    - {alert: DiskFull, labels: {mountpoint: /, environment: b}, ticket: OPS-6, expires: 2036-01-01}\n"
    )
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (6, "alerting.known_issues.0.labels.servce"),
        (7, "alerting.known_issues.1.labels.prioritty"),
        (8, "alerting.known_issues.2.labels.zzz"),
    ]
    first, second, third = caught.value.problems
    assert first.message == "DatabaseDown never has a label `servce`, so nothing would be silent"
    assert first.remedy == "Did you mean `service`?"
    assert second.message == "no alert has a label `prioritty`, so nothing would be silent"
    assert third.remedy.startswith("Known here: ")


def test_a_channel_for_an_alert_that_is_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        "alerting:\n"
        "  channels:\n"
        '    team: {slack: {webhook: "${file:slack_webhook}", channel: "#team"}, priorities: [p1, p2, p3, p4]}\n'
        "    phone:\n"
        '      sms: {numbers: ["+15550100123"], region: eu-west-1}\n'
        "      priorities: [p1]\n"
        "      alerts: [PageUndelivered]\n"
    )
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (8, "alerting.channels.phone.alerts")
    assert "PageUndelivered has no rule here" in problem.message
    file.write_text(file.read_text() + "  alerts: {PageUndelivered: {priority: p1}}\n")
    files(catalogue(file))


def test_known_issues_that_have_ended_are_named(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        'sources: {health: {api: {url: "https://shop.example/health"}}}\n'
        "alerting:\n"
        "  known_issues:\n"
        "    - {alert: HealthUnhealthy, ticket: OPS-1, expires: 2020-02-01}\n"
        "    - {alert: HealthDegraded, ticket: OPS-2, expires: 2020-03-01}\n"
    )
    document = catalogue(file)
    [problem] = expired(document, now=1581000000)
    assert (problem.line, problem.key) == (5, "alerting.known_issues.0")
    assert "OPS-1 was known until 2020-02-01 00:00 UTC" in problem.message
    assert len(expired(document, now=1590000000)) == 2


def test_every_text_file_says_where_it_comes_from(demo: dict[str, str]) -> None:
    assert all(is_generated(text) for text in demo.values())
    assert demo["prometheus/prometheus.yml"].splitlines()[0] == (
        "# Code generated by platform-exporter from platforms/demo.yml; DO NOT EDIT."
    )


def test_numbers_reach_the_rules_without_float_noise(demo: dict[str, str]) -> None:
    assert "vector(0.001)" in demo["prometheus/rules/slo.yml"]
    assert "000000" not in demo["prometheus/rules/slo.yml"] + demo["prometheus/rules/alerts-slo.yml"]


def test_secrets_are_named_by_their_file_only(demo: dict[str, str]) -> None:
    config = demo["alertmanager/alertmanager.yml"]
    assert "routing_key_file: " in config
    assert "api_url_file: " in config
    assert "routing_key: " not in config
    assert "api_url: https" not in config


def test_platform_and_environment_are_on_every_target_and_every_alert(demo: dict[str, str]) -> None:
    config = yaml.safe_load(demo["prometheus/prometheus.yml"])
    place = {"platform": "demo", "environment": "demo"}
    assert config["global"]["external_labels"] == place
    jobs = {job["job_name"]: job["static_configs"] for job in config["scrape_configs"]}
    assert jobs.keys() == {"platform-exporter", "prometheus", "alertmanager"}
    assert all(target["labels"] == place for targets in jobs.values() for target in targets)


def test_writing_changes_only_what_differs(demo: dict[str, str], tmp_path: Path) -> None:
    assert write(demo, tmp_path) == sorted(demo)
    assert write(demo, tmp_path) == []
    rules = tmp_path / "prometheus" / "rules" / "slo.yml"
    rules.write_text(rules.read_text() + "# by hand\n")
    before = (tmp_path / "prometheus" / "prometheus.yml").stat().st_mtime_ns
    assert write(demo, tmp_path) == ["prometheus/rules/slo.yml"]
    assert (tmp_path / "prometheus" / "prometheus.yml").stat().st_mtime_ns == before
    assert not list(tmp_path.rglob("*.new"))


def test_check_says_what_is_missing_changed_and_left_over(demo: dict[str, str], tmp_path: Path) -> None:
    write(demo, tmp_path)
    (tmp_path / "prometheus/rules/slo.yml").unlink()
    config = tmp_path / "prometheus/prometheus.yml"
    config.write_text(config.read_text().replace("scrape_interval: 5s", "scrape_interval: 1m"))
    (tmp_path / "prometheus/rules/alerts-old.yml").write_text(f"# {header('demo')}\ngroups: []\n")
    missing, changed, old = sorted(difference(demo, tmp_path), key=len)
    assert missing == "prometheus/rules/slo.yml is missing."
    assert changed.startswith("prometheus/rules/alerts-old.yml is left over")
    assert "it has `scrape_interval: 1m`, and should have `scrape_interval: 5s`" in old


def test_what_a_former_run_wrote_goes_and_what_a_person_wrote_stays(
    demo: dict[str, str], tmp_path: Path
) -> None:
    write(demo, tmp_path)
    own = {
        "prometheus/rules/own.yml": "groups: []\n",
        "dashboards/Technical/own.json": '{"title": "Mine", "tags": ["team"]}',
        "dashboards/Technical/broken.json": "{",
        "notes.txt": f"# {header('demo')}\n",
    }
    former = {
        "prometheus/rules/alerts-gone.yml": f"# {header('demo')}\ngroups: []\n",
        "dashboards/Technical/gone.json": '{"title": "Gone", "tags": ["platform-exporter"]}',
    }
    for path, text in {**own, **former}.items():
        (tmp_path / path).write_text(text)
    assert write(demo, tmp_path) == sorted(former)
    assert {path: (tmp_path / path).read_text() for path in own} == own


def test_a_file_that_a_person_wrote_is_not_overwritten(demo: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "prometheus" / "prometheus.yml"
    config.parent.mkdir()
    config.write_text("global: {}\n")
    with pytest.raises(PlatformError, match=r"prometheus\.yml: this file was not generated"):
        write(demo, tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["prometheus.yml"]
    assert config.read_text() == "global: {}\n"


def test_yaml_and_json_say_what_the_documents_say(demo: dict[str, str]) -> None:
    document = {
        "name": "no",
        "long": "Words that go on for more than one line, because somebody had a lot to say: " * 3 + "end",
        "lines": "a\n  or\nb\n",
        "spaced": "  leading and trailing  ",
        "list": [{"expr": "a > 1", "labels": {}}, "1.0", None, True],
    }
    text = yaml_text(document, "header")
    assert yaml.safe_load(text) == document
    assert text.startswith("# header\nname: ")
    assert "  - expr: a > 1\n" in text, "items are indented under their key"
    assert json.loads(json_text(document)) == document
    assert json_text(document).endswith("}\n")


@pytest.mark.parametrize(
    ("channel", "key", "told"),
    [
        (
            "priorities: [p1], alerts: [ErrorBudgetBurnTrend]",
            "alerts",
            "never p1 here, which is all that phone",
        ),
        (
            "priorities: [p2], alerts: [ErrorBudgetBurnFast]",
            "alerts",
            "never p2 here, which is all that phone",
        ),
        ("priorities: [p4], alerts: [KnownIssue]", "alerts", "never comes this way"),
        ("priorities: [p4], alerts: [DependencyDown]", "alerts", "never comes this way"),
        ("priorities: [p4], alerts: [Watchdog]", "alerts", "goes to the heartbeat alone"),
        ("priorities: [p4], alerts: [Watchdog]", "alerts", "Watchdog has no rule here"),
        ("priorities: [p1], only: {service: apii}", "only.service", "Did you mean `api`?"),
        ("priorities: [p1], only: {audience: busines}", "only.audience", "Did you mean `business`?"),
        ("priorities: [p1], only: {environment: staging}", "only.environment", "Known here: `production`"),
        ("priorities: [p1], only: {service: api}, alerts: [DatabaseDown]", "alerts", "labels in `only`"),
        ("priorities: [p1], only: {priority: p2}", "only.priority", "phone takes p1 alone"),
        (
            "priorities: [p1, p4], only: {alertname: DatabaseDown, priority: p4}",
            "only",
            "has priority `p4` and",
        ),
        ("priorities: [p1], only: {alertname: DatabaseDown, service: api}", "only", "Take one of them out."),
        (
            "priorities: [p1], only: {alertname: SliMissing}",
            "only",
            "`p1` and alertname `SliMissing` together",
        ),
        ("priorities: [p1], only: {alertname: ByHand, service: api}", "", ""),
        ("priorities: [p1], only: {service: api, sli: availability}", "", ""),
        ("priorities: [p1], only: {priority: p1}", "", ""),
        ("priorities: [p1], only: {audiance: business}", "only.audiance", "Did you mean `audience`?"),
        ("priorities: [p1], only: {alertname: ByHand}", "", ""),
        ("priorities: [p1], only: {audience: business}", "", ""),
        ("priorities: [p1], only: {team: mine}", "", ""),
        ("priorities: [p1], only: {service: billing}", "", ""),
        ("priorities: [p1], only: {service: postgres.main}, alerts: [DatabaseDown]", "", ""),
        ("priorities: [p2], only: {check: redis}, alerts: [HealthCheckUnhealthy]", "", ""),
    ],
)
def test_a_channel_that_could_never_hear_anything_is_refused(
    channel: str, key: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: shop\n"
        "sources:\n"
        '  postgres: {main: {dsn: "${env:DATABASE_URL}"}}\n'
        '  health: {api: {url: "https://shop.example/health"}}\n'
        "services:\n"
        "  api: {title: API, question: Open, signals: {health: api}, objectives: {availability: 99%},"
        " depends_on: [postgres.main]}\n"
        "alerting:\n"
        "  known_issues: [{alert: DatabaseDown, ticket: OPS-1, expires: 2036-01-01}]\n"
        "  channels:\n"
        f'    phone: {{slack: {{webhook: "${{file:slack}}", channel: "#x"}}, {channel}}}\n'
        + ('  heartbeat: {url: "https://beats.example/x"}\n' if "heartbeat" in told else "")
    )
    if not key:
        files(catalogue(file))
        return
    with pytest.raises(PlatformError) as caught:
        files(catalogue(file))
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (10, f"alerting.channels.phone.{key}")
    assert told in f"{problem.message} {problem.remedy}"
