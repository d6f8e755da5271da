"""Logs: one JSON object a line on standard error, in the format the platforms' own services write.

Fields: timestamp (RFC 3339, UTC), level, service, action, and what belongs to the action.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from exporter.platform.values import redact

Level = Literal["debug", "info", "warning", "error"]


def silence() -> None:
    """Log nothing: for commands that print their findings themselves."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def configure(level: Level = "info") -> None:
    """Set up structured logs for the process. Secrets that were revealed are taken out of every line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _fields,
            structlog.processors.JSONRenderer(),
            _redacted,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries that are refused a request say so in warnings; our own lines name the failure already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        "timestamp": event.pop("timestamp"),
        "level": event.pop("level"),
        "service": "platform-exporter",
        "action": event.pop("event"),
        **event,
    }


def _redacted(_: Any, __: str, line: Any) -> Any:
    return redact(str(line))
