"""The exporter's own listener. Prometheus and people ask here; nothing that the public sends is taken in."""

from collections.abc import Awaitable, Callable
from html import escape
from importlib.resources import files
from string import Template

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter import __version__
from exporter.engine.engine import Engine
from exporter.engine.exposition import OPENMETRICS, TEXT
from exporter.platform.problems import PlatformError
from exporter.server.landing import rows
from exporter.server.negotiate import wants_gzip, wants_openmetrics

_PAGE = Template((files("exporter.server") / "landing.html").read_text(encoding="utf-8"))
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def application(engine: Engine) -> Starlette:
    """Return the ASGI application that serves `engine`."""

    async def metrics(request: Request) -> Response:
        return metrics_response(
            engine, request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
        )

    async def healthy(request: Request) -> Response:
        return PlainTextResponse("platform-exporter is healthy.\n")

    async def ready(request: Request) -> Response:
        if engine.scheduler.ready:
            return PlainTextResponse("platform-exporter is ready.\n")
        waiting = sorted(name for name, runner in engine.scheduler.runners.items() if not runner.runs)
        return PlainTextResponse(f"Not yet asked: {', '.join(waiting)}.\n", status_code=503)

    async def reload(request: Request) -> Response:
        try:
            await engine.reload()
        except PlatformError as error:
            return PlainTextResponse(f"{error}\n", status_code=500)
        return PlainTextResponse("Reloaded.\n")

    async def landing(request: Request) -> Response:
        platform, snapshot = engine.platform, engine.snapshot
        page = _PAGE.substitute(
            title=escape(platform.title or platform.platform),
            platform=escape(platform.platform),
            environment=escape(platform.environment),
            version=escape(__version__),
            series=f"{snapshot.series:,}",
            rows=rows(engine.scheduler.runners.values()),
        )
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    async def unknown(request: Request, error: Exception) -> Response:
        return PlainTextResponse("Not here. Try /metrics or /.\n", status_code=404)

    handlers: dict[int, Callable[[Request, Exception], Awaitable[Response]]] = {404: unknown}
    return Starlette(
        routes=[
            Route("/", landing),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            Route("/-/reload", reload, methods=["POST", "PUT"]),
        ],
        exception_handlers=handlers,
    )


def metrics_response(engine: Engine, accept: str, accept_encoding: str) -> Response:
    """Return the current snapshot in the format and encoding that the client prefers."""
    snapshot, openmetrics, gzip = engine.snapshot, wants_openmetrics(accept), wants_gzip(accept_encoding)
    if openmetrics:
        body = snapshot.openmetrics_gzip if gzip else snapshot.openmetrics
    else:
        body = snapshot.text_gzip if gzip else snapshot.text
    headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
    if gzip:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers)
