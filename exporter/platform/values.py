"""The kinds of value a platform file holds, as people write them: `30s`, `7y`, `1MiB`, `99.95%`, `${env:NAME}`."""

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_UNITS = {
    "ms": 1,
    "s": 10**3,
    "m": 60 * 10**3,
    "h": 3600 * 10**3,
    "d": 86400 * 10**3,
    "w": 7 * 86400 * 10**3,
    "y": 365 * 86400 * 10**3,
}
_DURATION = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d|w|y))+")
_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w|y)")
_SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_RATIO = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_REFERENCE = re.compile(r"\$\{(?:(env):([A-Za-z_][A-Za-z0-9_]*)|(file):([^{}:\s]+))\}")
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def fault(kind: str, message: str, remedy: str) -> PydanticCustomError:
    """Return an error for pydantic that carries its remedy to the reader of the platform file."""
    return PydanticCustomError(kind, "{message}", {"message": message, "remedy": remedy})


class _Written:
    """Base of values that are written as text: parses on validation, shows a pattern in the JSON Schema."""

    _pattern: ClassVar[str]
    _examples: ClassVar[tuple[str, ...]]

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the value that `raw` stands for, or raise a PydanticCustomError with a remedy."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda raw: raw if isinstance(raw, cls) else cls.parse(raw),
            serialization=core_schema.to_string_ser_schema(),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": cls._pattern, "examples": list(cls._examples)}


class Duration(_Written, float):
    """A length of time in seconds, written as Prometheus writes it: `30s`, `1h30m`, `7y` (a year is 365 days)."""

    _pattern = r"^(\d+(ms|s|m|h|d|w|y))+$"
    _examples: ClassVar[tuple[str, ...]] = ("30s", "5m", "1h30m", "7y")

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the seconds that `raw` stands for."""
        if not isinstance(raw, str) or not _DURATION.fullmatch(raw):
            raise fault(
                "duration",
                f"{raw!r} is not a duration",
                "Write a number and a unit, such as 30s, 5m, 1h30m, 7d or 7y.",
            )
        return cls(sum(int(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(raw)) / 1000)

    def __str__(self) -> str:
        rest, text = round(self * 1000), ""
        for unit in ("d", "h", "m", "s", "ms"):
            size = _UNITS[unit]
            if rest >= size:
                text += f"{rest // size}{unit}"
                rest %= size
        return text or "0s"


class Size(_Written, int):
    """A number of bytes: `512KiB`, `1MiB`, `10GB`."""

    _pattern = r"^\d+(\.\d+)?\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$"
    _examples: ClassVar[tuple[str, ...]] = ("1MiB", "10GB")

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the bytes that `raw` stands for."""
        match = _SIZE.fullmatch(raw) if isinstance(raw, str) else None
        if match is None:
            raise fault(
                "size", f"{raw!r} is not a size", "Write a number and a unit, such as 512KiB, 1MiB or 10GB."
            )
        return cls(float(match[1]) * _SIZES[match[2]])


class Ratio(_Written, Decimal):
    """A share between 0 and 1, exact, written as a percentage: `99.95%`."""

    _pattern = r"^\d+(\.\d+)?\s*%$"
    _examples: ClassVar[tuple[str, ...]] = ("99.95%", "80%")

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the share that `raw` stands for."""
        match = _RATIO.fullmatch(raw) if isinstance(raw, str) else None
        if match is None or Decimal(match[1]) > 100:
            raise fault(
                "ratio", f"{raw!r} is not a share", "Write a percentage from 0% to 100%, such as 99.95%."
            )
        return cls(Decimal(match[1]) / 100)

    @property
    def percent(self) -> str:
        """The share as a percentage without needless zeros: `99.95%`."""
        return f"{plain(self * 100)}%"


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros, so that numbers travel free of float noise."""
    return f"{number.normalize():f}"


class Address(_Written, str):
    """A URL or host:port. May hold `${env:NAME}` or `${env:NAME:-default}`, filled in when the file is read."""

    _pattern = r"^\S+$"
    _examples: ClassVar[tuple[str, ...]] = (
        "https://api.example.com/health",
        "${env:API_URL:-http://localhost:8080}",
    )

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the address with the environment filled in."""
        if (
            not isinstance(raw, str)
            or not raw
            or any(char.isspace() or not char.isprintable() for char in raw)
        ):
            raise fault("address", "this is not an address", "Write a URL or host:port without spaces.")
        address = _ENV.sub(_fill, raw)
        if "${" in address:
            raise fault(
                "reference",
                "holds a reference that cannot be read",
                "Write ${env:NAME} or ${env:NAME:-default}.",
            )
        if re.match(r"[A-Za-z0-9+.-]+://[^/]*@", address):
            remedy = "Take the password out of the URL; secrets are given by reference."
            raise fault("url_password", "holds a user or a password", remedy)
        return cls(address)


class Url(Address):
    """An http or https URL; see Address."""

    _pattern = r"^(https?://|\$\{env:)\S+$"
    _examples: ClassVar[tuple[str, ...]] = ("https://api.example.com/health",)

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the URL with the environment filled in. A URL with a password in it is refused."""
        url = super().parse(raw)
        try:
            parts = urlsplit(url)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none
            valid = False
        if not valid:
            raise fault("url", f"{str(url)!r} is not a URL", "Start it with https:// or http:// and a host.")
        return url


