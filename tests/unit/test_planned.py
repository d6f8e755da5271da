"""Windows of maintenance are a metric that follows the calendar of their own time zone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.planned import MAINTENANCE, planned
from exporter.platform.load import load

PLATFORM = """
platform: shop
alerting:
  maintenance:
    - {title: Night, weekly: {days: [sunday], from: "22:00", to: "02:00", timezone: Europe/Berlin}}
    - {title: Move to a larger disk, once: {from: 2026-12-24, to: 2026-12-24 18:00}}
"""


@pytest.mark.parametrize(
    ("moment", "night", "move"),
    [
        (datetime(2026, 1, 4, 20, 59, tzinfo=UTC), 0, 0),
        (datetime(2026, 1, 4, 21, 0, tzinfo=UTC), 1, 0),  # winter: 22:00 in Berlin
        (datetime(2026, 7, 5, 20, 0, tzinfo=UTC), 1, 0),  # summer
        (datetime(2026, 7, 6, 0, 0, tzinfo=UTC), 0, 0),  # Monday, 02:00 in Berlin
        (datetime(2026, 12, 24, 17, 59, tzinfo=UTC), 0, 1),
        (datetime(2026, 12, 24, 18, 0, tzinfo=UTC), 0, 0),
    ],
)
def test_windows_open_and_close(moment: datetime, night: int, move: int, tmp_path: Path) -> None:
    file = tmp_path / "shop.yml"
    file.write_text(PLATFORM)
    found = dict(planned(load(file), moment))
    assert found == {MAINTENANCE: {("night",): night, ("move-to-a-larger-disk",): move}}
