"""The web configuration in use: read at the start, read again when it or a certificate changes."""

import asyncio
from contextlib import suppress
from pathlib import Path

from exporter.logs import Log
from exporter.platform.problems import PlatformError, Problem
from exporter.server.policy import Policy
from exporter.server.webconfig import Tls, WebConfig, load

log = Log()

_LOOK_EVERY = 1.0

Stamp = tuple[tuple[str, int, int, int], ...]
"""Name, inode, time and size of each file that was read; zeros for one that is not there."""


class WebFile:
    """What --web.config.file says now. Without a file everything is open, over plain HTTP.

    Users, headers, rate limit and certificates follow the file. Going from HTTP to HTTPS or back needs a restart.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file. Raises PlatformError."""
        self._path = path
        self.policy = Policy(WebConfig())
        self.tls: Tls | None = None
        self._stamp: Stamp = ()
        if path is not None:
            self._stamp = _stamp((path,))
            config, self.tls = load(path)
            self._stamp = _stamp(self._files())
            self.policy = Policy(config)

    async def watch(self) -> None:
        """Follow the files until cancelled; a bad one is logged, and what was in use stays."""
        if self._path is None:
            return
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            stamp = await asyncio.to_thread(_stamp, self._files())
            if stamp != self._stamp:
                self._stamp = stamp
                with suppress(PlatformError):  # it was logged
                    await self.read()

    async def read(self) -> None:
        """Read the files again now. Raises PlatformError for a bad one, logs it, and goes on with what was in use."""
        if self._path is None:
            return
        try:
            config, tls = await asyncio.to_thread(self._load, self._path)
        except PlatformError as error:
            log.warning("web_config.refused", problems=[str(problem) for problem in error.problems])
            raise
        self.policy, self.tls = Policy(config, self.policy), tls
        log.info("web_config.read", users=len(config.basic_auth_users), tls=tls is not None)

    def _load(self, path: Path) -> tuple[WebConfig, Tls | None]:
        config, tls = load(path)
        if (tls is None) != (self.tls is None):
            remedy = "Restart to go from HTTP to HTTPS or back."
            raise PlatformError([Problem(str(path), 1, "tls_server_config", "was added or removed", remedy)])
        return config, tls

    def _files(self) -> tuple[Path, ...]:
        named = self.tls.files if self.tls is not None else ()
        return (self._path, *named) if self._path is not None else ()


def _stamp(files: tuple[Path, ...]) -> Stamp:
    found = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append((str(file), 0, 0, 0))
        else:
            found.append((str(file), status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)
