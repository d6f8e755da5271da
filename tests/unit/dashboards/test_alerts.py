"""Alerts on the pages: names that a phone shows whole, and lanes that mean the same on every platform."""

import copy
from pathlib import Path

import pytest

from exporter.generate.mixin import tree
from tests.support.dashboards import Json, at_step, dashboards, rules, shown
from tests.support.promtool import evaluate

PHONE = 370
"""Pixels that a table has on a screen of 420."""
LETTER, PADDING = 7.3, 12
"""Pixels of a letter in a table, on average, and around the text of a cell."""

UP = 'up{job="platform-exporter"}'


def _panel(files: Json, view: str, title: str) -> Json:
    (board,) = (board for board in dashboards(files) if board["uid"] == f"demo-{view}")
    (panel,) = (panel for panel in shown(board) if panel["title"] == title)
    return panel


def test_a_phone_shows_the_whole_name_of_an_alert(generated: Json) -> None:
    """ErrorBudgetBurnFast and …Slow differ in their ends; what does not fit comes after, by a swipe."""
    table = _panel(generated, "operations", "What fires now")
    (organize,) = (each["options"] for each in table["transformations"] if each["id"] == "organize")
    headings = sorted(organize["renameByName"], key=lambda name: organize["indexByName"][name])
    widths: dict[str, float] = {}
    for override in table["fieldConfig"]["overrides"]:
        for prop in override["properties"]:
            if prop["id"] in {"custom.width", "custom.minWidth"}:
                widths[override["matcher"]["options"]] = prop["value"]
    name = max((rule["alert"] for rule in rules(generated) if "alert" in rule), key=len)
    assert widths["Alert"] >= LETTER * len(name) + PADDING, name
    before = headings[: headings.index("alertname") + 1]
    assert sum(widths[organize["renameByName"][heading]] for heading in before) <= PHONE


@pytest.mark.parametrize(
    ("service", "wanted"), [("api", {"api": 2, "health.api": 2}), ("health.api", {"health.api": 2})]
)
@pytest.mark.parametrize("view", ["home", "operations", "technical"])
def test_the_lane_of_a_source_turns_with_its_alerts(
    demo: Json, tmp_path: Path, view: str, service: str, wanted: dict[str, int]
) -> None:
    """They carry the name of the service that the source speaks for, where there is one; Fine is never beside them."""
    demo = copy.deepcopy(demo)
    if service == "health.api":
        demo["services"] = []
    (target,) = _panel(tree(demo), view, "State of every part")["targets"]
    alert = f'alertname="HealthUnhealthy", alertstate="firing", service="{service}", source="health.api"'
    up = {
        f'platform_exporter_source_up{{source="{source}"}}': value
        for source, value in (("health.api", "1x9"), ("postgres.main", "1x9"), ("drill", "0x9"))
    }
    evaluate(
        tmp_path,
        {f'ALERTS{{{alert}, severity="critical"}}': "1x9", UP: "1x9", **up},
        at_step(target["expr"], 1, step=60, last=240),
        [
            {"labels": f'{{service="{name}"}}', "value": value}
            for name, value in {**wanted, "postgres.main": 0, "drill": 1}.items()
        ],
        at="9m",
    )


@pytest.mark.parametrize(
    ("view", "title"), [("slo", "Alerts of this service level"), ("service", "Alerts about this service")]
)
def test_an_alert_that_fires_is_seen_at_the_right_edge(
    generated: Json, tmp_path: Path, view: str, title: str
) -> None:
    """However short the last step is, which is drawn up to now; and steps that are past are as they were."""
    panel = _panel(generated, view, title)
    (target,) = panel["targets"]
    step, last = 3600, 7200
    labels = 'severity="critical", slo="api-availability", service="api", alertstate="firing"'
    begun, over = "_x140 1x60", "_x30 1x10 _x100"  # by the minute: in the last step, in the first
    for minutes in (0, 7, 59):
        for alert, points in ((begun, {0: 0, 1: 3, 2: 3}), (over, {0: 3, 1: 0, 2: 0})):
            for point, worst in points.items():
                expr = at_step(target["expr"], point, step=step, last=last, to=last + minutes * 60)
                for variable, value in {"$slo": "api-availability", "$service": "api"}.items():
                    expr = expr.replace(variable, value)
                evaluate(
                    tmp_path,
                    {
                        f'ALERTS{{alertname="Fast", {labels}}}': alert,
                        'slo:events_total:rate5m{slo="api-availability"}': "1x200",
                        'service:requests:rate5m{service="api"}': "1x200",
                    },
                    expr,
                    [{"labels": f'{{alertname="{"Fast" if worst else "No alert"}"}}', "value": worst}],
                    at="3h",  # promtool knows nothing of what is later
                )


