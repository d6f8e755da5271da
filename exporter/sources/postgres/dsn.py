"""Reading a connection string without ever telling what is in it."""

import ipaddress
import os
import re
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic_core import PydanticCustomError

from exporter.engine.source import SourceError
from exporter.platform.values import Secret, conceal

_FORMS = "Write postgresql://USER:PASSWORD@HOST/DATABASE or host=… user=… password=… dbname=…."
_ENCODE = "Write @ / and % in its password as %40 %2F and %25, or write host=… user=… password='…' dbname=…."
_DIGITS = "Write the port in digits. If a password stands there: write @ / and % in it as %40 %2F and %25."
_QUOTE = "Write host=… user=… password='…' dbname=…, the password in single quotes, with \\' for ' and \\\\ for \\."
_SCHEMES = ("postgresql", "postgres")
_PASSWORD = re.compile(r"password\s*=\s*(.*)")


def settings(dsn: Secret) -> dict[str, Any]:
    """Read the secret anew, and return its parts by libpq's names.

    Raises:
        SourceError: it cannot be read (auth) or is no connection string (rejected).
    """
    try:
        text = dsn.reveal()
    except PydanticCustomError as error:
        context = error.context or {}
        raise SourceError("auth", str(context["message"]), remedy=str(context["remedy"])) from None
    try:
        found: dict[str, Any] = conninfo_to_dict(text)
    except ProgrammingError:  # without its text, which repeats what it could not read
        _conceal_password(text)
        raise SourceError(
            "rejected",
            f"{dsn} is no connection string",
            remedy=_form(text),
        ) from None
    if (misread := _misread(text, found)) is not None:
        _conceal_password(text)
        what, remedy = misread
        raise SourceError("rejected", f"{dsn} holds {what}", remedy=remedy)
    if found.get("password"):
        conceal(str(found["password"]))
    return found


def hosts(parts: dict[str, Any]) -> list[str]:
    """Return where to connect, one empty text if that is not said; like libpq's, an address goes before a name."""
    environment = (os.environ.get("PGHOSTADDR"), os.environ.get("PGHOST"))
    return str(next(filter(None, (parts.get("hostaddr"), parts.get("host"), *environment)), "")).split(",")


def may_leave(parts: dict[str, Any]) -> bool:
    """Say whether a connection may leave this machine.

    What a service file says is not known here, so a service counts as remote.
    """
    service = parts.get("service") or os.environ.get("PGSERVICE")
    return bool(service) or any(map(is_remote, hosts(parts)))


def is_remote(host: str) -> bool:
    """Say whether a connection to `host` leaves this machine. A socket's folder and no host at all do not."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _misread(text: str, found: dict[str, Any]) -> tuple[str, str] | None:
    """Return what a URL holds that was not meant, and the remedy: a part of a password that was taken for host, port or
    database, as when it has a bare @ or /; or a port of other than digits, which may be a part of one too."""
    scheme, _, rest = text.partition("://")
    if scheme not in _SCHEMES:
        return None
    authority, _, path = rest.partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in path:
        return "a password that ends too early for a URL", _ENCODE
    if any(port and not port.isdigit() for port in str(found.get("port", "")).split(",")):
        return "a port that is no number", _DIGITS
    return None


def _form(text: str) -> str:
    """Return how to write what was meant."""
    scheme, url, rest = text.partition("://")
    if url:
        return _ENCODE if scheme in _SCHEMES and "@" in rest else _FORMS
    return _QUOTE if _PASSWORD.search(text) else _FORMS


def _conceal_password(text: str) -> None:
    """Have no message show what stands where the password must be.

    It is concealed as one piece, for its words may be those that every message needs, such as `host`; between keywords
    to the end of the text, for nothing tells where it ends. What libpq says of such a text is not shown.
    """
    _, scheme, rest = text.partition("://")
    if not scheme and "=" in text:
        conceal("".join(_PASSWORD.findall(text)))
        return
    conceal((rest or text).rpartition("@")[0].partition(":")[2])
