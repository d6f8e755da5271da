"""The exporter's own listener. Prometheus, Alertmanager and people ask here; what the public sends is not taken in."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from exporter.engine.engine import Engine
from exporter.platform.problems import PlatformError
from exporter.server import landing, webhook
from exporter.server.front import Front
from exporter.server.metrics import Metrics
from exporter.server.openapi import Answer, Operation, document
from exporter.server.status import Sources, sources
from exporter.server.webfile import WebFile

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NOT_KEPT = {"Cache-Control": "no-store"}

_NO_LIFECYCLE = (
    "Lifecycle API is not enabled. Send SIGHUP, start with --web.enable-lifecycle, "
    "or have basic_auth_users in the web configuration.\n"
)

Reload = Callable[[], Awaitable[None]]


def application(
    engine: Engine, web: WebFile, reload: Reload, *, lifecycle: bool = False, debug: bool = False
) -> Front:
    """Return the ASGI application that serves `engine`; `reload` reads files again and may raise PlatformError.

    Over HTTP it is asked for by users of the web configuration, or by anybody when `lifecycle` says so.
    """

    async def healthy(request: Request) -> Response:
        return PlainTextResponse("platform-exporter is healthy.\n")

    async def ready(request: Request) -> Response:
        if waiting := engine.scheduler.waiting:
            return PlainTextResponse(f"Not yet asked: {', '.join(waiting)}.\n", status_code=503)
        return PlainTextResponse("platform-exporter is ready.\n")

    async def read_again(request: Request) -> Response:
        if not lifecycle and web.policy.users is None:
            return PlainTextResponse(_NO_LIFECYCLE, status_code=403)
        try:
            await reload()
        except PlatformError as error:
            return PlainTextResponse(f"{error}\n", status_code=500)
        return PlainTextResponse("Reloaded.\n")

    async def front_page(request: Request) -> Response:
        return HTMLResponse(landing.page(engine), headers=_PAGE_HEADERS)

    async def state(request: Request) -> Response:
        return Response(sources(engine).model_dump_json(), media_type="application/json", headers=_NOT_KEPT)

    async def described(request: Request) -> Response:
        return JSONResponse(description)

    async def unknown(request: Request, error: Exception) -> Response:
        return PlainTextResponse("Not here. Try /metrics or /.\n", status_code=404)

    operations = [
        Operation("/", "landing", "A page for people.", front_page, {200: Answer("The page.", "text/html")}),
        Operation(
            "/-/healthy",
            "healthy",
            "Whether the process serves requests.",
            healthy,
            {200: Answer("It does.")},
        ),
        Operation(
            "/-/ready",
            "ready",
            "Whether each source was asked once, whatever came of it; where another exporter asks, heard of.",
            ready,
            {
                200: Answer("Each was. A source of which nothing is heard for 25 s is not waited for."),
                503: Answer("Some were not yet; the text names them."),
            },
        ),
        Operation(
            "/-/reload",
            "reload",
            "Read platform file, web configuration and certificates again.",
            read_again,
            {
                200: Answer("Done."),
                403: Answer("There are no users, and --web.enable-lifecycle was not given."),
                500: Answer("The platform file is not usable, and everything goes on as before."),
                408: Answer("The body, which is not needed, did not arrive in time."),
                413: Answer("The body, which is not needed, is too large."),
            },
            method="POST",
            also=("PUT",),
        ),
        Operation(
            "/api/v1/sources",
            "sources",
            "How each source is.",
            state,
            {200: Answer("Every source.", model=Sources)},
        ),
        webhook.status_page(engine),
        Operation(
            "/openapi.json",
            "openapi",
            "This document.",
            described,
            {200: Answer("OpenAPI 3.1.", "application/json")},
        ),
    ]
    description = document(operations)
    pages = Starlette(
        routes=[operation.route for operation in operations],
        exception_handlers={404: unknown},
    )
    pages.router.redirect_slashes = (
        False  # the address of a redirect would be made of the client's Host header
    )
    return Front(Metrics(engine), pages, web, debug=debug)