class HostPort(Address):
    """host:port; see Address. Empty when the environment leaves it so."""

    _examples: ClassVar[tuple[str, ...]] = ("exporter.internal:9780",)

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return host:port with the environment filled in."""
        address = super().parse(raw)
        match = re.fullmatch(r"(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", address)
        if address and (match is None or not 0 < int(match[1]) < 65536):
            raise fault(
                "host_port",
                f"{str(address)!r} is not host:port",
                "Write it like exporter.internal:9780, without http://.",
            )
        return address


def _fill(match: re.Match[str]) -> str:
    name, default = match[1], match[2]
    value = os.environ.get(name) or default
    if value is None:
        raise missing_variable(name)
    return value


def missing_variable(name: str) -> PydanticCustomError:
    """Return the error for an environment variable that is not set."""
    return fault(
        "missing_env",
        f"environment variable {name} is not set",
        f"Set it before you start, for instance: export {name}=…",
    )


class Secret(_Written):
    """A secret by reference: `${env:NAME}` or `${file:PATH}`. Its value appears in no repr, log, error or metric.

    A relative PATH lies in the secrets directory: `--secrets-dir`, else $PLATFORM_SECRETS_DIR, else /run/secrets.
    """

    _pattern = r"^\$\{(env|file):[^}]+\}$"
    _examples: ClassVar[tuple[str, ...]] = ("${env:DATABASE_URL}", "${file:slack_webhook}")

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Return the reference; a literal is refused without being repeated in the message."""
        match = _REFERENCE.fullmatch(raw) if isinstance(raw, str) else None
        if match is None:
            raise fault(
                "literal_secret",
                "a secret must not be written in the file, nor a default for one",
                "Write a reference alone: ${env:NAME} or ${file:PATH}. If it was real, replace it at its vendor now.",
            )
        return cls(match[1] or match[3], match[2] or match[4])

    @property
    def path(self) -> Path | None:
        """Where the secret lies as a file, absolute; None for one that is in the environment itself.

        `${env:NAME}` is read from the file that NAME_FILE names when that is set, as container images do it.
        """
        if self.kind == "env":
            file = os.environ.get(f"{self.name}_FILE")
            return Path(file) if file else None
        return Path(os.environ.get("PLATFORM_SECRETS_DIR", "/run/secrets")) / self.name

    def reveal(self) -> str:
        """Read the secret, anew at each call, so that a rotated file is seen.

        Raises:
            PydanticCustomError: the variable is not set, or the file cannot be read or is empty.
        """
        if self.path is None:
            value = os.environ.get(self.name, "").strip()
            if not value:
                raise missing_variable(self.name)
        else:
            try:
                value = self.path.read_text(encoding="utf-8-sig").strip()
            except OSError as error:
                raise fault(
                    "missing_file",
                    f"secret file {self.path} cannot be read: {error.strerror}",
                    "Create it, or name the folder of the secrets with --secrets-dir.",
                ) from error
            except UnicodeDecodeError:  # without its cause, which would hold the secret
                raise fault(
                    "binary_file",
                    f"secret file {self.path} is not UTF-8 text",
                    "Write the secret into it as text.",
                ) from None
            if not value:
                raise fault("empty_file", f"secret file {self.path} is empty", "Write the secret into it.")
        conceal(value)
        if not value.isprintable():
            raise fault(
                "broken_secret",
                f"the secret {self} holds a line break or another control character",
                "Write it as one line; a URL holds a tab as %09.",
            )
        return value

    def __repr__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.kind, self.name) == (other.kind, other.name)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))


_revealed: set[str] = set()

_SHORTEST_SECRET = 4
"""A shorter one would take innocent text with it, and is none."""


class Verbatim(str):
    """Text that was written here, out of names that a server told, and holds no secret.

    Role, table or word of SQL may be the same as somebody's password; to take it out would spoil a statement that is to
    be copied, and tell what the password is. What is made of it, by formatting or adding, is common text again.
    """

    __slots__ = ()


def redact(text: str) -> str:
    """Take every secret that was revealed so far out of `text`, unless it is `Verbatim`."""
    if isinstance(text, Verbatim):
        return text
    for value in sorted(_revealed, key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return text


def conceal(value: str) -> None:
    """Have `redact` take out a secret or a part of one, also as Python, JSON and URLs would write it."""
    _revealed.update({value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe=""), quote(value)})
