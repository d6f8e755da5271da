"""What everyone reads: it is of now, of customers, and said only while somebody looks."""

import copy
import re
from pathlib import Path
from textwrap import wrap

import pytest

from exporter.generate.mixin import tree
from exporter.platform.values import Duration
from tests.support.dashboards import Json, at_step, dashboards, panels, rules, shown
from tests.support.promtool import evaluate

ANSWERS = ' and on () (max(up{job="platform-exporter"}) == 1)'


@pytest.fixture(scope="module")
def page(generated: Json) -> Json:
    """The executive page of the demo."""
    (board,) = (board for board in dashboards(generated) if board["uid"] == "demo-executive")
    return board


@pytest.fixture(scope="module")
def executive(page: Json) -> dict[str, Json]:
    """Its panels, by title."""
    return {panel["title"]: panel for panel in shown(page)}


def _expressions(panel: Json) -> str:
    return "\n".join(target["expr"] for target in panel["targets"])


def test_headlines_are_of_now_and_compared_with_the_begin_of_the_page(executive: dict[str, Json]) -> None:
    customers = executive["Customers"]
    assert all(target["instant"] for target in customers["targets"])
    now, *changes = (target["expr"] for target in customers["targets"])
    assert "offset" not in now
    assert len(changes) == 3
    assert all("offset $__range" in change for change in changes)


# What is recorded goes on for as long as its window after the last answer, or a little longer.
LASTING = re.compile(r"rate5m|\brate\(|current_burn_rate|latency_seconds:|kpi_(value|met)")
OF_A_PERIOD = re.compile(r"\[\$__range|\[\d+d\b")


def test_a_number_of_now_is_no_answer_once_the_exporter_is_gone(boards: list[Json]) -> None:
    found = 0
    for board in boards:
        for panel in shown(board):
            if panel["type"] != "stat":
                continue
            for target in panel["targets"]:
                expr = target["expr"].removesuffix(" or vector(NaN)").removesuffix(")") + ")"
                if "ALERTS" in expr:  # which end by themselves
                    continue
                if LASTING.search(expr) and not OF_A_PERIOD.search(expr) and "pg_up" not in expr:
                    # Of a line the last point alone is of now; each of its points asks the same.
                    assert re.search(re.escape(ANSWERS) + r"\)*$", expr) or "pg_stat" in expr, panel["title"]
                    assert panel["fieldConfig"]["defaults"]["noValue"].startswith(("not ", "no ")), panel[
                        "title"
                    ]
                    found += 1
    assert found or all(not board["uid"].endswith("-service") for board in boards)


def test_the_first_question_is_answered_of_now(demo: Json) -> None:
    """In a fault within the first minute, and with Yes within a minute after it."""
    for view in ("executive", "home"):
        (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == f"demo-{view}")
        question = next(panel for panel in shown(board) if panel["title"] == "Can customers place calls?")
        (target,) = question["targets"]
        assert set(re.findall(r"rate\([^\[]*\[(\w+)\]", target["expr"])) == {"60s"}
        # The five minutes only make it milder, where a single failure says nothing.
        assert re.search(
            r"60 \* \(.*\) >= 5\) or on \(\) min\(.* or service:error_ratio:rate5m", target["expr"]
        )
        assert "in the last 60 s." in question["description"]


@pytest.mark.parametrize(("every", "window"), [("5", 60), ("60", 120), ("90", 180), ("300", 300)])
def test_how_far_the_first_question_looks_back_goes_by_its_source(
    demo: Json, every: str, window: int
) -> None:
    """Two values at least; a source that is slower than the recorded five minutes has these."""
    demo = copy.deepcopy(demo)
    for source in demo["sources"]:
        if source["kind"] == "cloudflare_workers":
            source["every_seconds"] = every
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-executive")
    question = next(panel for panel in shown(board) if panel["title"] == "Can customers place calls?")
    expr = question["targets"][0]["expr"]
    assert (f"[{window}s]" in expr) == (window < 300)
    assert ("[" in expr) == (window < 300)
    assert "service:error_ratio:rate5m" in expr


