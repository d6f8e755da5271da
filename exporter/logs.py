"""Logs: one JSON object a line on standard error, in the format the platforms' own services write.

Fields: timestamp (RFC 3339, UTC), level, service, action, and what belongs to the action.

It is this short because nothing else is needed; structlog, which could do it, brings Rich and Pygments into the process
wherever they are installed, and they are, for the commands that people use: 5 MB more than these lines.
"""

import atexit
import json
import logging
import math
import os
import select
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime
from typing import Any, Literal

from exporter.platform.values import redact

Level = Literal["debug", "info", "warning", "error"]

_LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SILENT = 100
_MOST_WAITING = 1_000_000
"""Bytes of lines that wait to be written."""
_LAST_MOMENT = 0.3
"""Seconds that the end of the process waits for them."""


class Log:
    """Writes lines. `action` says what happened, such as `source.failed`; what JSON cannot say is its repr."""

    least = _LEVELS["info"]
    """The least level that is written, for the whole process."""

    def debug(self, action: str, **fields: Any) -> None:
        """Write what helps to find a defect."""
        self._write("debug", action, fields)

    def info(self, action: str, **fields: Any) -> None:
        """Write what happened as it should."""
        self._write("info", action, fields)

    def warning(self, action: str, **fields: Any) -> None:
        """Write what somebody should look at."""
        self._write("warning", action, fields)

    def error(self, action: str, **fields: Any) -> None:
        """Write what failed."""
        self._write("error", action, fields)

    def exception(self, action: str, **fields: Any) -> None:
        """Write the exception that is being handled, with its traceback."""
        self._write("error", action, {**fields, "exception": traceback.format_exc().rstrip("\n")})

    def _write(self, level: str, action: str, fields: dict[str, Any]) -> None:
        if _LEVELS[level] < Log.least:
            return
        _out.write(_line(level, action, fields))


class _StandardError:
    """Writes lines to standard error in a thread of its own, for whoever logs must never wait, nor fail.

    A reader that stalls, one that ended, and a disk that is full cost lines alone: those are lost that find too many
    waiting, or that cannot be written. They are counted, and the next line that can be written tells how many.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._size = self._lost = 0
        self._writing = self._torn = False
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        data = line.encode()
        with self._changed:
            if self._waiting and self._size + len(data) > _MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(data)
            self._size += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> None:
        """Wait until everything is written or lost, so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                self._writing, lost, data = True, self._lost, self._waiting.popleft()
                self._size -= len(data)
            told = not lost or self._written(_line("warning", "log.lost", {"lines": lost}).encode())
            done = told and self._written(data)
            with self._changed:
                self._lost += (0 if done else 1) - (lost if told else 0)
                self._writing = False
                self._changed.notify_all()

    def _written(self, data: bytes) -> bool:
        if self._torn:  # the rest of a line is missing: let that be the only one that cannot be read
            data = b"\n" + data
        left = memoryview(data)
        try:
            file = sys.stderr.fileno()
            while left:
                try:
                    left = left[os.write(file, left) :]
                except BlockingIOError:  # somebody else set it so
                    select.select([], [file], [])
        except (
            AttributeError,
            OSError,
            ValueError,
        ):  # no standard error, or one that is no file; full, closed, gone
            self._torn = self._torn or 0 < len(left) < len(data)
            return False
        self._torn = False
        return True


_out = _StandardError()
flush = _out.flush
atexit.register(flush, _LAST_MOMENT)


class _Libraries(logging.Handler):
    """What libraries log, asyncio's complaints among it, goes the way of our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit
            message = f"{record.msg} {record.args!r}"
        fields = {"logger": record.name, "message": message}
        if record.exc_info:
            fields["exception"] = _traceback(*record.exc_info)
        Log()._write(level, "library.said", fields)


def _traceback(*raised: Any) -> str:
    return "".join(traceback.format_exception(*raised)).rstrip("\n")


def _defect(raised: Any) -> None:
    """Write what nobody caught, in a thread or a destructor, which would go to standard error as it is."""
    Log().error("defect", exception=_traceback(raised.exc_type, raised.exc_value, raised.exc_traceback))


def _line(level: str, action: str, fields: dict[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = {"timestamp": now, "level": level, "service": "platform-exporter", "action": action}
    return json.dumps(line | _safe(fields)) + "\n"


def _safe(value: Any) -> Any:
    """Return what JSON can say of `value`, with the secrets that were revealed taken out of every text.

    Not out of the line: a secret may be digits, such as those of a number or of the year.
    """
    match value:
        case dict():
            return {_safe(str(key)): _safe(held) for key, held in value.items()}
        case list() | tuple():
            return [_safe(held) for held in value]
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            return redact(str(value) if isinstance(value, str) else repr(value))


def silence() -> None:
    """Log nothing: for commands that print their findings themselves."""
    Log.least = _SILENT


def configure(level: Level = "info") -> None:
    """Set the least level of the process."""
    Log.least = _LEVELS[level]
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    logging.captureWarnings(capture=True)
    threading.excepthook = sys.unraisablehook = _defect
    # Libraries that are refused a request say so in warnings; our own lines name the failure already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
