"""Sends a drill's alerts to Alertmanager and looks for what arrived."""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from exporter.drill.plan import Shot, Target
from exporter.engine.source import SourceError
from exporter.sources._http import client, send

if TYPE_CHECKING:
    import httpx

INTEGRATIONS = {"pagerduty": "pagerduty", "slack": "slack", "email": "email", "sms": "sns"}
"""What Alertmanager's own metrics call a kind of channel."""

_COUNTERS = re.compile(
    r"^alertmanager_(?P<name>notifications_total|notifications_failed_total"
    r"|notification_requests_total|notification_requests_failed_total)"
    r'\{integration="(?P<integration>\w+)"[^}]*\} (?P<value>\S+)$',
    re.MULTILINE,
)
_MAX_METRICS = 8 << 20

MARGIN = 5.0
"""Seconds beyond `group_wait` after which every message of a drill has begun, on a machine that is busy too."""

Counts = dict[str, float]


class Carrier:
    """Alertmanager at `alertmanager`, and the stand-ins at `sinks` when there are any.

    The alerts lead to the page in the folder `runbooks` and to `dashboard`, as real ones do.
    """

    def __init__(self, alertmanager: str, sinks: str | None, runbooks: str, dashboard: str) -> None:
        self._alertmanager, self._sinks, self._dashboard = alertmanager.rstrip("/"), sinks, dashboard
        self._runbook = f"{runbooks.rstrip('/')}/DrillFailed.md"
        self._client: httpx.AsyncClient = client(5.0)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def start(self, shots: Iterable[Shot], began: float) -> None:
        """Send the alerts; sent again they are the same alerts. Raises SourceError."""
        await self._post([self._alert(shot, began) for shot in shots])

    async def end(self, shots: Iterable[Shot], began: float) -> None:
        """Say that they are over, so that incidents are closed. Raises SourceError."""
        over = {"endsAt": _rfc3339(time.time())}
        await self._post([{**self._alert(shot, began), **over} for shot in shots])

    async def counts(self, *, starting: bool = False) -> Counts:
        """Return Alertmanager's counters of messages, by name and integration. Raises SourceError.

        They do not belong to one instant: an attempt may be counted whose refusal is not yet, or both between two
        readings. What a drill starts from must not have too few attempts that succeeded, and what it is compared with
        not too many: there refusals are those of an earlier reading than the rest, here attempts.
        """
        earlier, later = await self._counters(), await self._counters()
        name = "notification_requests_failed_total " if starting else "notification_requests_total "
        return {key: earlier.get(key, 0.0) if key.startswith(name) else later[key] for key in later}

    async def arrived(self, targets: Sequence[Target], began: float) -> dict[int, float]:
        """Return target by number → seconds, of those whose stand-in has the message. Raises SourceError."""
        assert self._sinks is not None, "without stand-ins nobody knows what arrived"
        answer = await self._get(f"{self._sinks.rstrip('/')}/api/notifications", _MAX_METRICS)
        try:
            found = [(str(item["body"]), float(item["received_at"])) for item in orjson.loads(answer.content)]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SourceError("parse", "the sinks' list cannot be read") from error
        seconds: dict[int, float] = {}
        for number, target in enumerate(targets):
            through = f"through {target.channel}: "
            times = sorted(at for body, at in found if target.mark in body and through in body)
            if len(times) >= target.messages:
                seconds[number] = max(0.0, times[target.messages - 1] - began)
        return seconds

    async def _counters(self) -> Counts:
        text = (await self._get(f"{self._alertmanager}/metrics", _MAX_METRICS)).text
        counts: Counts = {}
        for match in _COUNTERS.finditer(text):
            key = f"{match['name']} {match['integration']}"
            counts[key] = counts.get(key, 0.0) + float(match["value"])
        return counts

    def _alert(self, shot: Shot, began: float) -> dict[str, Any]:
        return {
            "labels": shot.labels,
            "annotations": {
                "summary": f"This is {shot.labels['service']}; nothing is broken.",
                "description": f"A drill, sent at {_rfc3339(began)} to prove that alerts reach people.",
                "impact": "None.",
                "action": "Nothing, if you can read this.",
                "value": "a drill",
                "threshold": "every channel gets its message",
                "runbook_url": self._runbook,
                "dashboard_url": self._dashboard,
            },
            "startsAt": _rfc3339(began),
            "endsAt": _rfc3339(began + 3600),  # should nobody be there to end it
            "generatorURL": self._runbook,
        }

    async def _post(self, alerts: list[dict[str, Any]]) -> None:
        url = f"{self._alertmanager}/api/v2/alerts"
        answer = await send(self._client, self._client.build_request("POST", url, json=alerts))
        if answer.status_code != 200:
            raise SourceError(
                "http_status",
                f"Alertmanager answered {answer.status_code} to the drill: {answer.text[:200]}",
                remedy="See that monitoring.alertmanager is the address of Alertmanager's API.",
            )

    async def _get(self, url: str, most: int) -> "httpx.Response":
        answer = await send(self._client, self._client.build_request("GET", url), max_body=most)
        if answer.status_code != 200:
            raise SourceError("http_status", f"{url} answered {answer.status_code}")
        return answer


def accepted(targets: Sequence[Target], before: Counts, now: Counts, *, begun: bool) -> dict[int, bool]:
    """Tell of each target, by number, whether its API took the message (True) or refused one; others are awaited.

    `begun` says that Alertmanager has had the time to begin every message. It counts by kind of channel, so one refusal
    is held against all of that kind, and all of them are awaited while one of that kind is under way.

    A message is counted when it begins (notifications_total), at each attempt (notification_requests_total, and
    notification_requests_failed_total without success), and when it is given up (notifications_failed_total), as late
    as `group_interval` where an API is down. Source: Alertmanager's notify.go, 0.25 to 0.34.
    """
    verdicts: dict[int, bool] = {}
    for kind, integration in INTEGRATIONS.items():
        mine = {number: target for number, target in enumerate(targets) if target.kind == kind}
        planned = sum(target.messages for target in mine.values() if not target.quiet)
        first, last = _Tally.of(before, integration), _Tally.of(now, integration)
        refused = last.given_up > first.given_up
        if refused or (begun and _all_taken(kind, planned, first, last)):
            verdicts |= dict.fromkeys(mine, not refused)
    return verdicts


@dataclass(frozen=True, slots=True)
class _Tally:
    """Alertmanager's counters of one kind of channel."""

    begun: float
    given_up: float
    attempts: float
    failures: float

    @classmethod
    def of(cls, counts: Counts, integration: str) -> "_Tally":
        return cls(*(counts.get(f"{name} {integration}", 0.0) for name in _NAMES))

    @property
    def taken(self) -> float:
        return self.attempts - self.failures

    @property
    def under_way(self) -> float:
        return self.begun - self.taken - self.given_up


_NAMES = (
    "notifications_total",
    "notifications_failed_total",
    "notification_requests_total",
    "notification_requests_failed_total",
)


def _all_taken(kind: str, planned: int, first: _Tally, last: _Tally) -> bool:
    """Tell whether no message is under way, and as many as were planned have begun and been taken since."""
    if last.begun - first.begun < planned or last.taken - first.taken < planned:
        return False
    if kind != "sms":
        return last.under_way <= 0
    # Text messages are not sent for the end of an alert, though Alertmanager counts that as begun.
    return last.failures == first.failures or last.begun - first.begun <= last.taken - first.taken


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
