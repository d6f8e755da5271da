"""PagerDuty's Events API v2: checks an event as PagerDuty does, and knows which incidents are open.

Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

import secrets
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import PAGERDUTY_PATH
from exporter.demo.sinks.inbox import Inbox

ACTIONS = {"trigger": "firing", "acknowledge": "acknowledged", "resolve": "resolved"}
SEVERITIES = ("critical", "error", "warning", "info")
KEY_LENGTH = 32
MAX_DEDUP_KEY = 255
MAX_SUMMARY = 1024
MAX_BYTES = 512 * 1024
EVENTS_PER_MINUTE = 120


class PagerDutyEvents:
    """Accepts events and records them; an `acknowledge` or `resolve` without an open incident is `dropped`."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._open: set[str] = set()
        self._limiters: dict[str, WindowLimiter] = {}

    def routes(self) -> list[Route]:
        """Return the one route of the API."""
        return [Route(PAGERDUTY_PATH, self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """Take one event: 202 with its key, 400 with the list of errors, or 429."""
        body = await request.body()
        try:
            event = orjson.loads(body)
        except orjson.JSONDecodeError:
            return _invalid(["Event object could not be parsed as JSON"])
        if len(body) > MAX_BYTES:
            return _invalid(["Event object is larger than 512 KB"])
        errors = event_errors(event)
        if errors:
            return _invalid(errors)
        limiter = self._limiters.setdefault(event["routing_key"], WindowLimiter(EVENTS_PER_MINUTE, 60.0))
        if not limiter.allow():
            return JSONResponse(
                {"status": "throttle exceeded", "message": "Too many events"}, status_code=429
            )
        key = event.get("dedup_key") or secrets.token_hex(16)
        self._inbox.put("pagerduty", self._apply(event["event_action"], key), {**event, "routing_key": "…"})
        return JSONResponse(
            {"status": "success", "message": "Event processed", "dedup_key": key}, status_code=202
        )

    def _apply(self, action: str, key: str) -> str:
        if action == "trigger":
            self._open.add(key)
        elif key not in self._open:
            return "dropped"
        elif action == "resolve":
            self._open.remove(key)
        return ACTIONS[action]


def event_errors(event: object) -> list[str]:
    """Return everything that is wrong with an event, in the order of the documentation; empty when it is valid."""
    if not isinstance(event, dict):
        return ["Event object must be a JSON object"]
    errors = []
    key, action, dedup = event.get("routing_key"), event.get("event_action"), event.get("dedup_key")
    if not key:
        errors.append("'routing_key' is missing or blank")
    elif not isinstance(key, str) or len(key) != KEY_LENGTH:
        errors.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    if not action:
        errors.append("'event_action' is missing or blank")
    elif action not in ACTIONS:
        errors.append("'event_action' must be one of: trigger, acknowledge, resolve")
    if dedup is not None and (not isinstance(dedup, str) or len(dedup) > MAX_DEDUP_KEY):
        errors.append(f"'dedup_key' must be a string of at most {MAX_DEDUP_KEY} characters")
    elif not dedup and action in ("acknowledge", "resolve"):
        errors.append(f"'dedup_key' is required to {action}")
    if action == "trigger":
        errors.extend(_payload_errors(event.get("payload")))
    return errors


def _payload_errors(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not payload.get(name)
    ]
    if len(str(payload.get("summary", ""))) > MAX_SUMMARY:
        errors.append(f"'payload.summary' is longer than {MAX_SUMMARY} characters")
    if payload.get("severity") and payload["severity"] not in SEVERITIES:
        errors.append(f"'payload.severity' must be one of: {', '.join(SEVERITIES)}")
    if not isinstance(payload.get("custom_details", {}), dict | str):
        errors.append("'payload.custom_details' must be an object")
    return errors


def _invalid(errors: list[str]) -> JSONResponse:
    answer = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return JSONResponse(answer, status_code=400)
