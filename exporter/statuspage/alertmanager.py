"""What Alertmanager knows of a group that it has not spoken of: it says nothing of the end of what is silenced."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from exporter.engine.source import SourceError
from exporter.sources._http import client, send

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires: its labels, and by the fingerprints of which others it is kept back."""

    labels: dict[str, str]
    fingerprint: str
    kept_back_by: frozenset[str]
    silenced: bool

    def told(self, others: Collection["Alert"]) -> bool:
        """Tell whether people hear of it, be it through one of `others` that keeps it back and is told itself."""
        if self.silenced or not self.kept_back_by:
            return not self.silenced
        return any(
            other.fingerprint in self.kept_back_by and not other.silenced and not other.kept_back_by
            for other in others
        )

    def as_sent(self) -> dict[str, Any]:
        """Return it as in Alertmanager's webhook."""
        return {"status": "firing", "labels": self.labels}


class Alertmanager:
    """Alertmanager's API at `url`."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._client: httpx.AsyncClient = client(timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def alerts(self, labels: dict[str, str]) -> list[Alert]:
        """Return the symptoms and causes with these labels that fire, those that are kept back included.

        "" stands for a label that is missing. Raises SourceError.
        """
        filters = [f"{name}={_quoted(value)}" for name, value in labels.items()]
        filters.append('kind=~"symptom|cause"')
        answer = await send(
            self._client, self._client.build_request("GET", self._url, params={"filter": filters})
        )
        if answer.status_code != 200:
            raise SourceError("http_status", f"Alertmanager answered {answer.status_code}")
        try:
            return [_alert(alert) for alert in orjson.loads(answer.content)]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SourceError("parse", "Alertmanager's list of alerts cannot be read") from error


def _quoted(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _alert(alert: dict[str, Any]) -> Alert:
    status = alert["status"]
    kept_back, silenced = frozenset(status["inhibitedBy"]), bool(status["silencedBy"])
    return Alert(alert["labels"], alert["fingerprint"], kept_back, silenced)