@pytest.mark.parametrize(
    ("view", "title", "series", "labels", "fine", "worst"),
    [
        (
            "executive",
            "State of the platform",
            {'health:state:code{target="api"}': "02"},
            '{target="api"}',
            0,
            2,
        ),
        (
            "executive",
            "Incidents by service",
            {
                'ALERTS{alertstate="firing", severity="critical", kind="symptom", service="api"}': "_1",
                'service:requests:rate5m{service="api"}': "55",
            },
            "{}",
            0,
            1,
        ),
        (
            "health",
            "Components",
            {
                'health_check_status{target="api", check="db", status="healthy"}': "10",
                'health_check_status{target="api", check="db", status="unhealthy"}': "01",
            },
            '{target="api", check="db"}',
            0,
            3,
        ),
        (
            "operations",
            "State of every part",
            {'platform_exporter_source_up{source="drill"}': "10", UP: "11"},
            '{service="drill"}',
            0,
            1,
        ),
        ("operations", "Scrapes by Prometheus", {'up{job="node"}': "10"}, '{job="node"}', 1, 0),
        (
            "operations",
            "Sources",
            {'platform_exporter_source_up{source="drill"}': "10", UP: "11"},
            '{source="drill"}',
            1,
            0,
        ),
    ],
)
def test_a_state_that_has_just_turned_worse_is_seen_at_the_right_edge(
    generated: Json,
    tmp_path: Path,
    view: str,
    title: str,
    series: dict[str, str],
    labels: str,
    fine: int,
    worst: int,
) -> None:
    """As alerts are; `series` has what each is while all is well, and while it is not."""
    target = _panel(generated, view, title)["targets"][0]
    begun = {
        name: f"{both[0]}x140 {both[1]}x60" for name, both in series.items()
    }  # in the last of three hours
    over = {name: f"{both[0]}x30 {both[1]}x10 {both[0]}x160" for name, both in series.items()}  # in the first
    for values, states in ((begun, [fine, worst, worst]), (over, [worst, fine, fine])):
        for point, state in enumerate(states):
            expr = at_step(target["expr"], point, step=3600, last=7200, to=7260)
            evaluate(tmp_path, values, expr, [{"labels": labels, "value": state}], at="3h")


@pytest.mark.parametrize(
    ("view", "title", "fine"),
    [
        ("home", "State of every part", {'{service="api"}': 0, '{service="drill"}': 0}),
        ("operations", "Sources", {'{source="drill"}': 1}),
    ],
)
@pytest.mark.parametrize(
    ("up", "drawn"),
    [
        # Gone in the last of three hours: the cards say that nothing is known; what was, stays.
        ("1x140 0x60", [True, False, False]),
        ("1x150 0x10 1x40", [True, True, True]),  # back again
        ("1x59 0x63 1x80", [True, False, True]),  # in the whole of the second
    ],
)
def test_lanes_end_where_the_exporter_does_not_answer(
    generated: Json, tmp_path: Path, view: str, title: str, fine: dict[str, int], up: str, drawn: list[bool]
) -> None:
    """That all is well is nobody's word then, though recorded rates go on for as long as their windows."""
    (target,) = _panel(generated, view, title)["targets"]
    series = {
        UP: up,
        'service:requests:rate5m{service="api"}': "5x200",
        'platform_exporter_source_up{source="drill"}': "1x200",
    }
    for point, known in enumerate(drawn):
        expr = at_step(target["expr"], point, step=3600, last=7200, to=7260)
        samples = [{"labels": labels, "value": value} for labels, value in fine.items() if known]
        evaluate(tmp_path, series, expr, samples, at="3h")


# Two Workers of one source, a quota beside another, and one that stands alone.
_KINDS = {
    'alertname="WorkerErrors", service="cloudflare.workers", script_name="a"': "600x120",
    'alertname="WorkerErrors", service="cloudflare.workers", script_name="b"': "_x119 7080x1",
    'alertname="QuotaHigh", service="platform-exporter", quota="calls"': "0x120",
    'alertname="QuotaHigh", service="platform-exporter", quota="storage"': "0x120",
}
_AGES = {("WorkerErrors", "cloudflare.workers"): 6600, ("QuotaHigh", "quota calls"): 7200}
_AGES |= {("QuotaHigh", "quota storage"): 7200}


def _of_kinds(state: str) -> dict[str, str]:
    series = {'up{job="platform-exporter"}': "1x120"}
    for labels, since in _KINDS.items():
        own = f'{labels}, severity="warning", priority="p3"'
        ones = " ".join("_x119" if part == "_x119" else f"1x{part.split('x')[1]}" for part in since.split())
        series[f'ALERTS{{{own}, alertstate="{state}"}}'] = ones
        series[f"ALERTS_FOR_STATE{{{own}}}"] = since
    return series


@pytest.mark.parametrize(
    ("view", "title", "state"),
    [
        ("operations", "Warnings", "firing"),
        ("home", "Warnings", "firing"),
        ("technical", "Firing alerts", "firing"),
        ("operations", "About to fire", "pending"),
    ],
)
def test_a_card_counts_alerts_as_the_table_has_them(
    generated: Json, tmp_path: Path, view: str, title: str, state: str
) -> None:
    """Of one kind about one thing there is one row, however many of it there are."""
    target = _panel(generated, view, title)["targets"][-1]
    evaluate(tmp_path, _of_kinds(state), target["expr"], [{"labels": "{}", "value": len(_AGES)}], at="2h")


def test_of_several_of_a_kind_the_oldest_says_how_long(generated: Json, tmp_path: Path) -> None:
    (target,) = _panel(generated, "operations", "What fires now")["targets"]
    rows = [
        {"labels": f'{{alertname="{name}", priority="p3", service="{service}"}}', "value": age}
        for (name, service), age in _AGES.items()
    ]
    evaluate(tmp_path, _of_kinds("firing"), target["expr"], rows, at="2h")
