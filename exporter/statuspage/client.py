"""Statuspage's manage API: one request a second, each error told apart.

Source: https://developer.statuspage.io/
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_core import PydanticCustomError

from exporter.engine.source import Reason, SourceError
from exporter.platform.status_page import StatusPage
from exporter.sources._http import client, retry_after, send

if TYPE_CHECKING:
    import httpx

PACE = 1.0
"""Seconds between requests: the API allows one a second for a key."""

_REASONS: dict[int, tuple[Reason, str]] = {
    401: ("auth", "Create an API key in Statuspage under API info."),
    403: ("permission", "The key's user may not manage this page."),
    404: ("rejected", "Check the id of the page and those of its components."),
    420: ("rate_limited", ""),
    422: ("rejected", "Statuspage refuses the change as it is."),
    429: ("rate_limited", ""),
}


class StatuspageClient:
    """The page of `config`. The key is read for each request, so a rotated one is taken up."""

    def __init__(self, config: StatusPage, timeout: float, pace: float = PACE) -> None:
        self._config, self._pace = config, pace
        self._client: httpx.AsyncClient = client(timeout)
        self._free = float("-inf")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def component(self, component: str) -> dict[str, Any]:
        """Return a component. Raises SourceError."""
        found = await self._ask("GET", f"components/{component}")
        return dict(found)

    async def set_component(self, component: str, level: str) -> None:
        """Set the status of a component. Raises SourceError."""
        await self._ask("PATCH", f"components/{component}", {"component": {"status": level}})

    async def unresolved(self) -> list[dict[str, Any]]:
        """Return the incidents that are open. Raises SourceError."""
        return list(await self._ask("GET", "incidents/unresolved"))

    async def open_incident(self, incident: dict[str, Any]) -> str:
        """Open an incident and return its id. Raises SourceError."""
        answer = await self._ask("POST", "incidents", {"incident": incident})
        return str(answer["id"])

    async def update_incident(self, incident_id: str, incident: dict[str, Any]) -> None:
        """Change an incident. Raises SourceError."""
        await self._ask("PATCH", f"incidents/{incident_id}", {"incident": incident})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        await asyncio.sleep(max(0.0, self._free - time.monotonic()))
        url = f"{self._config.url.rstrip('/')}/pages/{self._config.page}/{path}"
        try:
            headers = {"Authorization": f"OAuth {self._config.api_key.reveal()}"}
        except PydanticCustomError as error:
            context = error.context or {}
            raise SourceError("auth", str(context["message"]), remedy=str(context["remedy"])) from error
        request = self._client.build_request(method, url, json=body, headers=headers)
        try:
            answer = await send(self._client, request)
        finally:
            self._free = time.monotonic() + self._pace
        if answer.status_code not in (200, 201):
            reason, remedy = _REASONS.get(answer.status_code, ("http_status", ""))
            raise SourceError(
                reason,
                f"Statuspage answered {answer.status_code} to {method} {path}: {_error(answer)}",
                remedy=remedy,
                retry_after=retry_after(answer),
            )
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError as error:
            raise SourceError("parse", f"Statuspage's answer to {method} {path} is no JSON") from error


def _error(answer: "httpx.Response") -> str:
    try:
        return str(orjson.loads(answer.content)["error"])[:200]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return answer.text[:200]
