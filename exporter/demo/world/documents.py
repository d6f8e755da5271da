"""One health report in the shapes that four platforms publish, so that all of them are met on the wire."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.world.health import Check, Health, Report

VERSION = "1.0.0"
ENVIRONMENT = "demo"


class HealthDocuments:
    """Routes of the health documents; each request runs the checks anew."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._started = time.monotonic()

    def routes(self) -> list[Route]:
        """Return one route a document."""
        return [
            Route("/api/health", self._list_shape),
            Route("/api/health/detailed", self._list_shape),
            Route("/api/health/all", self._map_shape),
            Route("/api/health/db", self._pool_shape),
            Route("/health", self._services_shape),
            Route("/healthz/word-is-bond", self._plain_shape),
        ]

    async def _list_shape(self, request: Request) -> Response:
        """`data.overall`, `data.checks[]` and the pool; durations and uptime in milliseconds."""
        report = await self._health.report()
        now = _iso(report)
        data: dict[str, Any] = {
            "overall": report.overall,
            "checks": [
                {
                    "name": check.name,
                    "status": check.status,
                    "message": check.message,
                    "duration": check.milliseconds,
                    "timestamp": now,
                }
                for check in report.checks
            ],
            "timestamp": now,
            "version": VERSION,
            "uptime": round((time.monotonic() - self._started) * 1000),
            "environment": ENVIRONMENT,
            "pool": _pool(report),
        }
        if request.url.path.endswith("/detailed"):
            data["externalApis"] = report["external_apis"].parts
        return JSONResponse({"success": report.overall != "unhealthy", "data": data})

    async def _map_shape(self, request: Request) -> Response:
        """`overall` and `checks.NAME`; the integrations are booleans, the pool sits with the database."""
        report = await self._health.report()
        database, cache, vendors = report["database"], report["redis"], report["external_apis"]
        services = {"redis": cache.status == "healthy", **vendors.parts}
        integration = max(
            (cache, vendors), key=lambda check: ("healthy", "degraded", "unhealthy").index(check.status)
        )
        return JSONResponse(
            {
                "overall": report.overall,
                "timestamp": _iso(report),
                "checks": {
                    "worker": {"status": "healthy", "latencyMs": 0},
                    "database": {
                        "status": database.status,
                        "latencyMs": database.milliseconds,
                        "poolStats": _pool(report),
                    },
                    "integration": {
                        "status": integration.status,
                        "latencyMs": max(cache.milliseconds, vendors.milliseconds),
                        "services": services,
                    },
                },
            }
        )

    async def _pool_shape(self, request: Request) -> Response:
        """The database alone: status, latency and pool."""
        report = await self._health.report()
        check = report["database"]
        return JSONResponse(
            {"status": check.status, "latencyMs": check.milliseconds, "poolStats": _pool(report)}
        )

    async def _services_shape(self, request: Request) -> Response:
        """`status` and `services[]`; 503 when unhealthy."""
        report = await self._health.report()
        document = {
            "status": report.overall,
            "timestamp": _iso(report),
            "services": [_service(check) for check in report.checks],
            "version": VERSION,
        }
        return JSONResponse(document, status_code=503 if report.overall == "unhealthy" else 200)

    async def _plain_shape(self, request: Request) -> Response:
        """`status` and `checks` by name; 503 when unhealthy."""
        report = await self._health.report()
        document = {
            "status": report.overall,
            "checks": {
                check.name: {"status": check.status, "latency_ms": check.milliseconds}
                for check in report.checks
            },
        }
        return JSONResponse(document, status_code=503 if report.overall == "unhealthy" else 200)


def _service(check: Check) -> dict[str, Any]:
    details: dict[str, Any] = {"status": check.status, "latency": check.milliseconds}
    details["details"] = {"connection": "ok"} if check.status == "healthy" else {"error": check.message}
    return {"service": check.name, "status": check.status, "details": details}


def _pool(report: Report) -> dict[str, int]:
    return {"active": report.pool.active, "idle": report.pool.idle, "waiting": report.pool.waiting}


def _iso(report: Report) -> str:
    return report.taken.isoformat(timespec="milliseconds").replace("+00:00", "Z")
