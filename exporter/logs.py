"""Logs: one JSON object a line on standard error, in the format the platforms' own services write.

Fields: timestamp (RFC 3339, UTC), level, service, action, and what belongs to the action.

It is this short because nothing else is needed; structlog, which could do it, brings Rich and Pygments into the process
wherever they are installed, and they are, for the commands that people use: 5 MB more than these lines.
"""

import json
import logging
import math
import os
import select
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

from exporter.platform.values import redact

Level = Literal["debug", "info", "warning", "error"]

_LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SILENT = 100


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
    """Writes lines to standard error. It never raises, and never waits for whoever reads them.

    A disk that is full, a reader that ended and one that stalls must not end, or hold up, what has something to say.
    What cannot be written is lost and counted, and the next line that can be is told after their number.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # threads do not mix their lines
        self._lost = 0
        self._torn = False

    def write(self, line: str) -> None:
        with self._lock:
            if self._lost:
                line = _line("warning", "log.lost", {"lines": self._lost}) + line
            self._lost = 0 if self._written(line) else self._lost + 1

    def _written(self, text: str) -> bool:
        try:
            return self._in_pieces(sys.stderr.fileno(), text.encode())
        except (
            AttributeError,
            OSError,
            ValueError,
        ):  # no standard error, or one that is no file; full, closed, gone
            return False

    def _in_pieces(self, file: int, data: bytes) -> bool:
        """Write as much as a pipe is sure to take at a time, for one that can be written to takes that."""
        writable = select.poll()
        writable.register(file, select.POLLOUT)
        if self._torn:  # the rest of a line is missing: let that be the only one that cannot be read
            data = b"\n" + data
        left = memoryview(data)
        while left:
            if not writable.poll(0):
                return False
            count = os.write(file, left[: select.PIPE_BUF])
            left = left[count:]
            self._torn = data[len(data) - len(left) - 1] != ord("\n")
        return True


_out = _StandardError()


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
    # Libraries that are refused a request say so in warnings; our own lines name the failure already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
