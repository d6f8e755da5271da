"""Neon's control plane, as far as it says whether a compute sleeps. Asking it wakes nothing.

One list of a project's endpoints serves all databases of the project, and is kept for half a minute: the limit is about
700 requests a minute for an account. Source: https://api-docs.neon.tech/reference/listprojectendpoints
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import orjson
from pydantic_core import PydanticCustomError

from exporter.engine.source import Reason, SourceError
from exporter.platform.values import Secret
from exporter.sources._http import client, retry_after, send

if TYPE_CHECKING:
    import httpx

KEPT = 30.0
"""Seconds for which an answer, or a failure, is not asked for again."""

_TIMEOUT = 4.0
"""Seconds: the collection that waits for the answer has a time-out of its own."""

_DEFAULT_SUSPEND = 300.0
"""What a suspend time-out of 0 stands for, in seconds."""

_BY_STATUS: dict[int, tuple[Reason, str]] = {
    401: ("auth", "Create an API key in Neon's console, and check that it was not revoked."),
    403: ("permission", "Use a key that covers the project."),
    404: ("rejected", "Check `project:`, and that the key covers it."),
    429: ("rate_limited", "The limit counts all that use the account's keys."),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One compute. Times are Unix seconds by Neon's clock; None is unknown, or never for `suspend_timeout`."""

    id: str
    host: str
    state: str
    """`active`, `idle` (suspended), `init`, or a word that is newer than this program."""
    pending: str | None = None
    disabled: bool = False
    last_active: float | None = None
    started: float | None = None
    suspend_timeout: float | None = None
    min_cu: float | None = None
    max_cu: float | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The endpoints of a project. `ahead` is Neon's Unix time less the monotonic clock, both in seconds."""

    endpoints: tuple[Endpoint, ...]
    ahead: float


class ControlPlane:
    """One project, asked with one key. The key is read for each request, so a rotated one is taken up."""

    def __init__(
        self, url: str, project: str, key: Secret, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = f"{url.rstrip('/')}/projects/{project}/endpoints"
        self._project, self._key, self._clock = project, key, clock
        self._again = float("-inf")
        self._outcome: Listing | SourceError = SourceError("internal", "Neon was not asked yet")
        self._asking = asyncio.Lock()

    async def endpoints(self) -> Listing:
        """Return the endpoints, at most half a minute old.

        Raises:
            SourceError: no answer, or a refusal; it is not asked again before Neon allows.
        """
        async with self._asking:
            if self._clock() >= self._again:
                await self._refresh()
        if isinstance(self._outcome, SourceError):
            raise self._outcome.with_traceback(None)
        return self._outcome

    async def _refresh(self) -> None:
        wait = KEPT
        try:
            self._outcome = await self._ask()
        except SourceError as error:
            self._outcome = error
            wait = max(KEPT, error.retry_after or 0.0)
        self._again = self._clock() + wait

    async def _ask(self) -> Listing:
        try:
            key = self._key.reveal()
        except PydanticCustomError as error:
            context = error.context or {}
            raise SourceError("auth", str(context["message"]), remedy=str(context["remedy"])) from None
        async with client(_TIMEOUT, Accept="application/json", Authorization=f"Bearer {key}") as asked:
            response = await send(asked, asked.build_request("GET", self._url))
        if not response.is_success:
            raise _refusal(response, self._project)
        ahead = time.time() - self._clock()
        with suppress(ValueError, TypeError):
            ahead = parsedate_to_datetime(response.headers.get("date")).timestamp() - self._clock()
        try:
            endpoints = tuple(_endpoint(entry) for entry in orjson.loads(response.content)["endpoints"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SourceError("parse", "Neon's answer is no list of endpoints") from error
        return Listing(endpoints, ahead)


_planes: "WeakValueDictionary[tuple[str, str, Secret], ControlPlane]" = WeakValueDictionary()


def control_plane(url: str, project: str, key: Secret) -> ControlPlane:
    """Return the one ControlPlane of a project, which all its databases share."""
    found = _planes.get((url, project, key))
    if found is None:
        found = _planes[url, project, key] = ControlPlane(url, project, key)
    return found


def _refusal(response: "httpx.Response", project: str) -> SourceError:
    reason, remedy = _BY_STATUS.get(response.status_code, ("http_status", ""))
    said = ""
    with suppress(orjson.JSONDecodeError, AttributeError):
        said = str(orjson.loads(response.content).get("message", ""))[:200]
    message = f"Neon answers HTTP {response.status_code} for project {project}"
    return SourceError(
        reason,
        f"{message}: {said}" if said else message,
        remedy=remedy,
        retry_after=retry_after(response),
    )


def _endpoint(entry: dict[str, Any]) -> Endpoint:
    suspend = entry.get("suspend_timeout_seconds")
    return Endpoint(
        id=str(entry["id"]),
        host=str(entry["host"]),
        state=str(entry["current_state"]),
        pending=entry.get("pending_state"),
        disabled=bool(entry.get("disabled", False)),
        last_active=_moment(entry.get("last_active")),
        started=_moment(entry.get("started_at")),
        suspend_timeout=None if suspend == -1 else float(suspend or _DEFAULT_SUSPEND),
        min_cu=_number(entry.get("autoscaling_limit_min_cu")),
        max_cu=_number(entry.get("autoscaling_limit_max_cu")),
    )


def _moment(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
