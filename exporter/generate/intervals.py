"""Hours, days and stretches of time as Alertmanager's time intervals, which never cross midnight."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from exporter.platform.calendar import DAYS, Hours, Maintenance, Span

Interval = dict[str, Any]


def hours_intervals(hours: Hours) -> list[Interval]:
    """Return the intervals of hours that come back every week."""
    return [
        {
            **({} if set(days) == set(DAYS) else {"weekdays": sorted(days, key=DAYS.index)}),
            "times": [{"start_time": start, "end_time": end}],
            "location": hours.timezone,
        }
        for days, start, end in hours.pieces
    ]


def window_intervals(window: Maintenance) -> list[Interval]:
    """Return the intervals of a window of maintenance."""
    if window.weekly is not None:
        return hours_intervals(window.weekly)
    assert window.once is not None, "the model asks for one of the two"
    return list(_span_intervals(window.once))


def _span_intervals(span: Span) -> Iterator[Interval]:
    """Whole days of one month are one interval."""
    whole = [(start, end) == ("00:00", "24:00") for _, start, end in span.days]
    numbered = list(enumerate(zip(span.days, whole, strict=True)))
    for _, group in groupby(
        numbered, lambda item: (item[1][0][0].year, item[1][0][0].month, item[1][1] or f"part {item[0]}")
    ):
        days = [day for _, (day, _) in group]
        (first, start, end), last = days[0], days[-1][0]
        yield {
            "years": [str(first.year)],
            "months": [str(first.month)],
            "days_of_month": [str(first.day) if first == last else f"{first.day}:{last.day}"],
            **(
                {}
                if (start, end) == ("00:00", "24:00")
                else {"times": [{"start_time": start, "end_time": end}]}
            ),
            "location": span.timezone,
        }
