"""Maintenance windows as PromQL, so that service levels can leave their time out.

PromQL knows no time zones. A zone's offset from UTC is therefore written out, change by change, for the years in YEARS:
the same text whenever it is generated.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from exporter.platform.calendar import DAYS, Hours, Maintenance, Span
from exporter.platform.model import Platform

YEARS = range(2026, 2037)
"""Changes to and from summer time are known for these years; after them, the last offset stays."""

_DAY = 86400
_WEEK = 7 * _DAY
# The epoch was a Thursday; weeks are counted from Monday.
_MONDAY = 3 * _DAY


def maintenance_entry(platform: Platform) -> dict[str, Any]:
    """Return the section `maintenance` of the document: offsets of zones, and windows as expressions."""
    windows = platform.alerting.maintenance
    zones = sorted({window.weekly.timezone for window in windows if window.weekly is not None})
    return {
        "zones": [{"timezone": zone, "offset": offset_expression(zone)} for zone in zones],
        "windows": [
            {
                "name": str(number),
                "services": list(window.services or platform.services),
                "active": _active(window),
            }
            for number, window in enumerate(windows, 1)
        ],
    }


def offset_expression(zone: str) -> str:
    """Return PromQL for the seconds that local time in `zone` is ahead of UTC."""
    begin = datetime(YEARS.start, 1, 1, tzinfo=UTC)
    offset = _offset(begin, zone)
    terms = [f"vector({offset})"]
    for moment in _changes(zone):
        change = _offset(moment, zone) - offset
        offset += change
        sign = "+" if change > 0 else "-"
        terms.append(f"{sign} {abs(change)} * (vector(time()) >= bool {moment.timestamp():.0f})")
    return "\n".join(terms)


def _offset(moment: datetime, zone: str) -> int:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None, "an aware moment has an offset"
    return round(offset.total_seconds())


def _changes(zone: str) -> list[datetime]:
    """Return the moments, to the minute, at which the zone's offset changes."""
    moment, found = datetime(YEARS.start, 1, 1, tzinfo=UTC), []
    end = datetime(YEARS.stop, 1, 1, tzinfo=UTC)
    while moment < end:
        after = moment + timedelta(days=1)
        if _offset(moment, zone) != _offset(after, zone):
            early, late = moment, after
            while late - early > timedelta(minutes=1):
                middle = early + (late - early) // 2
                if _offset(middle, zone) == _offset(early, zone):
                    early = middle
                else:
                    late = middle
            found.append(late.replace(second=0, microsecond=0))
        moment = after
    return found


def _active(window: Maintenance) -> str:
    if window.once is not None:
        return _between("vector(time())", *_stretch(window.once))
    assert window.weekly is not None, "the model asks for exactly one of the two"
    return _weekly(window.weekly)


def _stretch(span: Span) -> tuple[int, int]:
    zone = ZoneInfo(span.timezone)
    begin, end = (moment.replace(tzinfo=zone).timestamp() for moment in (span.from_, span.to))
    return round(begin), round(end)


def _weekly(hours: Hours) -> str:
    local = f'maintenance:local_time:seconds{{timezone="{hours.timezone}"}}'
    begin, end = _clock(hours.from_), _clock(hours.to)
    length = end - begin if end > begin else end - begin + _DAY
    if set(hours.days) == set(DAYS):
        return _repeated(f"({local} % {_DAY})", [begin], length, _DAY)
    begins = sorted(DAYS.index(day) * _DAY + begin for day in set(hours.days))
    return _repeated(f"(({local} + {_MONDAY}) % {_WEEK})", begins, length, _WEEK)


def _repeated(now: str, begins: list[int], length: int, period: int) -> str:
    parts = []
    for begin in begins:
        end = begin + length
        parts.append(_between(now, begin, min(end, period)))
        if end > period:
            parts.append(_between(now, 0, end - period))
    return parts[0] if len(parts) == 1 else f"clamp_max({' + '.join(parts)}, 1)"


def _between(now: str, begin: int, end: int) -> str:
    return f"({now} >= bool {begin}) * ({now} < bool {end})"


def _clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60
