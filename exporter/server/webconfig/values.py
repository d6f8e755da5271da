"""The kinds of value in a web configuration file, as Go reads them."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from exporter.platform.values import fault

# bcrypt's own base64; $2x$ marks hashes of a library that was broken.
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_LEAST_COST, _MOST_COST = 4, 31

_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+", re.ASCII)
_GO_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)", re.ASCII)


def _go_duration(raw: object) -> float:
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        return raw / 1e9  # a bare number is nanoseconds in Go
    if isinstance(raw, str) and _GO_DURATION.fullmatch(raw):
        return sum(float(number) * _GO_UNITS[unit] for number, unit in _GO_PART.findall(raw))
    raise fault(
        "go_duration", f"{raw!r} is not a duration", "Write a number and a unit, such as 500ms, 1s or 1m30s."
    )


def _user(name: str) -> str:
    """Check a name. What follows a colon may be its password, so the name is not repeated, not as key either."""
    if ":" in name or not name.isprintable():
        remedy = "Write `name: hash`; RFC 7617 has no colon in names."
        message = "has a name with a colon or a control character"
        raise PydanticCustomError(
            "user", "{message}", {"message": message, "remedy": remedy, "of_parent": True}
        )
    return name


def _hash(raw: object) -> str:
    """Check a hash. It may be a password by mistake, so it is never repeated."""
    if (
        isinstance(raw, str)
        and (match := _BCRYPT.fullmatch(raw))
        and _LEAST_COST <= int(match[1]) <= _MOST_COST
    ):
        return raw
    raise fault(
        "bcrypt",
        "is not a bcrypt hash",
        "Make one with: htpasswd -nBC 10 \"\" | tr -d ':\\n'. It begins with $2y$, $2b$ or $2a$.",
    )


def _header_text(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


def _header_value(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise fault(
            "header_value", "is not a line of ASCII", "Leave out line breaks and letters with accents."
        )
    return value


def _not_http2(raw: object) -> object:
    if raw is True:
        raise fault(
            "http2",
            "HTTP/2 is not spoken here",
            "Write `http2: false` or leave the line out: Prometheus and browsers agree on HTTP/1.1 by themselves.",
        )
    return raw


GoDuration = Annotated[float, PlainValidator(_go_duration)]
"""Seconds, written as Go's time.ParseDuration reads them: `1m30s`, `500ms`; a bare whole number is nanoseconds."""

User = Annotated[str, AfterValidator(_user)]
"""A name for basic auth."""

Hash = Annotated[str, PlainValidator(_hash)]
"""A bcrypt hash."""

HeaderValue = Annotated[str, BeforeValidator(_header_text), AfterValidator(_header_value)]
"""A header's value; YAML's numbers are text here, as in `X-XSS-Protection: 1`."""

OnlyHttp1 = Annotated[bool, BeforeValidator(_not_http2)]
"""False."""