def test_a_key_figure_is_none_while_what_it_is_made_of_is_gone(executive: dict[str, Json]) -> None:
    """Its window remembers a database that no longer answers."""
    for target in executive["Call completion"]["targets"]:
        assert "and on () count(business_calls_total)" in target["expr"]


FELT = {'kind="symptom"', 'alertname="DatabaseDown"'}


def _kinds(panel: Json) -> set[str]:
    """What the alerts that a panel asks for are, whichever service they are about."""
    alerts = re.findall(r"ALERTS\{([^}]*)\}", _expressions(panel))
    assert all('severity="critical"' in matchers for matchers in alerts)
    return {found for one in alerts for found in re.findall(r'(?:kind|alertname)!?="\w+"', one)} - {
        'alertname!="Unresolved"'
    }


@pytest.mark.parametrize(
    ("without", "kinds"),
    [([], FELT), (["services"], FELT), (["health"], FELT), (["services", "health"], {'kind!="meta"'})],
)
def test_an_incident_is_the_same_everywhere(demo: Json, without: list[str], kinds: set[str]) -> None:
    """The number of now, the list, the lanes and the minutes of the week never contradict each other."""
    demo = copy.deepcopy(demo)
    if "services" in without:
        demo["services"] = []
    if "health" in without:
        demo["sources"] = [source for source in demo["sources"] if source["kind"] != "health"]
        for service in demo["services"]:
            service["signals"] = [signal for signal in service["signals"] if signal["kind"] != "health"]
    (board,) = (board for board in dashboards(tree(demo)) if board["uid"] == "demo-executive")
    found = {panel["title"]: _kinds(panel) for panel in shown(board) if "ALERTS" in _expressions(panel)}
    titles = {"Open incidents", "Incidents in this period", "Incidents by service", "This week in numbers"}
    assert found == dict.fromkeys(titles, kinds)


LOCKED = 'alertname="DatabaseBlocked", kind="cause", service="postgres.main", source="postgres.main"'
DOWN = 'alertname="DatabaseDown", kind="cause", service="postgres.main", source="postgres.main"'
FAILING = 'alertname="ErrorRateHigh", kind="symptom", service="api"'
BURNING = 'alertname="ErrorBudgetBurnMedium", kind="symptom", service="api", slo="api-availability", slo_tier="medium"'
PACE = 'slo:current_burn_rate:ratio{slo="api-availability"}'


@pytest.mark.parametrize(
    ("alerts", "pace", "count", "listed", "lanes"),
    [
        ([], 0.2, 0, [], [0, 0]),
        ([LOCKED], 0.2, 0, [], [0, 0]),  # whom it keeps waiting nobody knows
        ([DOWN], 0.2, 1, [("DatabaseDown", "postgres.main")], [0, 1]),
        ([LOCKED, FAILING], 0.2, 1, [("ErrorRateHigh", "api")], [1, 0]),
        ([BURNING], 1.1, 1, [("ErrorBudgetBurnMedium", "api")], [1, 0]),
        ([BURNING], 1, 0, [], [0, 0]),  # its windows remember what is over
        ([BURNING], None, 0, [], [0, 0]),
        (
            [DOWN, FAILING],
            0.2,
            1,
            [("DatabaseDown", "postgres.main"), ("ErrorRateHigh", "api")],
            [1, 1],
        ),
    ],
)
def test_the_number_the_list_the_lanes_and_the_marks_of_incidents_agree(
    page: Json,
    executive: dict[str, Json],
    tmp_path: Path,
    alerts: list[str],
    pace: float | None,
    count: int,
    listed: list[tuple[str, str]],
    lanes: list[int],
) -> None:
    series = {f'ALERTS{{{alert}, alertstate="firing", severity="critical"}}': "1x60" for alert in alerts}
    series |= {UP: "1x60", 'pg_up{target="main"}': "1x60", 'service:requests:rate5m{service="api"}': "1x60"}
    if pace is not None:
        series[PACE] = f"{pace}x60"
    (number,) = executive["Open incidents"]["targets"]
    evaluate(tmp_path, series, number["expr"], [{"labels": "{}", "value": count}], at="5m")
    now, *_ = executive["Incidents in this period"]["targets"]
    samples = [{"labels": f'{{alertname="{alert}", service="{who}"}}', "value": 1} for alert, who in listed]
    evaluate(tmp_path, series, now["expr"], samples, at="5m")
    for target, state in zip(executive["Incidents by service"]["targets"], lanes, strict=True):
        expr = at_step(target["expr"], 4, step=60, last=300)
        evaluate(tmp_path, series, expr, [{"labels": "{}", "value": state}], at="30m")
    (mark,) = (each["expr"] for each in page["annotations"]["list"] if each["name"] == "Firing alerts")
    marked = at_step(f"count({mark})", 4, step=60, last=300)
    evaluate(tmp_path, series, marked, [{"labels": "{}", "value": 1}] if listed else [], at="30m")


