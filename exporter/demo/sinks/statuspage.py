"""Statuspage's manage API: one page with its components and incidents, as strict as the vendor's.

Source: https://developer.statuspage.io/ (OpenAPI 1.0.0).
"""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import STATUSPAGE_COMPONENTS, STATUSPAGE_KEY, STATUSPAGE_PAGE, STATUSPAGE_PATH
from exporter.demo.sinks.inbox import Inbox

COMPONENT_STATUS = (
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
    "",
)
INCIDENT_STATUS = ("investigating", "identified", "monitoring", "resolved")
IMPACTS = ("none", "maintenance", "minor", "major", "critical")
MAX_NAME, MAX_BODY = 255, 25_000
REQUESTS_PER_MINUTE = 60
_INCIDENT_KEYS = {
    *(
        "name",
        "status",
        "impact_override",
        "body",
        "components",
        "component_ids",
        "deliver_notifications",
        "metadata",
    ),
}

Json = dict[str, Any]


class Statuspage:
    """The page `demo` with the components of `STATUSPAGE_COMPONENTS`; `components` and `incidents` are public.

    While it is `failing` it answers 503 to everything but the public summary.
    """

    def __init__(self, inbox: Inbox, limiter: WindowLimiter | None = None) -> None:
        self.components: dict[str, Json] = {
            key: {
                "id": key,
                "page_id": STATUSPAGE_PAGE,
                "name": name,
                "status": "operational",
                "group": False,
            }
            for key, name in STATUSPAGE_COMPONENTS.items()
        }
        self.incidents: dict[str, Json] = {}
        self.failing = False
        self._inbox = inbox
        self._limiter = limiter or WindowLimiter(REQUESTS_PER_MINUTE, 60.0)

    def routes(self) -> list[Route]:
        """Return the calls that are offered, and the page's own summary as the public sees it."""
        page = f"{STATUSPAGE_PATH}/pages/{{page}}"
        return [
            Route(f"{page}/components", self._listed, methods=["GET"]),
            Route(f"{page}/components/{{id}}", self._component, methods=["GET", "PATCH"]),
            Route(f"{page}/incidents", self._open, methods=["POST"]),
            Route(f"{page}/incidents/unresolved", self._unresolved, methods=["GET"]),
            Route(f"{page}/incidents/{{id}}", self._update, methods=["PATCH"]),
            Route("/statuspage/api/v2/summary.json", self._summary, methods=["GET"]),
        ]

    async def _listed(self, request: Request) -> Response:
        return self._refusal(request) or JSONResponse(list(self.components.values()))

    async def _component(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        component = self.components.get(request.path_params["id"])
        if component is None:
            return _error(404, "Not found")
        if request.method == "PATCH":
            change = await _sent(request, "component")
            if (
                change is None
                or change.get("status") not in COMPONENT_STATUS
                or set(change) - {"status", "name", "description"}
            ):
                return _error(422, "Validation failed")
            if component["group"]:
                return _error(422, "Status of a group is computed from its components")
            component.update(change)
            self._note(str(change["status"]), str(component["name"]), "component")
        return JSONResponse(component)

    async def _unresolved(self, request: Request) -> Response:
        found = [incident for incident in self.incidents.values() if incident["status"] != "resolved"]
        return self._refusal(request) or JSONResponse(found)

    async def _open(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        sent = await _sent(request, "incident")
        problems = ["incident is missing"] if sent is None else self._problems(sent, opening=True)
        if sent is None or problems:
            return _error(422, problems)
        key = f"inc{len(self.incidents) + 1}"
        self.incidents[key] = {
            "id": key,
            "page_id": STATUSPAGE_PAGE,
            "created_at": _now(),
            "resolved_at": None,
            "status": "investigating",
            "metadata": {},
            "incident_updates": [],
        }
        return JSONResponse(self._apply(key, sent), status_code=201)

    async def _update(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        key, sent = request.path_params["id"], await _sent(request, "incident")
        if key not in self.incidents:
            return _error(404, "Not found")
        problems = ["incident is missing"] if sent is None else self._problems(sent, opening=False)
        if sent is None or problems:
            return _error(422, problems)
        return JSONResponse(self._apply(key, sent))

    async def _summary(self, request: Request) -> Response:
        unresolved = [incident for incident in self.incidents.values() if incident["status"] != "resolved"]
        return JSONResponse({"components": list(self.components.values()), "incidents": unresolved})

    def _apply(self, key: str, sent: Json) -> Json:
        incident = self.incidents[key]
        incident.update(
            {
                name: value
                for name, value in sent.items()
                if name not in ("body", "component_ids", "components")
            }
        )
        if "component_ids" in sent:
            incident["components"] = [self.components[component] for component in sent["component_ids"]]
        for component, status in sent.get("components", {}).items():
            self.components[component]["status"] = status
        if sent.get("status") == "resolved":
            incident["resolved_at"] = _now()
        incident["incident_updates"].insert(0, {"status": incident["status"], "body": sent.get("body", "")})
        self._note(incident["status"], incident["name"], "incident", str(sent.get("body", "")))
        return incident

    def _problems(self, sent: Json, *, opening: bool) -> list[str]:
        problems = [f"{name} is not permitted" for name in sorted(set(sent) - _INCIDENT_KEYS)]
        if opening and not sent.get("name"):
            problems.append("Name can't be blank")
        if len(str(sent.get("name", ""))) > MAX_NAME:
            problems.append("Name is too long")
        if len(str(sent.get("body", ""))) > MAX_BODY:
            problems.append("Body is too long")
        if sent.get("status", "investigating") not in INCIDENT_STATUS:
            problems.append("Status is not included in the list")
        if sent.get("impact_override", "none") not in IMPACTS:
            problems.append("Impact override is not included in the list")
        if not all(isinstance(value, dict) for value in sent.get("metadata", {}).values()):
            problems.append("Metadata's values must be objects")
        named = [*sent.get("component_ids", []), *sent.get("components", {})]
        return problems + [
            f"Component {name} is not of this page" for name in named if name not in self.components
        ]

    def _refusal(self, request: Request) -> Response | None:
        if self.failing:
            return _error(503, "Service unavailable")
        if request.headers.get("authorization") != f"OAuth {STATUSPAGE_KEY}":
            return _error(401, "Could not authenticate")
        if not self._limiter.allow():
            return _error(429, "Too many requests")
        return None if request.path_params["page"] == STATUSPAGE_PAGE else _error(404, "Not found")

    def _note(self, status: str, title: str, where: str, text: str = "") -> None:
        self._inbox.put(
            "statuspage", status, {"title": title, "where": where, "text": text, "status": status}
        )


async def _sent(request: Request, name: str) -> Json | None:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def _error(status: int, error: str | list[str]) -> Response:
    return JSONResponse({"error": error}, status_code=status)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
