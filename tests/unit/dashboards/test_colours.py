"""Colours: told apart by the colour-blind on every dashboard, and red and green only where they mean something."""

import re
from collections.abc import Iterator
from typing import Any

from tests.support.dashboards import Json, panels

# Okabe and Ito (2008), a blue between two of theirs that reads on dark and on white, and a dark form of their purple.
SAFE = {"#56B4E9", "#0072B2", "#009E73", "#F0E442", "#E69F00", "#D55E00", "#CC79A7"}
SAFE |= {"#8E9297", "#3A97DB", "#8C4A73", "#F5B83D"}
LETTERS = "text"
"""Grafana's own name for what it writes in: white on a dark page, black on a white one."""
HUE = re.compile(r"#[0-9A-Fa-f]{6}")


def _colours(document: Any) -> Iterator[Json]:
    """Every choice of a colour: of fields, of overrides, of mappings and of thresholds."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in {"color", "iconColor"}:
                yield value if isinstance(value, dict) else {"mode": "fixed", "fixedColor": value}
            else:
                yield from _colours(value)
            if key == "id" and value == "color":
                yield document["value"]
    if isinstance(document, list):
        for item in document:
            yield from _colours(item)


def test_every_colour_is_told_apart_by_the_colour_blind(boards: list[Json]) -> None:
    for board in boards:
        for colour in _colours(board):
            assert colour["mode"] in {"fixed", "shades", "thresholds"}, f"{board['uid']}: {colour}"
            assert colour["mode"] == "thresholds" or colour["fixedColor"] in {*SAFE, LETTERS}, (
                f"{board['uid']}: {colour}"
            )


def test_words_on_a_colour_can_be_read(boards: list[Json]) -> None:
    """Grafana writes in black on what is bright, in white on the rest; 3 is WCAG's contrast for large letters."""
    for board in boards:
        for panel in panels(board):
            if panel["type"] != "stat" or not panel["options"]["colorMode"].startswith("background"):
                continue
            for choice in _colours(panel["fieldConfig"]):
                if hue := choice.get("fixedColor"):
                    red, green, blue = (int(hue[i : i + 2], 16) for i in (1, 3, 5))
                    linear = (
                        (c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4
                        for c in (red, green, blue)
                    )
                    light = sum(part * of for part, of in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
                    bright = (red * 299 + green * 587 + blue * 114) / 1000 > 180
                    assert ((light + 0.05) / 0.05 if bright else 1.05 / (light + 0.05)) >= 3, (
                        f"{panel['title']}: {hue}"
                    )


def test_no_series_is_painted_in_a_colour_that_grafana_chooses(boards: list[Json]) -> None:
    for board in boards:
        for panel in panels(board):
            if panel["type"] == "timeseries":
                assert HUE.fullmatch(panel["fieldConfig"]["defaults"]["color"]["fixedColor"]), panel["title"]


def test_an_earlier_period_is_seen_above_a_stack(boards: list[Json]) -> None:
    """A thin grey line is lost on its colours, on a white page altogether."""
    for board in boards:
        for panel in panels(board):
            if panel["type"] != "timeseries":
                continue
            stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
            for override in panel["fieldConfig"]["overrides"]:
                if override["matcher"]["options"] == "/before$/":
                    line = {prop["id"]: prop["value"] for prop in override["properties"]}
                    assert (line["color"]["fixedColor"] == LETTERS) == stacked, panel["title"]
                    assert line["custom.lineWidth"] == 1 + stacked, panel["title"]