# One fault began after a minute and ended after three, another began after ten; six values a minute.
OVER = '{alertname="DatabaseDown", alertstate="firing", kind="cause", service="db", severity="critical", slo="%s"}'
NEW = '{alertname="HealthUnhealthy", alertstate="firing", kind="symptom", service="api", severity="critical"}'
UP = 'up{job="platform-exporter"}'
NONE = '{service="No incident"}'


@pytest.mark.parametrize(
    ("window", "at", "minutes", "ago", "open_for"),
    [
        # Two series of one alert are one incident; its last sample is of 2:50.
        ("10m", "9m", {"db": 2}, {"db": 420}, {}),
        ("1d", "9m", {"db": 2}, {"db": 420}, {}),
        ("5m", "9m", {"none": 0}, {}, {}),
        ("2m", "10m30s", {"api": 0.5}, {"api": 0}, {"api": 0}),
        ("2m", "12m", {"api": 2}, {"api": 0}, {"api": 2}),
        ("12m", "12m", {"db": 2, "api": 2}, {"db": 600, "api": 0}, {"api": 2}),
    ],
)
def test_incidents_are_those_of_the_time_shown(
    executive: dict[str, Json],
    window: str,
    at: str,
    minutes: dict[str, float],
    ago: dict[str, float],
    open_for: dict[str, float],
    tmp_path: Path,
) -> None:
    """Whatever the range is; and none is said only where there is none."""
    series = {"ALERTS" + OVER % slo: "_x6 1x11 stale" for slo in ("a", "b")}
    series |= {"ALERTS" + NEW: "_x61 1x30", UP: "1x90", 'slo:current_burn_rate:ratio{slo="a"}': "0x90"}
    labels = {
        "db": '{alertname="DatabaseDown", service="db"}',
        "api": '{alertname="HealthUnhealthy", service="api"}',
        "none": NONE,
    }
    for column, values in zip("BCD", (minutes, ago, open_for), strict=True):
        samples = [{"labels": labels[who], "value": value} for who, value in values.items()]
        evaluate(tmp_path, series, _column(executive, column, window), samples, every="10s", at=at)


def _column(executive: dict[str, Json], letter: str, window: str) -> str:
    """The query of one column of the table of incidents, over `window`."""
    targets = executive["Incidents in this period"]["targets"]
    (expr,) = (target["expr"] for target in targets if target["refId"] == letter)
    seconds = str(float(Duration.parse(window)))
    return str(expr).replace("$__range_s", seconds).replace("$__range", window)


# It fires from minute 5 to 40, while the failures of five minutes are above plan from 5 to 9 and from 31 on.
TWICE = {
    "ALERTS{" + BURNING + ', alertstate="firing", severity="critical"}': "_x5 1x35 stale",
    # The condition held long before: at a time that has passed it is a smaller number.
    "ALERTS_FOR_STATE{" + BURNING + ', severity="critical"}': "_x5 0x35 stale",
    PACE: "0.2x4 30x4 0.5x20 20x40",
    UP: "1x60",
}
BURNT = '{alertname="ErrorBudgetBurnMedium", service="api"}'


