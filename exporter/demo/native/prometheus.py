"""The few calls of Prometheus' HTTP API that the demo's own checks need."""

import time
from typing import Any

import httpx


class QueryError(RuntimeError):
    """Prometheus refused a query; the text is its own."""


class PrometheusClient:
    """Asks one Prometheus."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10.0, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def targets(self) -> list[dict[str, Any]]:
        """Return the active targets."""
        return list((await self._data("/api/v1/targets", {"state": "active"}))["activeTargets"])

    async def rules(self) -> list[dict[str, Any]]:
        """Return all recording and alerting rules."""
        groups = (await self._data("/api/v1/rules", {}))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing."""
        return list((await self._data("/api/v1/alerts", {}))["alerts"])

    async def alertmanagers(self) -> list[dict[str, Any]]:
        """Return the Alertmanagers that alerts are sent to."""
        return list((await self._data("/api/v1/alertmanagers", {}))["activeAlertmanagers"])

    async def label_values(self, label: str, selector: str | None) -> list[str]:
        """Return a label's values, over all series or those of a selector."""
        parameters = {"match[]": selector} if selector else {}
        return list(await self._data(f"/api/v1/label/{label}/values", parameters))

    async def query(self, expression: str) -> int:
        """Evaluate an expression now; return how many series it gives."""
        return _count(await self._data("/api/v1/query", {"query": expression}))

    async def query_range(self, expression: str, seconds: float, step: float) -> int:
        """Evaluate an expression over the last `seconds`; return how many series it gives."""
        end = time.time()
        parameters = {"query": expression, "start": end - seconds, "end": end, "step": step}
        return _count(await self._data("/api/v1/query_range", parameters))

    async def _data(self, path: str, parameters: dict[str, Any]) -> Any:
        response = await self._client.get(path, params=parameters)
        document = response.json()
        if document.get("status") != "success":
            raise QueryError(f"{document.get('errorType')}: {document.get('error')}")
        return document["data"]


def _count(data: dict[str, Any]) -> int:
    return 1 if data["resultType"] in ("scalar", "string") else len(data["result"])
