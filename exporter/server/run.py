"""Runs engine and listener in one event loop until a signal ends them."""

import asyncio
import gc
import os
import signal
import sys
import threading
from pathlib import Path

from exporter import __version__
from exporter.engine.engine import Engine
from exporter.engine.lasting import lasting
from exporter.logs import Log
from exporter.platform.load import load
from exporter.platform.problems import PlatformError
from exporter.server.app import application
from exporter.server.listener import Listener, ListenError
from exporter.server.webfile import WebFile

__all__ = ["ListenError", "serve"]

log = Log()

_LEAVE_SECONDS = 0.95
_TURN = 0.0001
"""Seconds that a thread which renders keeps an answer waiting for its turn; Python's own are fifty times that."""

_NEW_OBJECTS = 10_000
"""Between two runs of the garbage collector: a megabyte or two."""


async def serve(
    path: Path,
    host: str,
    port: int,
    *,
    web_config: Path | None = None,
    lifecycle: bool = False,
    debug: bool = False,
) -> None:
    """Serve the platform file at `path` on host:port; SIGTERM and SIGINT end it, SIGHUP reloads.

    `web_config` is Prometheus' web configuration file; `lifecycle` lets anybody reload over HTTP; `debug` says
    whether lines at debug level are logged.

    Raises:
        PlatformError: the platform file or the web configuration is not usable.
        ListenError: the port is taken, or the address is not ours.
        StateError: the state cannot be kept where it should be.
    """
    engine, web = Engine(path, load(path)), WebFile(web_config)
    reading, ending = asyncio.Lock(), asyncio.Event()

    async def reload() -> None:
        async with reading:
            if not ending.is_set():
                await web.read()
                await engine.reload()

    async def reload_on_signal() -> None:
        try:
            await reload()
        except PlatformError as error:
            log.warning("reload.refused", problems=len(error.problems))

    def reload_soon() -> None:
        task = asyncio.create_task(reload_on_signal())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    listener = Listener(application(engine, web, reload, lifecycle=lifecycle, debug=debug), web)
    reloads: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    loop.add_signal_handler(signal.SIGINT, ending.set)
    loop.add_signal_handler(signal.SIGHUP, reload_soon)
    listener.open(host, port)
    async with reading:  # a reload waits: it would start the same sources
        started = await _start(engine, ending)
    try:
        if started:
            _settle()
            listener.start()
            watching = asyncio.create_task(lasting(web.watch))
            scheme = "http" if web.tls is None else "https"
            log.info(
                "listening",
                address=f"{host}:{port}",
                scheme=scheme,
                platform=engine.platform.platform,
                version=__version__,
            )
            await ending.wait()
            watching.cancel()
    finally:
        _end_in_time()
        await asyncio.gather(listener.close(), engine.stop())
        log.info("stopped")


def _settle() -> None:
    """Have threads take short turns, and the garbage collector leave alone what is there now: most stays to the end.

    It looks for circles of objects each time that so many more were made than freed. By default that is 700, and a
    collection makes thousands, of label values above all, which are in no circles: a tenth of its CPU time went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    sys.setswitchinterval(_TURN)


async def _start(engine: Engine, ending: asyncio.Event) -> bool:
    """Start `engine`; give up when the end comes sooner, as it may while a state store does not answer."""
    starting, end = asyncio.create_task(engine.start()), asyncio.create_task(ending.wait())
    await asyncio.wait({starting, end}, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return False


def _end_in_time() -> None:
    """End the process within a second, whatever clings: a source, a disk, a look-up in a thread that cannot be stopped.

    Nothing is lost by it, for state is on disk before it is shown. A process that ends by itself is quicker than this.
    """
    leaver = threading.Timer(_LEAVE_SECONDS, os._exit, (0,))
    leaver.daemon = True
    leaver.start()