@pytest.mark.parametrize(
    ("at", "window", "minutes", "ago", "open_for"),
    [
        ("7m", "1h", 3, 0, 3),
        ("9m", "2m", 3, 0, 2),  # longer than all that is looked at
        ("20m", "1h", 5, 660, None),  # the alert fires, customers are served
        ("35m", "1h", 10, 0, 5),
        ("35m30s", "1h", 10, 0, 5),
        ("50m", "1h", 15, 600, None),
    ],
)
def test_an_alert_on_a_long_window_is_an_incident_while_customers_feel_it(
    executive: dict[str, Json],
    tmp_path: Path,
    at: str,
    window: str,
    minutes: float,
    ago: float,
    open_for: float | None,
) -> None:
    """And it is open for no longer than in all."""
    for column, value in zip("BCD", (minutes, ago, open_for), strict=True):
        samples = [] if value is None else [{"labels": BURNT, "value": value}]
        evaluate(tmp_path, TWICE, _column(executive, column, window), samples, at=at)


def test_what_is_open_for_days_is_looked_at_for_one(executive: dict[str, Json], tmp_path: Path) -> None:
    series = {"ALERTS{" + BURNING + ', alertstate="firing", severity="critical"}': "1x3000", PACE: "20x3000"}
    expr = _column(executive, "D", "30d")
    evaluate(tmp_path, series, expr, [{"labels": BURNT, "value": 1440}], at="49h")


