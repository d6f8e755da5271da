"""Slack's incoming webhook: checks a message as Slack does and answers with its short error words.

Source: https://api.slack.com/messaging/webhooks (section on handling errors).
"""

from typing import Any, TypeGuard
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.demo.names import SLACK_PATH
from exporter.demo.sinks.inbox import Inbox, status_in

MAX_ATTACHMENTS = 100
COLORS = {"good": "resolved", "#2eb886": "resolved", "danger": "firing", "warning": "firing"}


class SlackWebhook:
    """Accepts messages on one webhook and records them."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def routes(self) -> list[Route]:
        """Return the webhook, and the refusal of every other one."""
        return [
            Route(SLACK_PATH, self.receive, methods=["POST"]),
            Route("/slack/services/{team}/{service}/{token}", self.refuse, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        """Take one message: `ok`, or 400 with what is wrong."""
        message = _message(await request.body(), request.headers.get("content-type", ""))
        if message is None:
            return PlainTextResponse("invalid_payload", status_code=400)
        if (problem := message_problem(message)) is not None:
            return PlainTextResponse(problem, status_code=400)
        channel = message.get("channel")
        if isinstance(channel, str) and not channel.startswith(("#", "@", "C", "D", "G", "U")):
            return PlainTextResponse("channel_not_found", status_code=404)
        self._inbox.put("slack", _status(message), message)
        return PlainTextResponse("ok")

    async def refuse(self, request: Request) -> Response:
        """Answer a webhook address that was never issued."""
        return PlainTextResponse("no_service", status_code=404)


def message_problem(message: dict[str, Any]) -> str | None:
    """Return Slack's word for what is wrong with a message, None when it can be posted."""
    attachments, blocks = message.get("attachments"), message.get("blocks")
    if attachments is not None and not _objects(attachments):
        return "invalid_attachments"
    if blocks is not None and not (_objects(blocks) and all("type" in block for block in blocks)):
        return "invalid_blocks"
    if not all(_buttons(attachment.get("actions")) for attachment in attachments or ()):
        return "invalid_attachments"
    if attachments and len(attachments) > MAX_ATTACHMENTS:
        return "too_many_attachments"
    if not isinstance(message.get("text", ""), str):
        return "invalid_payload"
    said = [message.get("text")] + [
        attachment.get(key)
        for attachment in attachments or ()
        for key in ("text", "fallback", "title", "pretext", "blocks")
    ]
    return None if any(said) or blocks else "no_text"


def _buttons(actions: object) -> bool:
    """Tell whether each button has a text, and an address or a name and a value."""
    return actions is None or (
        _objects(actions)
        and all(
            action.get("type") and action.get("text") and (action.get("url") or _named(action))
            for action in actions
        )
    )


def _named(action: dict[str, Any]) -> bool:
    return bool(action.get("name") and action.get("value"))


def _objects(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _message(body: bytes, content_type: str) -> dict[str, Any] | None:
    if content_type.startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body.decode("utf-8", "replace")).get("payload", [""])[0].encode()
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


def _status(message: dict[str, Any]) -> str:
    attachments = message.get("attachments") or [{}]
    first = attachments[0]
    titles = " ".join(
        str(part) for part in (message.get("text"), first.get("title"), first.get("fallback")) if part
    )
    return status_in(titles, COLORS.get(str(first.get("color", "")).lower(), "posted"))
