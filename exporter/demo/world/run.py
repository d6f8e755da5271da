"""Runs the world: three HTTP listeners, one for mail, the customers and the tidying, until a signal comes."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from exporter.demo.cloudflare.api import CloudflareAnalytics
from exporter.demo.sinks.app import sinks_app
from exporter.demo.sinks.inbox import Inbox
from exporter.demo.sinks.mail import serve_mail
from exporter.demo.world.database import forget_statements, prepare_product, prepare_server, tidy_forever
from exporter.demo.world.documents import HealthDocuments
from exporter.demo.world.faults import Faults
from exporter.demo.world.health import Health
from exporter.demo.world.invocations import InvocationLog, Recorder
from exporter.demo.world.misuse import Misuse
from exporter.demo.world.product import Product, script_of
from exporter.demo.world.settings import WorldSettings
from exporter.demo.world.store import Store
from exporter.demo.world.workload import Workload

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A listener among several: the world handles the signals, not each of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def run_world(settings: WorldSettings) -> None:
    """Prepare the database, serve and send customers until SIGINT or SIGTERM."""
    if settings.admin_url and settings.exporter_url:
        await prepare_server(settings.admin_url, settings.database_url, settings.exporter_url)
    await prepare_product(settings.database_url)
    if settings.admin_url:
        await forget_statements(settings.admin_url)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        store = Store(settings.database_url, settings.redis_url)
        await store.open()
        stack.push_async_callback(store.close)
        misuse = Misuse(settings.database_url)
        stack.push_async_callback(misuse.close)
        faults, log, inbox = Faults(misuse), InvocationLog(), Inbox()
        local = f"http://127.0.0.1:{settings.ports['api']}"
        health = Health(store, f"{local}/demo/vendors")
        stack.push_async_callback(health.close)
        product = Starlette(
            routes=[
                *Product(store, faults).routes(),
                *HealthDocuments(health).routes(),
                *faults.routes(),
                *_ready(),
            ]
        )
        apps: dict[str, ASGIApp] = {
            "api": Recorder(product, log, script_of),
            "cloudflare": Starlette(routes=[*CloudflareAnalytics(log).routes(), *_ready()]),
            "sinks": sinks_app(inbox, refused=lambda: "delivery" in faults),
        }
        mail = await serve_mail(inbox, settings.host, settings.ports["smtp"])
        stack.callback(mail.close)
        async with asyncio.TaskGroup() as group:
            servers = [_server(app, settings, part) for part, app in apps.items()]
            serving = [group.create_task(server.serve()) for server in servers]
            background = [
                group.create_task(Workload(local).run()),
                group.create_task(tidy_forever(settings.database_url)),
            ]
            ended = asyncio.create_task(stopping.wait())
            await asyncio.wait({ended, *serving}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                logger.error("a listener ended by itself; the world stops")
                ended.cancel()
            for server in servers:
                server.should_exit = True
            for task in background:
                task.cancel()


def _server(app: ASGIApp, settings: WorldSettings, part: str) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.ports[part],
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    return _Server(config)


def _ready() -> list[Route]:
    async def ready(request: Request) -> Response:
        return JSONResponse({"status": "ready"})

    return [Route("/demo/ready", ready)]