def test_money_is_named_as_such_and_has_its_movement(executive: dict[str, Json]) -> None:
    """A column has one unit for all its rows; on a phone 29 letters of a name are seen."""
    week = executive["This week in numbers"]
    (names,) = (
        prop["value"][0]["options"]
        for override in week["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "What" and prop["id"] == "mappings"
    )
    revenue = "Monthly recurring revenue"
    for name, said in ((revenue, f"{revenue}, $"), (f"± {revenue}", "± in seven days, $")):
        assert f'"what", "{name}"' in _expressions(week)
        assert names[name]["text"] == said
        assert len(said) <= 29
    rows = re.findall(r'"what", "([^"]+)"', week["targets"][0]["expr"])
    assert rows.index(f"± {revenue}") == rows.index(revenue) + 1


def test_a_key_figure_says_its_target_where_a_phone_shows_it(executive: dict[str, Json], demo: Json) -> None:
    for kpi in demo["kpis"]:
        (verdict,) = (
            prop["value"][0]["options"]
            for override in executive[kpi["title"]]["fieldConfig"]["overrides"]
            for prop in override["properties"]
            if override["matcher"]["options"] == "verdict" and prop["id"] == "mappings"
        )
        assert re.fullmatch(r"✓ Met: [≤≥<>] .+", verdict["1"]["text"])


def test_none_is_said_only_while_the_exporter_answers(boards: list[Json]) -> None:
    """`up` is there at 0, too: who asks nobody knows of no alert."""
    found = 0
    for board in boards:
        for panel in shown(board):
            for target in panel["targets"]:
                if panel["type"] == "stat" and "ALERTS{" in target["expr"]:
                    zero = target["expr"].rpartition(" or 0 * ")[2]
                    assert zero == '(max(up{job="platform-exporter"}) == 1)', panel["title"]
                    found += 1
    assert found


def test_a_promise_stands_in_full_beside_what_was_kept(variant: Json, boards: list[Json]) -> None:
    """Not in the title, which Grafana cuts; and where nothing is known, too. Many promises stand in a table."""
    (board,) = (board for board in boards if board["uid"] == f"{variant['platform']}-executive")
    cards = {p["title"]: p for p in shown(board) if p["type"] == "stat"}
    levels = [level for service in variant["services"] for level in service["slos"]]
    assert len(levels) > 3 or all(level["title"] in cards for level in levels)
    for level in levels:
        if (card := cards.get(level["title"])) is not None:
            (target,) = card["targets"]
            assert target["legendFormat"] == f"target {level['objective_text']}"
            assert target["expr"].endswith(" or vector(NaN)")
            assert card["options"]["textMode"] == "value_and_name"


def test_how_long_an_incident_was_is_said_by_the_minute(executive: dict[str, Json]) -> None:
    """As the minutes of the week beside it; Grafana calls 84 of them "1 hours"."""
    panel = executive["Incidents in this period"]
    (unit,) = (
        prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "In all" and prop["id"] == "unit"
    )
    assert unit == "suffix: min"
    (minutes,) = (target["expr"] for target in panel["targets"] if "sum_over_time(" in target["expr"])
    assert re.match(r"sort_desc\(\(max by \(.*\(sum_over_time\(\(max by \(", minutes)


def test_what_fires_now_and_the_longest_incident_are_seen_without_scrolling(
    executive: dict[str, Json],
) -> None:
    """One fault tells of itself in four or five rows; a row is 36 pixels high, title and headings are 76."""
    panel = executive["Incidents in this period"]
    now, minutes, *_ = (target["expr"] for target in panel["targets"])
    assert re.fullmatch(r"max by \(alertname, service\) \((label_replace\()?\(ALERTS\{[^}]*\}.*\)", now)
    assert minutes.startswith("sort_desc(")
    # The rows stay as they were answered.
    assert panel["options"]["sortBy"] == []
    assert panel["transformations"][0]["id"] == "merge"
    assert "sortBy" not in {each["id"] for each in panel["transformations"]}
    assert (panel["gridPos"]["h"] * 38 - 8 - 76) // 36 >= 6


def test_incidents_are_told_in_words(executive: dict[str, Json], files: Json) -> None:
    """Who reads it knows no alert by its name; 14 letters are seen on a phone."""
    (words,) = (
        prop["value"][0]["options"]
        for override in executive["Incidents in this period"]["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if override["matcher"]["options"] == "What" and prop["id"] == "mappings"
    )
    alerts = {
        rule["alert"]
        for rule in rules(files)
        if "alert" in rule and (rule["labels"].get("kind") == "symptom" or rule["alert"] == "DatabaseDown")
    }
    assert alerts <= words.keys()
    said = [word["text"] for word in words.values()]
    assert len(set(said)) == len(said)
    assert max(map(len, said)) <= 14


def test_how_to_read_the_page_is_read_without_scrolling(variant: Json, boards: list[Json]) -> None:
    """A phone has room for 52 letters in a line of 22 pixels; on a line of its own the panel would be half empty."""
    (board,) = (board for board in boards if board["uid"] == f"{variant['platform']}-executive")
    (panel,) = (panel for panel in panels(board) if panel["type"] == "text")
    said = panel["options"]["content"].replace("*", "").splitlines()
    lines = sum(len(wrap(line.removeprefix("- "), 52)) for line in said)
    assert panel["gridPos"]["h"] * 38 - 8 - 50 >= 22 * lines or panel["gridPos"]["h"] == 14
    assert panel["gridPos"]["w"] <= 12


def test_a_phone_says_when_an_incident_was(executive: dict[str, Json]) -> None:
    """And for how long: what fires since it does, not what all of its kind add up to; else there is no such column."""
    panel = executive["Incidents in this period"]
    organized = panel["transformations"][-1]["options"]
    order = sorted(organized["indexByName"], key=organized["indexByName"].get)
    columns = [organized["renameByName"][name] for name in order]
    assert columns == ["Service", "What", "Ago", "Open for", "In all"]
    wide = {
        override["matcher"]["options"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] in ("custom.width", "custom.minWidth")
    }
    for fourth in columns[3:]:
        assert sum(wide[name] for name in [*columns[:3], fourth]) <= 369  # of 420 pixels
    assert organized["renameByName"]["Value #D"] == "Open for"
    assert panel["targets"][3]["refId"] == "D"
