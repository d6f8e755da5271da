"""Changes to alerts that a platform file asks for: refused where the alert could not be so, else in base units."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from exporter.generate.mixin import alert_settings
from exporter.platform.document import Location
from exporter.platform.problems import PlatformError, Problem, suggestion
from exporter.platform.values import Duration, Size, plain

Locate = Callable[[Location, str, str], Problem]
"""Makes a problem of a path of keys, a message and a remedy."""

_LEVELS = ("threshold", "warn")
_SCRAPES = 4
"""Fewest scrapes in a window that a rate can be made of: two may be lost, and a counter is still seen to grow."""
_DURATIONS = ("ms", "s", "m", "h", "d", "w", "y")
_SIZES = ("B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")
# unit of an alert → the suffixes that a threshold of it may have, and how one is written
_WRITTEN: dict[str, tuple[tuple[str, ...], str]] = {
    "ratio": (("", "%"), "a percentage such as 5%, or a number such as 0.05"),
    # Not without a unit: whoever writes 500 means milliseconds.
    "seconds": (_DURATIONS, "a duration such as 500ms or 5m"),
    "bytes": (_SIZES, "a size such as 10GiB"),
    "count": (("",), "a number such as 20"),
    "number": (("",), "a number such as 20"),
    "factor": (("", "%"), "a number such as 2, or a percentage such as 200%"),
}
_NEVER_ZERO = ("ratio", "seconds", "bytes", "factor")
"""Units of what is more than nothing all the time."""


def checked(catalogue: dict[str, Any], locate: Locate) -> dict[str, Any]:
    """Return the catalogue with thresholds as plain numbers in base units.

    Raises:
        PlatformError: an override names no alert, sets a threshold that the alert does not have, that is in another
            unit or that nothing or everything exceeds, a milder one that is none, or a window that it does not have or
            that holds too few scrapes, or makes an alert page that must not.
    """
    known = alert_settings()
    problems: list[Problem] = []
    alerts: dict[str, dict[str, Any]] = {}
    for name, override in catalogue["alerting"]["alerts"].items():
        keys = ("alerting", "alerts", name)
        if name not in known:
            problems.append(locate(keys, f"there is no alert {name}", suggestion(name, known)))
            continue
        problems += _problems(name, override, keys, locate)
        problems += _check_problems(name, override, locate)
        problems += _window_problems(name, override, catalogue["monitoring"]["scrape_interval"], locate)
        unit = known[name].get("unit", "number")
        alerts[name] = _in_base_units(override, unit)
    if problems:
        raise PlatformError(problems)
    lines = {name: locate(("alerting", "alerts", name), "", "").line for name in alerts}
    issues = [
        {**issue, "line": locate(("alerting", "known_issues", number), "", "").line}
        for number, issue in enumerate(catalogue["alerting"]["known_issues"])
    ]
    channels = [
        {
            **channel,
            "lines": {
                key: locate(("alerting", "channels", channel["name"], key), "", "").line
                for key in ("alerts", "only")
            },
        }
        for channel in catalogue["alerting"]["channels"]
    ]
    changed = {"alerts": alerts, "lines": lines, "known_issues": issues, "channels": channels}
    return {**catalogue, "alerting": {**catalogue["alerting"], **changed}}


def _in_base_units(override: dict[str, Any], unit: str) -> dict[str, Any]:
    return {
        key: {check: _in_base_units(own, unit) for check, own in value.items()}
        if key == "checks"
        else _plain(value, unit)
        if key in _LEVELS and value is not None
        else value
        for key, value in override.items()
    }


def _check_problems(name: str, override: dict[str, Any], locate: Locate) -> Iterator[Problem]:
    """What is wrong with what differs for single checks: they have no milder level of their own."""
    known, keys = alert_settings(), ("alerting", "alerts", name, "checks")
    if override.get("checks") and "by_check" not in known[name]:
        having = ", ".join(sorted(alert for alert in known if "by_check" in known[alert]))
        yield locate(keys, f"{name} is not about single checks", f"Alerts about checks: {having}.")
        return
    for check, own in override.get("checks", {}).items():
        yield from _problems(name, own, (*keys, check), locate)


def _problems(name: str, override: dict[str, Any], keys: Location, locate: Locate) -> Iterator[Problem]:
    known = alert_settings()
    settings = known[name]
    for level in _LEVELS:
        written = override.get(level)
        if written is None:
            continue
        if "threshold" not in settings:
            having = ", ".join(sorted(alert for alert in known if "threshold" in known[alert]))
            yield locate(
                (*keys, level),
                f"{name} has no threshold of its own",
                "Change `for` or `priority`, or switch it off with `enabled: false`. "
                f"Alerts with a threshold: {having}.",
            )
            continue
        unit = settings.get("unit", "number")
        suffixes, example = _WRITTEN[unit]
        if _suffix(written) not in suffixes:
            yield locate((*keys, level), f"{written!r} is not in the unit of {name}", f"Write {example}.")
        elif unit == "ratio" and (number := Decimal(_plain(written, unit))) >= 1:
            yield locate(
                (*keys, level),
                f"{name} compares a share, and {written} is {plain(100 * number)}%",
                f"Write {written}%, or {plain(number / 100)}."
                if written == _plain(written, unit) and number < 100
                else f"Write less than all: {example}.",
            )
        elif (
            unit in _NEVER_ZERO
            and not Decimal(_plain(written, unit))
            and Decimal(settings["threshold"])
            and "below" not in settings
        ):
            yield locate(
                (*keys, level),
                f"at {written} {name} would always fire, or at the least it sees",
                f"Write {example}; or switch it off with `enabled: false`.",
            )
    yield from _order_problems(name, override, keys, locate)
    milder = settings.get("warn_priority", "p3")
    if (
        override.get("warn") is not None
        and override.get("priority", settings.get("priority", "p1")) >= milder
    ):
        yield locate(
            (*keys, "warn"),
            f"{name} itself is no more urgent than {milder}, which is for its milder threshold",
            "Write the milder threshold as `threshold`, or give the alert a more urgent priority.",
        )
    if settings["kind"] == "anomaly" and override.get("priority") in ("p1", "p2"):
        yield locate(
            (*keys, "priority"),
            f"{name} only says that something is unusual, and must page nobody",
            "Choose p3 or p4; an alert with a fixed threshold may page.",
        )


def _order_problems(name: str, override: dict[str, Any], keys: Location, locate: Locate) -> Iterator[Problem]:
    """Look whether the milder level is reached first."""
    settings = alert_settings()[name]
    unit = settings.get("unit", "number")
    suffixes, _ = _WRITTEN[unit]
    texts = {level: override.get(level) for level in _LEVELS}
    if "threshold" not in settings or any(
        text is not None and _suffix(text) not in suffixes for text in texts.values()
    ):
        return
    levels = {
        level: Decimal(_plain(text, unit)) if text is not None else Decimal(settings[level])
        for level, text in texts.items()
        if text is not None or level in settings
    }
    urgent = override.get("priority") or settings.get("priority", "p1")
    if "warn" not in levels or urgent >= settings.get("warn_priority", "p3"):
        return
    below = "below" in settings
    if levels["warn"] <= levels["threshold"] if below else levels["warn"] >= levels["threshold"]:
        level = "warn" if texts["warn"] is not None else "threshold"
        yield locate(
            (*keys, level),
            f"at {texts[level]} the milder threshold, `warn`, is not reached before the other",
            f"Write `threshold`, and a `warn` that is {'more' if below else 'less'}.",
        )


def _window_problems(name: str, override: dict[str, Any], scrape: str, locate: Locate) -> Iterator[Problem]:
    known, keys, written = alert_settings(), ("alerting", "alerts", name, "window"), override.get("window")
    if written is None:
        return
    if "window" not in known[name]:
        having = ", ".join(sorted(alert for alert in known if "window" in known[alert]))
        yield locate(keys, f"{name} looks at no window", f"Alerts with a window: {having}.")
    elif Duration.parse(written) < (shortest := Duration(_SCRAPES * Duration.parse(scrape))):
        yield locate(
            keys,
            f"{written} hold fewer than four scrapes, which are {scrape} apart",
            f"Write {shortest} or more.",
        )


def _suffix(written: str) -> str:
    return written.lstrip("0123456789.").strip()


def _plain(written: str, unit: str) -> str:
    """Turn "5%" into "0.05", "500ms" into "0.5" and "10GiB" into bytes, as PromQL wants it."""
    suffix = _suffix(written)
    number = Decimal(written.removesuffix(suffix).strip())
    if suffix == "%":
        return plain(number / 100)
    if unit == "seconds" and suffix in _DURATIONS:
        return plain(number * Decimal(str(float(Duration.parse(f"1{suffix}")))))
    if unit == "bytes" and suffix in _SIZES:
        return plain(number * Size.parse(f"1{suffix}"))
    return written
