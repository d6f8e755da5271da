"""Reading a connection string without ever telling what is in it."""

import re
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic_core import PydanticCustomError

from exporter.engine.source import SourceError
from exporter.platform.values import Secret, conceal

_FORMS = "Write postgresql://USER:PASSWORD@HOST/DATABASE or host=… user=… password=… dbname=…."
_ENCODE = "Write @ / and % in its password as %40 %2F and %25, or write host=… user=… password='…' dbname=…."


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
        _conceal_pieces(text)
        raise SourceError(
            "rejected",
            f"{dsn} is no connection string",
            remedy=_ENCODE if "://" in text and "@" in text else _FORMS,
        ) from None
    if _cut_short(text, found):
        _conceal_pieces(text)
        raise SourceError("rejected", f"{dsn} holds a password that ends too early for a URL", remedy=_ENCODE)
    if found.get("password"):
        conceal(str(found["password"]))
    return found


def _cut_short(text: str, found: dict[str, Any]) -> bool:
    """Say whether a part of a password was taken for host, port or database, as when it has a bare @ or / in a URL."""
    scheme, _, rest = text.partition("://")
    if scheme not in ("postgresql", "postgres"):
        return False
    authority, _, path = rest.partition("?")[0].partition("/")
    ports = str(found.get("port", "")).split(",")
    return authority.count("@") > 1 or "@" in path or any(port and not port.isdigit() for port in ports)


def _conceal_pieces(text: str) -> None:
    """Have no message show a part of what stands where the password must be: libpq repeats parts that it misread."""
    _, _, rest = text.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2] if rest else text
    for piece in (password, *re.split(r"[@/?#:%=\s]+", password)):
        conceal(piece)
