"""What Grafana needs of a dashboard, and what its readers may expect of each: names, places, words, links."""

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs, urlsplit

from exporter.generate.mixin import alert_settings
from tests.support.dashboards import Json, panels, parsed, rules, selectors, shown

UNITS = re.compile(
    r"short|none|locale|percentunit|s|ms|dthms|bytes|Bps|reqps|ops|iops|dateTimeFromNow"
    r"|currency[A-Z]{3}|suffix:(×| min| /min| /hour| /day| down| up)|count:(/s|per day)"
)


def test_only_views_with_something_to_show(variant: Json, files: Json) -> None:
    found = {PurePosixPath(path).stem for path in files if path.startswith("dashboards/")}
    kinds = {source["kind"] for source in variant["sources"]}
    services = [service for service in variant["services"] if service["signals"]]
    expected = {
        "home": True,
        "executive": True,
        "technical": True,
        "operations": True,
        "exporter": True,
        "business": bool(variant["queries"] or variant["kpis"] or services),
        "service": bool(services),
        "slo": any(service["slos"] for service in services),
        "postgres": "postgres" in kinds,
        "health": "health" in kinds,
        "workers": "cloudflare_workers" in kinds,
    }
    wanted = {f"{variant['platform']}-{name}" for name, exists in expected.items() if exists}
    assert found - {f"{variant['platform']}-statements"} == wanted


def test_uids_and_panel_ids_are_unique(files: Json, boards: list[Json]) -> None:
    uids = [board["uid"] for board in boards]
    assert len(set(uids)) == len(uids)
    assert set(uids) == {PurePosixPath(path).stem for path in files if path.startswith("dashboards/")}
    for board in boards:
        ids = [panel["id"] for panel in panels(board)]
        assert len(set(ids)) == len(ids)
        assert board["schemaVersion"] == 42
        assert len(board["uid"]) <= 40


def test_panels_fill_the_grid_without_overlap(boards: list[Json]) -> None:
    for board in boards:
        for level in [board["panels"], *(panel.get("panels", []) for panel in board["panels"])]:
            cells: dict[tuple[int, int], str] = {}
            for panel in level:
                grid = panel["gridPos"]
                for x in range(grid["x"], grid["x"] + grid["w"]):
                    for y in range(grid["y"], grid["y"] + grid["h"]):
                        assert 0 <= x < 24
                        assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                        cells[x, y] = panel["title"]
            lines = {y for _, y in cells}
            assert len(cells) == 24 * len(lines), f"{board['uid']} has holes"


def test_reading_order_is_order_of_panels(boards: list[Json]) -> None:
    """A phone stacks panels by place, a screen reader by order: both tell the same story."""
    for board in boards:
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in board["panels"]]
        assert places == sorted(places)


def test_every_panel_explains_itself_and_has_a_unit(boards: list[Json]) -> None:
    for board in boards:
        assert board["description"]
        for panel in panels(board):
            if panel["type"] != "row":
                assert panel["title"]
                assert len(panel["description"]) > 20
        for panel in shown(board):
            what, good, act = panel["description"].split("\n\n")
            assert what
            assert good.startswith("**Good:** ")
            assert act.startswith("**Otherwise:** ")
            assert UNITS.fullmatch(panel["fieldConfig"]["defaults"]["unit"]), panel["title"]


def test_missing_data_are_named_and_never_zero_or_green(boards: list[Json]) -> None:
    """Grafana paints a panel without a value in the colour of its lowest step."""
    for board in boards:
        for panel in shown(board):
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["noValue"], panel["title"]
            if panel["type"] in {"stat", "bargauge"}:
                assert defaults["thresholds"]["steps"][0] == {"value": None, "color": "#8E9297"}, panel[
                    "title"
                ]
                nothing = defaults["mappings"][-1]["options"]
                assert nothing["match"] == "null+nan", panel["title"]
                assert nothing["result"]["color"] == "#8E9297", panel["title"]


