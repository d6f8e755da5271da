"""`platform-exporter routes`: the table for people, as JSON, and where certain labels go."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.generate import catalogue
from exporter.generate.matcher import Matcher
from exporter.generate.mixin import tree as documents
from exporter.routes import rows, show
from exporter.routes_asked import Ambiguous, Asked

WHOLE = Path(__file__).parents[1] / "support" / "whole.yml"
COMMAND = Path(sys.executable).with_name("platform-exporter")


@pytest.fixture(scope="module")
def asked() -> Asked:
    found = catalogue(WHOLE)
    return Asked(found, documents(found))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "routes", *words], capture_output=True, text=True, timeout=300)


def test_the_table_says_who_is_told_of_what() -> None:
    done = run("-p", str(WHOLE))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: " ".join(line.split()) for line in done.stdout.splitlines() if line.strip()}
    assert lines["DatabaseDown"] == (
        "DatabaseDown Critical postgres.main pager, critical, engineering, oncall-phone 30m – "
        "5m: critical; 15m: lead; 30m: management"
    )
    assert lines["Watchdog"] == "Watchdog Low prometheus heartbeat – – –"


def test_on_a_narrow_screen_no_name_is_cut() -> None:
    found = catalogue(WHOLE)
    table = rows(found, documents(found))
    for width in (40, 80, 120):
        text = show(table, width)
        if width >= 80:
            assert max(map(len, text.splitlines())) <= width
        words = set(text.replace(",", " ").replace(";", " ").split())
        assert {row.alert for row in table} <= words
        assert {name for row in table for name in (*row.receivers, *row.mutes)} <= words
    assert show(table, 1000) == show(table, None)
    assert (
        "DatabaseDown\n"
        "  Priority       Critical\n"
        "  Of             postgres.main\n"
        "  Told to        pager, critical, engineering, oncall-phone\n"
        "  Again after    30m\n"
        "  Escalation     5m: critical; 15m: lead; 30m: management\n"
    ) in show(table, 80)


def test_the_table_as_json() -> None:
    done = run("-p", str(WHOLE), "--json")
    [row] = [row for row in json.loads(done.stdout) if row["alert"] == "ExporterDown"]
    assert row["receivers"] == ["high", "engineering"]
    assert row["mutes"] == [], "it watches the product, and is not worked on"
    assert row["escalation"] == [["15m", ["lead"]]]


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["priority=p1"], "pager,critical,engineering,oncall-phone"),
        (["priority=p2", "audience=business"], "high,engineering,support"),
        (["priority=p3", "alertname=SourceStale"], "medium"),
        (["escalation=15m", "priority=p2"], "lead"),
        (["severity=critical"], "default"),
    ],
)
def test_labels_lead_to_receivers(labels: list[str], receivers: str) -> None:
    assert run("test", "-p", str(WHOLE), *labels).stdout == f"{receivers}\n"


@pytest.mark.parametrize(
    ("labels", "receivers", "remark"),
    [
        (
            ["alertname=DatabaseDown"],
            "pager,critical,engineering,oncall-phone",
            "Assumed: environment=test kind=cause platform=whole priority=p1 service=postgres.main severity=critical",
        ),
        (["severity=critical"], "default", "Assumed: no priority, as an alert of a rule written by hand."),
        (["priority=p9"], "default", "No alert has priority=p9. Known here: `p1`, `p2`, `p3`, `p4`."),
        (["priority=p1", "escalation=7m"], "default", "No alert has escalation=7m."),
        (
            ["priority=p1", "service=webb"],
            "pager,critical,engineering,oncall-phone",
            "No alert has service=webb. Did you mean `web`?",
        ),
        (
            ["priority=p3", "kind=cuase"],
            "medium,engineering",
            "No alert has kind=cuase. Did you mean `cause`?",
        ),
        (["priority=p1", "sevice=api"], "pager,critical,engineering,oncall-phone", "Did you mean `service`?"),
        (["alertname=DatabaseDwon"], "default", "Did you mean `DatabaseDown`?"),
        (["alertname=KnownIssue"], "silent", ""),
        (["alertname=Drill", "priority=p1", "kind=drill"], "pager,critical,engineering,oncall-phone", ""),
    ],
)
def test_what_no_alert_has_and_what_was_assumed_is_told(
    labels: list[str], receivers: str, remark: str, asked: Asked
) -> None:
    found, remarks = asked.receivers(dict(label.split("=") for label in labels))
    assert ",".join(found) == receivers
    assert remark in "\n".join(remarks)
    assert remark or not any(said.startswith("No alert") for said in remarks)


def test_an_alert_that_goes_several_ways_is_asked_for(asked: Asked) -> None:
    with pytest.raises(Ambiguous, match="priority p2 or p3"):
        asked.receivers({"alertname": "DatabaseConnectionsHigh"})
    found, _ = asked.receivers({"alertname": "DatabaseConnectionsHigh", "priority": "p3"})
    assert found == ["medium", "engineering"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["alertname=DatabaseDown", "service=api"],
            "There is no DatabaseDown with service=api. Known here: `postgres.main`.",
        ),
        (
            ["alertname=DatabaseConnectionsHigh", "priority=p3", "severity=critical"],
            "There is no DatabaseConnectionsHigh with all of priority=p3 severity=critical.",
        ),
    ],
)
def test_an_alert_that_something_does_not_have_goes_nowhere(labels: list[str], message: str) -> None:
    done = run("test", "-p", str(WHOLE), *labels)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


def test_an_alert_that_this_platform_does_not_have_goes_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "platform.yml"
    file.write_text("platform: shop\n")
    done = run("test", "-p", str(file), "alertname=NodeDown")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NodeDown is not on this platform")
    assert "Did you mean" not in done.stderr


def test_a_check_that_is_set_apart_goes_its_own_way(tmp_path: Path) -> None:
    file = tmp_path / "whole.yml"
    own = "    HealthCheckUnhealthy: {priority: p3, checks: {database: {priority: p2}}}\n"
    file.write_text(f"{WHOLE.read_text()}{own}")
    found = catalogue(file)
    asked = Asked(found, documents(found))
    for check, receivers in (("database", ["high", "engineering"]), ("cache", ["medium", "engineering"])):
        labels = {"alertname": "HealthCheckUnhealthy", "service": "web", "check": check}
        told, remarks = asked.receivers(labels)
        assert told == receivers
        assert not any(said.startswith("No alert") for said in remarks)


def test_remarks_do_not_mix_with_the_answer() -> None:
    done = run("test", "-p", str(WHOLE), "priority=p9")
    assert (done.returncode, done.stdout) == (0, "default\n")
    assert "No alert has priority=p9" in done.stderr
    done = run("test", "-p", str(WHOLE), "alertname=DatabaseConnectionsHigh")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Name what you mean." in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the platform file with -p FILE"),
        (["test", "-p", str(WHOLE), "p1"], "'p1' is no label"),
        (["-p", "nothing.yml"], "No such file"),
    ],
)
def test_mistakes_are_told(words: list[str], message: str) -> None:
    done = run(*words)
    assert (done.returncode, message in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("matcher", "value", "holds"),
    [
        ('a = "x"', "x", True),
        ('a = "x"', "xy", False),
        ('a != "x"', "", True),
        ('a =~ "x|y"', "y", True),
        ('a =~ "x|y"', "xy", False),
        ('a !~ "x|y"', "x", False),
        ('a =~ "postgres\\\\.main"', "postgres.main", True),
        ('a =~ "postgres\\\\.main"', "postgresqmain", False),
    ],
)
def test_matchers_are_anchored(matcher: str, value: str, holds: bool) -> None:
    assert Matcher.parse(matcher).holds({"a": value}) is holds


def test_a_matcher_that_nobody_generates() -> None:
    with pytest.raises(ValueError, match="is no matcher"):
        Matcher.parse("a=b")


def test_work_on_the_product_mutes_neither_p1_nor_what_watches_it(tmp_path: Path) -> None:
    muted = _muted(tmp_path, "")
    assert muted["CpuHigh", "p2"] == {True}
    assert muted["ErrorBudgetBurnSlow", "p3"] == {True}
    assert muted["AlertmanagerDown", "p2"] == {False}
    assert muted["NotificationsFailing", "p2"] == {False}
    assert not any(True in silent for (_, priority), silent in muted.items() if priority == "p1")


@pytest.mark.parametrize(
    ("mutes", "silent", "told"),
    [
        (
            "[performance, capacity]",  # as the document of CloudGreet says
            {
                *(("LatencyMeanHigh", "p2"), ("HealthCheckSlow", "p3"), ("DatabaseLatencyHigh", "p2")),
                *(("MemoryHigh", "p2"), ("DiskFull", "p3")),
            },
            {
                *(
                    ("HealthUnhealthy", "p1"),
                    ("HealthCheckUnhealthy", "p2"),
                    ("DatabaseArchivingFails", "p2"),
                ),
                *(("SliMissing", "p3"), ("DrillFailed", "p2")),
            },
        ),
        (
            "[cause, symptom]",
            {("HealthCheckUnhealthy", "p2"), ("DatabaseArchivingFails", "p2")},
            {("LatencyMeanHigh", "p2"), ("DatabaseStatementSlow", "p4"), ("MemoryHigh", "p2")},
        ),
    ],
)
def test_a_window_mutes_the_kinds_that_it_names(
    mutes: str, silent: set[tuple[str, str]], told: set[tuple[str, str]], tmp_path: Path
) -> None:
    muted = _muted(tmp_path, mutes)
    assert {row for row in silent | told if True in muted[row]} == silent
    assert muted["ErrorBudgetBurnFast", "p3"] == {"performance" in mutes}, "that of the latency"
    assert muted["ErrorBudgetBurnFast", "p2"] == {"symptom" in mutes}, "that of the errors"
    assert muted["ErrorBudgetBurnSlow", "p3"] == {True, False}


def _muted(folder: Path, mutes: str) -> dict[tuple[str, str], set[bool]]:
    """Return alert and priority → whether CloudGreet's window mutes it, if it mutes these kinds (all when empty)."""
    text = Path("platforms/cloudgreet.yml").read_text()
    own = "      mutes: [performance, capacity]\n"
    assert own in text
    file = folder / "cloudgreet.yml"
    file.write_text(text.replace(own, f"      mutes: {mutes}\n" if mutes else ""))
    platform = catalogue(file)
    found: dict[tuple[str, str], set[bool]] = {}
    for row in rows(platform, documents(platform)):
        found.setdefault((row.alert, row.priority), set()).add(bool(row.mutes))
    return found
