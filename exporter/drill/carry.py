"""Sends a drill's alerts to Alertmanager and looks for what arrived."""

import re
import time
from collections.abc import Iterable, Sequence
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
    r"^alertmanager_(?P<name>notifications_total|notifications_failed_total)"
    r'\{integration="(?P<integration>\w+)"[^}]*\} (?P<value>\S+)$',
    re.MULTILINE,
)
_MAX_METRICS = 8 << 20

Counts = dict[str, float]


class Carrier:
    """Alertmanager at `alertmanager`, and the stand-ins at `sinks` when there are any."""

    def __init__(self, alertmanager: str, sinks: str | None, runbooks: str) -> None:
        self._alertmanager, self._sinks, self._runbooks = alertmanager.rstrip("/"), sinks, runbooks
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

    async def counts(self) -> Counts:
        """Return Alertmanager's counters of messages, by name and integration. Raises SourceError."""
        text = (await self._get(f"{self._alertmanager}/metrics", _MAX_METRICS)).text
        counts: Counts = {}
        for match in _COUNTERS.finditer(text):
            key = f"{match['name']} {match['integration']}"
            counts[key] = counts.get(key, 0.0) + float(match["value"])
        return counts

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

    def _alert(self, shot: Shot, began: float) -> dict[str, Any]:
        about = f"{self._runbooks.rstrip('/')}/DrillFailed.md"
        return {
            "labels": shot.labels,
            "annotations": {
                "summary": f"This is {shot.labels['service']}; nothing is broken.",
                "description": f"A drill, sent at {_rfc3339(began)} to prove that alerts reach people.",
                "impact": "None.",
                "action": "Nothing, if you can read this.",
                "value": "a drill",
                "threshold": "every channel gets its message",
                "runbook_url": about,
                "dashboard_url": about,
            },
            "startsAt": _rfc3339(began),
            "endsAt": _rfc3339(began + 3600),  # should nobody be there to end it
            "generatorURL": about,
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


def accepted(targets: Sequence[Target], before: Counts, now: Counts) -> dict[int, bool]:
    """Tell of each target, by number, whether its API took the message (True) or refused one; others are awaited.

    Alertmanager counts by kind of channel, so one refusal is held against all of that kind.
    """
    verdicts: dict[int, bool] = {}
    for kind, integration in INTEGRATIONS.items():
        mine = {number: target for number, target in enumerate(targets) if target.kind == kind}

        def grown(counter: str, integration: str = integration) -> float:
            key = f"{counter} {integration}"
            return now.get(key, 0.0) - before.get(key, 0.0)

        refused = grown("notifications_failed_total") > 0  # given up; what is tried again is still awaited
        enough = grown("notifications_total") >= sum(target.messages for target in mine.values())
        if refused or enough:
            verdicts |= dict.fromkeys(mine, not refused)
    return verdicts


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
