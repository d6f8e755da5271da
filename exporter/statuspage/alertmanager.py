"""What Alertmanager knows of a group that it has not spoken of: it says nothing of the end of what is silenced."""

from typing import TYPE_CHECKING

import orjson

from exporter.engine.source import SourceError
from exporter.sources._http import client, send
from exporter.statuspage.levels import Level, level_of

if TYPE_CHECKING:
    import httpx


class Alertmanager:
    """Alertmanager's API at `url`."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._client: httpx.AsyncClient = client(timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def level(self, labels: dict[str, str]) -> Level:
        """Return how bad the alerts with these labels are, silenced and inhibited ones included. Raises SourceError."""
        filters = {"filter": [f'{name}="{value}"' for name, value in labels.items()]}
        answer = await send(self._client, self._client.build_request("GET", self._url, params=filters))
        if answer.status_code != 200:
            raise SourceError("http_status", f"Alertmanager answered {answer.status_code}")
        try:
            alerts = [
                {"status": "firing", "labels": alert["labels"]} for alert in orjson.loads(answer.content)
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SourceError("parse", "Alertmanager's list of alerts cannot be read") from error
        return level_of(alert for alert in alerts if alert["labels"].get("kind") in ("symptom", "cause"))
