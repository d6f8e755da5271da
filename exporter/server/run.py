"""Runs engine and listener in one event loop until a signal ends them."""

import asyncio
import signal
from pathlib import Path

import structlog
import uvicorn

from exporter import __version__
from exporter.engine.engine import Engine
from exporter.platform.load import load
from exporter.platform.problems import PlatformError
from exporter.server.app import application

log = structlog.get_logger()

_DRAIN_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75
_MAX_CONNECTIONS = 512


class ListenError(Exception):
    """The listener cannot be opened."""


class _Server(uvicorn.Server):
    """Uvicorn, with signals left to us."""

    def capture_signals(self):  # type: ignore[no-untyped-def]  # returns uvicorn's own context manager type
        """Leave the signals alone."""
        return _Nothing()


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


async def serve(path: Path, host: str, port: int) -> None:
    """Serve the platform file at `path` on host:port; SIGTERM and SIGINT end it, SIGHUP reloads.

    Raises:
        PlatformError: the file is not usable.
        ListenError: the port is taken, or the address is not ours.
    """
    engine = Engine(path, load(path))
    config = uvicorn.Config(
        application(engine),
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    try:
        socket = config.bind_socket()
    except SystemExit as error:  # uvicorn's way to say that it cannot bind
        raise ListenError(f"cannot listen on {host}:{port}; choose another with --listen") from error
    server = _Server(config)
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def end() -> None:
        server.should_exit = True

    def reload() -> None:
        task = asyncio.create_task(_reload(engine))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await engine.start()
    log.info("listening", address=f"{host}:{port}", platform=engine.platform.platform, version=__version__)
    try:
        await server.serve(sockets=[socket])
    finally:
        await engine.stop()
        log.info("stopped")


async def _reload(engine: Engine) -> None:
    try:
        await engine.reload()
    except PlatformError as error:
        log.warning("reload.refused", problems=len(error.problems))
