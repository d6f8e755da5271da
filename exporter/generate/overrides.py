"""Changes to alerts that a platform file asks for: refused when they would change nothing."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from exporter.generate.mixin import alert_settings
from exporter.platform.problems import PlatformError, Problem, suggestion

Locate = Callable[[tuple[str, ...], str, str], Problem]
"""Makes a problem of a path of keys, a message and a remedy."""


def checked(catalogue: dict[str, Any], locate: Locate) -> dict[str, Any]:
    """Return the catalogue with thresholds as plain numbers.

    Raises:
        PlatformError: an override names no alert, or sets a threshold that the alert does not have.
    """
    known = alert_settings()
    problems: list[Problem] = []
    alerts: dict[str, dict[str, Any]] = {}
    for name, override in catalogue["alerting"]["alerts"].items():
        keys = ("alerting", "alerts", name)
        if name not in known:
            problems.append(locate(keys, f"there is no alert {name}", suggestion(name, known)))
        elif override.get("threshold") is not None and "threshold" not in known[name]:
            having = ", ".join(sorted(alert for alert in known if "threshold" in known[alert]))
            problems.append(
                locate(
                    (*keys, "threshold"),
                    f"{name} has no threshold of its own",
                    "Change `for` or `priority`, or switch it off with `enabled: false`. "
                    f"Alerts with a threshold: {having}.",
                )
            )
        alerts[name] = {
            key: _plain(value) if key == "threshold" else value for key, value in override.items()
        }
    if problems:
        raise PlatformError(problems)
    return {**catalogue, "alerting": {**catalogue["alerting"], "alerts": alerts}}


def _plain(threshold: str | None) -> str | None:
    """Turn "5%" into "0.05", as PromQL wants it."""
    if threshold is None or not threshold.endswith("%"):
        return threshold
    return f"{Decimal(threshold.removesuffix('%')) / 100:f}"
