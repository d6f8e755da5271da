"""The sinks' HTTP side: webhooks, the dead man's switch, the list of what arrived as JSON and as a page."""

from collections.abc import Callable

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from exporter.demo.names import HEARTBEAT_PATH
from exporter.demo.sinks.inbox import CHANNELS, Inbox
from exporter.demo.sinks.page import render_page
from exporter.demo.sinks.pagerduty import PagerDutyEvents
from exporter.demo.sinks.slack import SlackWebhook
from exporter.demo.sinks.sns import TextMessages
from exporter.demo.sinks.statuspage import Statuspage


def sinks_app(
    inbox: Inbox, status_page: Statuspage | None = None, *, refused: Callable[[], bool] = lambda: False
) -> Starlette:
    """Build the application over `inbox`, with this status page or one of its own; heartbeats can be `refused`."""

    async def page(request: Request) -> Response:
        return HTMLResponse(render_page(inbox.newest()))

    async def notifications(request: Request) -> Response:
        channel = request.query_params.get("channel")
        if channel is not None and channel not in CHANNELS:
            return JSONResponse({"error": f"no channel {channel!r}: {', '.join(CHANNELS)}"}, status_code=404)
        return JSONResponse(inbox.documents(channel))

    async def heartbeat(request: Request) -> Response:
        if refused():
            return JSONResponse({"error": "out of order"}, status_code=500)
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            return JSONResponse({"error": "a heartbeat is a JSON object"}, status_code=400)
        inbox.put("heartbeat", str(body.get("status", "beat")), body)
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/notifications", notifications),
            Route(HEARTBEAT_PATH, heartbeat, methods=["POST"]),
            *SlackWebhook(inbox).routes(),
            *PagerDutyEvents(inbox).routes(),
            *TextMessages(inbox).routes(),
            *(status_page or Statuspage(inbox)).routes(),
        ]
    )
