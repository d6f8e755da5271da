"""Hours, stretches of time and windows: when they are, and that Alertmanager's intervals say the same."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.generate.intervals import window_intervals
from exporter.platform.calendar import DAYS, Hours, Maintenance, window_names

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
clocks = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True)


def window(**parts: Any) -> Maintenance:
    return Maintenance.model_validate({"title": "Window", **parts})


def _minutes(clock: str) -> int:
    return 60 * int(clock[:2]) + int(clock[3:])


def in_intervals(intervals: list[dict[str, Any]], now: datetime) -> bool:
    """Alertmanager's rule: all fields of an interval match, one interval is enough; the end of a time is not in it."""
    for interval in intervals:
        local = now.astimezone(ZoneInfo(interval["location"]))
        minute = 60 * local.hour + local.minute
        first, _, last = interval.get("days_of_month", ["1:31"])[0].partition(":")
        if (
            DAYS[local.weekday()] in interval.get("weekdays", DAYS)
            and str(local.year) in interval.get("years", [str(local.year)])
            and str(local.month) in interval.get("months", [str(local.month)])
            and int(first) <= local.day <= int(last or first)
            and any(
                _minutes(time["start_time"]) <= minute < _minutes(time["end_time"])
                for time in interval.get("times", [{"start_time": "00:00", "end_time": "24:00"}])
            )
        ):
            return True
    return False


@given(days, clocks, clocks, st.sampled_from(ZONES), moments)
def test_weekly_windows_are_the_same_for_alertmanager(
    on: list[str], start: str, end: str, zone: str, now: datetime
) -> None:
    found = window(weekly={"days": on, "from": start, "to": end, "timezone": zone})
    assert found.active(now) is in_intervals(window_intervals(found), now)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=100)),
    st.sampled_from(ZONES),
    st.data(),
)
def test_single_windows_are_the_same_for_alertmanager(
    start: datetime, length: timedelta, zone: str, data: st.DataObject
) -> None:
    start = start.replace(second=0, microsecond=0)
    end = (start + length).replace(second=0, microsecond=0)
    found = window(once={"from": f"{start:%Y-%m-%d %H:%M}", "to": f"{end:%Y-%m-%d %H:%M}", "timezone": zone})
    intervals = window_intervals(found)
    near = data.draw(st.sampled_from([start, end]))
    offset = data.draw(st.timedeltas(timedelta(days=-2), timedelta(days=2)))
    for local in (near + offset, start, end - timedelta(minutes=1), end):
        now = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        assert found.active(now) is in_intervals(intervals, now)


def test_whole_days_are_one_interval_a_month() -> None:
    found = window(once={"from": "2026-12-30 22:00", "to": "2027-01-03 02:00"})
    assert [
        (interval["years"], interval["months"], interval["days_of_month"], interval.get("times"))
        for interval in window_intervals(found)
    ] == [
        (["2026"], ["12"], ["30"], [{"start_time": "22:00", "end_time": "24:00"}]),
        (["2026"], ["12"], ["31"], None),
        (["2027"], ["1"], ["1:2"], None),
        (["2027"], ["1"], ["3"], [{"start_time": "00:00", "end_time": "02:00"}]),
    ]


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-28 22:30", True),  # Saturday 23:30 in Berlin: the window of Saturday has begun
        ("2026-03-29 00:30", True),  # 01:30, before the clocks are set forward
        ("2026-03-29 01:30", False),  # 03:30 in Berlin: 02:30 does not exist that night
        ("2026-10-24 23:59", True),  # 01:59 in summer time
        ("2026-10-25 00:30", True),  # 02:30 for the first time
        ("2026-10-25 01:30", True),  # 02:30 for the second time
        ("2026-10-25 02:30", False),
    ],
)
def test_clocks_that_are_set(moment: str, inside: bool) -> None:
    hours = Hours.model_validate(
        {"days": ["saturday"], "from": "23:00", "to": "03:00", "timezone": "Europe/Berlin"}
    )
    assert hours.contain(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is inside


def test_windows_are_named_after_their_titles() -> None:
    windows = [
        window(title=title, weekly={"from": "01:00", "to": "02:00"})
        for title in ("Backup!", "backup", "Überfällig", "…")
    ]
    assert window_names(windows) == ["backup", "backup-2", "berf-llig", "maintenance"]


@pytest.mark.parametrize(
    "once",
    [
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2026-01-01", "to": "2026-01-01"},
        {"from": "2026-01-01", "to": "2036-01-01"},
        {"from": "2026-02-30", "to": "2026-03-01"},
        {"from": "yesterday", "to": "2026-03-01"},
        {"from": 20260101, "to": "2026-03-01"},
    ],
)
def test_stretches_that_are_none(once: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        window(once=once)


def test_dates_may_be_what_yaml_makes_of_them() -> None:
    found = window(once={"from": datetime(2026, 1, 1, 22).date(), "to": datetime(2026, 1, 2, 1)})
    assert found.active(datetime(2026, 1, 1, 23, tzinfo=UTC))
