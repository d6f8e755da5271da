"""The page that lists what arrived; it reads without JavaScript and refreshes itself with a little of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import orjson

from exporter.demo.sinks.inbox import CHANNELS, Notification

TITLES = {
    "pagerduty": "PagerDuty",
    "slack": "Slack",
    "email": "E-mail",
    "sms": "SMS",
    "statuspage": "Status page",
    "heartbeat": "Heartbeat",
}
SHOWN_HEARTBEATS = 3


def render_page(notifications: Sequence[Notification]) -> str:
    """Render the page; everything that came from outside is escaped."""
    template = Template(files("exporter.demo").joinpath("sinks", "page.html").read_text(encoding="utf-8"))
    counts = "".join(
        f'<li class="{channel}"><b>{sum(item.channel == channel for item in notifications)}</b> {TITLES[channel]}</li>'
        for channel in CHANNELS
    )
    beats = [item for item in notifications if item.channel == "heartbeat"][:SHOWN_HEARTBEATS]
    shown = [item for item in notifications if item.channel != "heartbeat" or item in beats]
    rows = "".join(_row(item) for item in shown) or '<p class="empty">Nothing has arrived yet.</p>'
    return template.substitute(counts=counts, rows=rows)


def _row(item: Notification) -> str:
    title, where, text = _words(item)
    # The dead man's switch is an alert that always fires, which is good news.
    status = "alive" if item.channel == "heartbeat" else item.status
    moment = datetime.fromtimestamp(item.received_at, UTC)
    raw = orjson.dumps(item.body, option=orjson.OPT_INDENT_2).decode()
    return (
        f'<article class="{escape(status)}">'
        f'<header><span class="status">{escape(status)}</span>'
        f'<span class="channel {item.channel}">{TITLES[item.channel]}</span><span class="where">{escape(where)}</span>'
        f'<time datetime="{moment.isoformat()}">{moment:%H:%M:%S} UTC</time></header>'
        f"<h2>{escape(title)}</h2><p>{escape(text)}</p>"
        f"<details><summary>As received</summary><pre>{escape(raw)}</pre></details></article>"
    )


def _words(item: Notification) -> tuple[str, str, str]:
    """Return title, addressee and text of a notification."""
    body = item.body
    if item.channel == "pagerduty":
        payload: dict[str, Any] = body.get("payload") or {}
        where = " · ".join(str(part) for part in (body.get("event_action"), payload.get("severity")) if part)
        return str(payload.get("summary") or body.get("dedup_key", "")), where, str(payload.get("source", ""))
    if item.channel == "slack":
        attachment = (body.get("attachments") or [{}])[0]
        title = attachment.get("title") or attachment.get("fallback") or body.get("text") or ""
        return str(title), str(body.get("channel", "")), str(attachment.get("text") or body.get("text") or "")
    if item.channel == "email":
        return str(body["subject"]), ", ".join(body["to"]), str(body["text"])[:2000]
    if item.channel == "sms":
        return str(body["message"]), str(body["to"]), ""
    if item.channel == "statuspage":
        return str(body["title"]), str(body["where"]), str(body["text"])
    return "The monitoring is alive", str(body.get("receiver", "")), ""