def test_a_number_that_is_gone_is_not_shown_as_that_of_now(boards: list[Json]) -> None:
    """The line behind a number has one more point, of this very moment, which is no number where there is none.

    Grafana ends a range query at the last whole step: on a page of a month that is hours ago.
    """
    for board in boards:
        for panel in shown(board):
            if panel["type"] in {"stat", "bargauge"}:
                assert panel["options"]["reduceOptions"]["calcs"] == ["last"]
                now = panel["targets"][-1]
                assert now["instant"], panel["title"]
                if not all(target["instant"] for target in panel["targets"]):
                    assert len(panel["targets"]) == 2, panel["title"]
                    assert now["expr"].endswith(" or vector(NaN)"), panel["title"]
                    join, reduce = panel["transformations"]
                    assert join["options"] == {"byField": "Time", "mode": "outer"}
                    assert reduce["options"]["reduce"] == {"reducer": "lastNotNull"}


def test_data_source_is_always_the_variable(boards: list[Json]) -> None:
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for board in boards:
        variables = board["templating"]["list"]
        assert variables[0]["name"] == "datasource"
        assert sum(1 for variable in variables if variable["hide"] == 0) <= 2
        for panel in shown(board):
            assert panel["datasource"] == wanted
            assert all(target["datasource"] == wanted for target in panel["targets"])
            ids = [target["refId"] for target in panel["targets"]]
            assert ids == sorted(set(ids))
        assert all(annotation["datasource"] == wanted for annotation in board["annotations"]["list"])


def test_nine_panels_of_ten_lead_on_and_no_link_is_dead(variant: Json, boards: list[Json]) -> None:
    variables = {
        board["uid"]: {variable["name"] for variable in board["templating"]["list"]} for board in boards
    }
    monitoring = variant["monitoring"]
    outside = (monitoring["prometheus_external"], monitoring["alertmanager_external"])
    for board in boards:
        asking = list(shown(board))
        assert sum(1 for panel in asking if panel["links"]) >= 0.9 * len(asking)
        for panel in asking:
            for link in (*panel["links"], *panel["fieldConfig"]["defaults"]["links"]):
                url = link["url"]
                if url.startswith("/d/"):
                    uid = urlsplit(url).path.removeprefix("/d/")
                    assert uid in variables, url
                    assert "${__url_time_range}" in url
                    assert set(re.findall(r"var-(\w+)=", url)) <= variables[uid], url
                elif url.startswith(monitoring["runbooks"]):
                    alert = url.removeprefix(monitoring["runbooks"] + "/").removesuffix(".md")
                    assert alert in {*alert_settings(), "${__data.fields.Alert}", "${__value.raw}"}, (
                        f"{link['title']}: no such alert"
                    )
                else:
                    assert url.startswith(outside), url
        for panel in panels(board):
            if panel["type"] == "text":
                for uid, asked in re.findall(r"\(/d/([\w-]+)([^)]*)\)", panel["options"]["content"]):
                    assert uid in variables
                    assert "${__url_time_range}" in asked


def test_no_click_leads_to_the_page_itself(boards: list[Json]) -> None:
    for board in boards:
        here = f"/d/{board['uid']}?"
        for panel in shown(board):
            drill = panel["fieldConfig"]["defaults"]["links"]
            for link in (*panel["links"], *drill):
                assert not link["url"].startswith(here) or "&var-" in link["url"], panel["title"]
            assert panel["type"] == "table" or bool(drill) >= bool(panel["links"]), panel["title"]


def test_links_above_keep_time_and_variables(boards: list[Json]) -> None:
    for board in boards:
        found = [link for link in board["links"] if link["type"] == "dashboards"]
        assert len(found) == 2
        for link in found:
            assert link["keepTime"]
            assert link["includeVars"]
            assert any(set(link["tags"]) <= set(other["tags"]) for other in boards)
        assert board["graphTooltip"] == 1


