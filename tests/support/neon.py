"""Neon, as far as its API v2 tells of computes: who may ask, how often, and what it says.

Shapes and refusals follow https://api-docs.neon.tech/reference/listprojectendpoints.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.limiter import WindowLimiter

KEY = "napi_stand-in-key-of-no-worth"
PROJECT = "late-sun-10203040"


@dataclass
class Compute:
    """A compute that falls asleep `suspend_timeout` seconds after it was last active, unless that is -1.

    What the API tells of its activity is rounded up to `granularity` seconds: told late, as if it were newer.
    """

    id: str = "ep-cool-darkness-123456"
    clock: Callable[[], float] = time.time
    suspend_timeout: int = 300
    granularity: float = 0.0
    last_active: float = 0.0
    started: float = 0.0
    awake: float = 0.0
    """Seconds that it was awake in all, until it was last used."""
    disabled: bool = False
    word: str | None = None
    """A state that it pretends to be in."""

    @property
    def state(self) -> str:
        """`active` or `idle`."""
        limit = self.suspend_timeout or 300
        sleeps = limit > 0 and self.clock() - self.last_active >= limit
        return self.word or ("idle" if sleeps else "active")

    def use(self) -> None:
        """Run a statement, whoever asks for it; it starts the compute when that is suspended."""
        now = self.clock()
        if self.state == "idle":
            self.awake += 0.0 if self.last_active == 0 else self.suspend_timeout or 300
            self.started = now
        else:
            self.awake += now - self.last_active
        self.last_active = now

    def told(self) -> float:
        """Return when it was last active, as the API has it."""
        if not self.granularity:
            return self.last_active
        return -(-self.last_active // self.granularity) * self.granularity

    def document(self, project: str) -> dict[str, Any]:
        """Return the entry of the list."""
        return {
            "id": self.id,
            "host": f"{self.id}.us-east-2.aws.neon.tech",
            "project_id": project,
            "branch_id": "br-aged-salad-637688",
            "region_id": "aws-us-east-2",
            "type": "read_write",
            "current_state": self.state,
            "autoscaling_limit_min_cu": 0.25,
            "autoscaling_limit_max_cu": 2,
            "suspend_timeout_seconds": self.suspend_timeout,
            "disabled": self.disabled,
            "last_active": _moment(self.told()),
            "started_at": _moment(self.started),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": _moment(self.started),
            "pooler_enabled": False,
            "settings": {"pg_settings": {}},
        }


class NeonApi:
    """Answers for one project with one key. Whatever could change or wake a compute is refused and noted."""

    def __init__(self, *computes: Compute, limiter: WindowLimiter | None = None) -> None:
        self.computes = list(computes)
        self.asked = 0
        self.refused: list[str] = []
        self.outage: Response | None = None
        """Answered instead of everything, while it is set."""
        self._limiter = limiter or WindowLimiter(700, 60)

    @property
    def app(self) -> Starlette:
        """The API, to be served."""
        path = "/api/v2/projects/{project}/endpoints"
        every = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route(path, self._list, methods=every),
                Route(path + "/{endpoint:path}", self._other, methods=every),
            ]
        )

    async def _list(self, request: Request) -> Response:
        self.asked += 1
        if self.outage is not None:
            return self.outage
        if request.method != "GET":
            return await self._other(request)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "supplied credentials do not pass authentication")
        if not self._limiter.allow():
            answer = _error(429, "too many requests")
            answer.headers["retry-after"] = "7"
            return answer
        if request.path_params["project"] != PROJECT:
            return _error(404, "project not found")
        return JSONResponse(
            {"endpoints": [compute.document(PROJECT) for compute in self.computes]},
            headers={"date": formatdate(usegmt=True)},
        )

    async def _other(self, request: Request) -> Response:
        self.refused.append(f"{request.method} {request.url.path}")
        return _error(405, "method not allowed")


def _error(status: int, message: str) -> Response:
    body = {"request_id": "00000000-0000-4000-8000-000000000000", "code": "", "message": message}
    return JSONResponse(body, status)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
