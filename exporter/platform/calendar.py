"""Times as people write them: hours of the week, moments, windows of maintenance."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from exporter.platform.base import Part, Text
from exporter.platform.problems import suggestion
from exporter.platform.values import fault

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)

Mutable = Literal["performance", "capacity", "anomaly", "cause", "symptom"]
"""Kinds of alerts that a window can mute: slowness first, then the label `kind`. Not `meta`, the monitoring itself."""
MUTABLE: tuple[Mutable, ...] = get_args(Mutable)

_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2})?$"


def _clock(raw: Any) -> Any:
    if not isinstance(raw, str) or not re.fullmatch(_CLOCK, raw):
        raise fault(
            "clock",
            "this is not a time of day",  # YAML reads 18:00 as 1080, so the value itself would puzzle
            'Write hours and minutes in quotes, such as "18:00".',
        )
    return raw


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault(
            "timezone",
            f"{name!r} is no time zone",
            "Write a name of the IANA database, such as Europe/Berlin, or UTC.",
        ) from None
    return name


def _moment(raw: Any) -> Any:
    """Read what YAML made of a date: text, a date, or a date with a time."""
    if isinstance(raw, datetime):
        moment = raw if raw.tzinfo is None else None
    elif isinstance(raw, date):
        moment = datetime(raw.year, raw.month, raw.day)  # its zone is a key beside it
    else:
        moment = _parsed(raw)
    if moment is None:
        raise fault(
            "moment",
            "this is not a date, nor a date and a time",
            "Write it like 2026-12-24 or 2026-12-24 18:00; the time zone is a key of its own.",
        )
    return moment


def _parsed(raw: Any) -> datetime | None:
    if not isinstance(raw, str) or not re.fullmatch(_MOMENT, raw):
        return None
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        return None


def _mutable(word: Any) -> Any:
    if isinstance(word, str) and word not in MUTABLE:
        raise fault("mutes", f"`{word}` is no kind of alert that a window mutes", suggestion(word, MUTABLE))
    return word


Clock = Annotated[
    str, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": _CLOCK, "examples": ["18:00"]})
]
"""A time of day; `24:00` is the end of it."""

Zone = Annotated[str, AfterValidator(_zone), Field(examples=["Europe/Berlin"])]
"""A time zone of the IANA database."""

Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": _MOMENT, "examples": ["2026-12-24 18:00"]}),
]
"""A day, or a day and a time, without a zone."""


def minutes(clock: str) -> int:
    """Return the minutes since midnight of a time of day; 1440 for `24:00`."""
    hours, _, rest = clock.partition(":")
    return 60 * int(hours) + int(rest)


class Hours(Part):
    """Hours of some days of the week."""

    days: Annotated[list[Day], Field(min_length=1)] = list(DAYS)
    """On which days they begin; every day, unless given."""
    from_: Clock = Field(alias="from")
    to: Clock
    """An end before the beginning, or equal to it, is on the next day."""
    timezone: Zone = "UTC"

    @property
    def pieces(self) -> list[tuple[list[Day], str, str]]:
        """The same hours as (days, from, to) that end on the day on which they begin."""
        if minutes(self.to) > minutes(self.from_):
            return [(list(self.days), self.from_, self.to)]
        following: list[Day] = [DAYS[(DAYS.index(day) + 1) % 7] for day in self.days]
        both = [(list(self.days), self.from_, "24:00"), (following, "00:00", self.to)]
        return [piece for piece in both if piece[1] != piece[2]]

    def contain(self, now: datetime) -> bool:
        """Tell whether `now`, which knows its zone, is in these hours."""
        local = now.astimezone(ZoneInfo(self.timezone))
        minute = 60 * local.hour + local.minute
        return any(
            DAYS[local.weekday()] in days and minutes(start) <= minute < minutes(end)
            for days, start, end in self.pieces
        )


class Span(Part):
    """One stretch of time."""

    from_: Moment = Field(alias="from")
    to: Moment
    timezone: Zone = "UTC"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to <= self.from_:
            raise fault("span", "ends before it begins", "Write the earlier moment as `from`.")
        if (self.to - self.from_).days > 366:
            raise fault("span", "is longer than a year", "Look at the years; what is for ever is no window.")
        return self

    def contain(self, now: datetime) -> bool:
        """Tell whether `now`, which knows its zone, is in this stretch."""
        return self.from_ <= now.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None) < self.to

    @property
    def days(self) -> list[tuple[date, str, str]]:
        """The same stretch day by day, as (day, from, to)."""
        first, last = self.from_.date(), self.to.date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        pieces = [
            (
                day,
                f"{self.from_:%H:%M}" if day == first else "00:00",
                f"{self.to:%H:%M}" if day == last else "24:00",
            )
            for day in days
        ]
        return [piece for piece in pieces if piece[1] != piece[2]]


class Maintenance(Part):
    """A window in which work is planned: alerts stay silent, except p1 and, in one for the whole platform, those about
    the monitoring itself; service levels are not charged."""

    title: Text
    weekly: Hours | None = None
    """Hours that come back every week. Either these or `once`."""
    once: Span | None = None
    services: list[str] = []
    """Services, or sources as kind.name, that it is about; the whole platform, unless given. The service levels of what
    is measured on these, or depends on them, are not charged either."""
    mutes: Annotated[list[Annotated[Mutable, BeforeValidator(_mutable)]], Field(min_length=1)] | None = None
    """Kinds of alerts that stay silent, such as [performance, capacity]; all, unless given. `performance` is whatever
    says that something is slow; the others are the label `kind`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.weekly is None) == (self.once is None):
            raise fault(
                "maintenance", "needs either hours or a stretch of time", "Write one of: weekly, once."
            )
        return self

    @property
    def mutes_all(self) -> bool:
        """Whether it is about every alert of the platform, whatever its service and kind."""
        return not self.services and self.mutes is None

    def active(self, now: datetime) -> bool:
        """Tell whether `now`, which knows its zone, is in the window."""
        return any(part is not None and part.contain(now) for part in (self.weekly, self.once))


def window_names(windows: list[Maintenance]) -> list[str]:
    """Return a name for each window, made of its title: the name of Alertmanager's time interval."""
    names: list[str] = []
    for window in windows:
        slug = re.sub(r"[^a-z0-9]+", "-", window.title.lower()).strip("-") or "maintenance"
        names.append(slug if slug not in names else f"{slug}-{len(names) + 1}")
    return names