def test_panels_that_alerts_point_to_exist(files: Json, boards: list[Json]) -> None:
    ids = {board["uid"]: {panel["id"] for panel in panels(board)} for board in boards}
    alerts = [rule for rule in rules(files) if "alert" in rule]
    assert alerts
    for rule in alerts:
        url = urlsplit(rule["annotations"]["dashboard_url"])
        uid = url.path.rsplit("/", 1)[-1]
        assert uid in ids, rule["alert"]
        for panel in parse_qs(url.query).get("viewPanel", []):
            assert int(panel) in ids[uid], f"{rule['alert']} links to a panel that is not there"


def test_alerts_and_restarts_are_marked_on_every_dashboard(boards: list[Json]) -> None:
    for board in boards:
        exprs = [annotation["expr"] for annotation in board["annotations"]["list"] if annotation["enable"]]
        assert any("ALERTS{" in expr for expr in exprs)
        assert any("start_time_seconds" in expr for expr in exprs) or board["title"].endswith("Executive")


def test_maintenance_is_marked_where_it_is_announced(variant: Json, boards: list[Json]) -> None:
    """Of whatever it was announced: a service, a source, everything."""
    for board in boards:
        marked = [a["expr"] for a in board["annotations"]["list"] if a["name"] == "Maintenance"]
        assert len(marked) == bool(variant["alerting"]["maintenance"])
        assert all("platform_exporter_maintenance_active" in expr for expr in marked)


def test_what_fired_for_a_moment_is_marked_in_a_month(boards: list[Json]) -> None:
    """A month is looked at in steps of hours: the mark asks what was in the whole step."""
    for board in boards:
        for annotation in board["annotations"]["list"]:
            if annotation["name"] in {"Firing alerts", "Maintenance"}:
                assert "[$__rate_interval]" in annotation["expr"]


def test_the_time_shown_stands_on_every_page(boards: list[Json]) -> None:
    """On a phone Grafana shows a clock without its words."""
    for board in boards:
        assert any("${__from:date" in panel["title"] for panel in board["panels"]), board["uid"]


def test_a_heading_never_stands_over_nothing(boards: list[Json]) -> None:
    for board in boards:
        for panel, following in zip(board["panels"], [*board["panels"][1:], None], strict=True):
            if panel["type"] == "row":
                children = bool(panel["panels"])
                assert children == panel["collapsed"]
                assert children or (following is not None and following["type"] != "row"), panel["title"]


def test_panels_are_readable_on_a_phone(boards: list[Json]) -> None:
    """There every panel is as wide as the screen and as high as here: nothing fills two screens."""
    for board in boards:
        for panel in panels(board):
            assert panel["gridPos"]["h"] <= 14, panel["title"]


def test_a_moment_is_seen_in_a_timeline(boards: list[Json]) -> None:
    """A step of less than a pixel is drawn as nothing: there are few, and each is looked at as a whole."""
    for board in boards:
        for panel in shown(board):
            if panel["type"] == "state-timeline":
                assert panel["maxDataPoints"] <= 100, panel["title"]
                for target in panel["targets"]:
                    series = list(selectors(parsed(target["expr"])))
                    expr = target["expr"].replace(" @ end()", "")
                    whole = expr.count("[$__rate_interval] offset -$__interval")
                    assert whole == len(series) > 0, panel["title"]


def test_an_axis_has_numbers_between_its_ends(boards: list[Json]) -> None:
    """Without decimals Grafana writes whole numbers alone: of shares 0 % and 100 %, of up to one thing 0 and 1."""
    for board in boards:
        for panel in shown(board):
            defaults = panel["fieldConfig"]["defaults"]
            if panel["type"] == "timeseries" and defaults.get("decimals") == 0:
                assert defaults["unit"] != "percentunit", f"{board['uid']}: {panel['title']}"
                assert defaults["custom"].get("axisSoftMax", 5) >= 5, f"{board['uid']}: {panel['title']}"


def test_no_title_is_cut_at_the_width_of_a_desk(boards: list[Json]) -> None:
    """1600 pixels, of letters 7 wide, beside the signs for the description and the links."""
    for board in boards:
        for panel in shown(board):
            width = panel["gridPos"]["w"] * 1567 / 24 - 8
            assert 7 * len(panel["title"]) + 90 <= width, f"{board['uid']}: {panel['title']}"
