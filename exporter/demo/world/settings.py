"""Where the world listens and which database and cache it uses, read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.demo.names import DEFAULT_PORT_BASE, Ports


class SettingError(ValueError):
    """A variable that the world needs is missing or unusable; the text says which and what to set."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Addresses of the world; `*_url` hold passwords and stay out of the repr."""

    host: str
    ports: Ports
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    admin_url: str | None = field(default=None, repr=False)
    exporter_url: str | None = field(default=None, repr=False)


def read_settings(environ: Mapping[str, str] | None = None) -> WorldSettings:
    """Read the settings; each `NAME` may be given as `NAME_FILE` instead, as container images do it.

    With `DEMO_ADMIN_DATABASE_URL` the world also creates its own role, the exporter's role (that of
    `DATABASE_URL`) and the extension pg_stat_statements; natively the demo has done so already.
    """
    values = os.environ if environ is None else environ
    base = values.get("DEMO_PORT_BASE", str(DEFAULT_PORT_BASE))
    if not base.isdecimal():
        raise SettingError(
            f"DEMO_PORT_BASE is {base!r}: set it to a whole number, such as {DEFAULT_PORT_BASE}"
        )
    database_url = _read(values, "DEMO_DATABASE_URL")
    if not database_url:
        raise SettingError(
            "DEMO_DATABASE_URL is not set: give the product's database, such as postgresql://product:…@postgres/demo"
        )
    return WorldSettings(
        host=values.get("DEMO_HOST", "127.0.0.1"),
        ports=Ports(int(base)),
        database_url=database_url,
        redis_url=_read(values, "DEMO_REDIS_URL") or "redis://redis:6379/0",
        admin_url=_read(values, "DEMO_ADMIN_DATABASE_URL"),
        exporter_url=_read(values, "DATABASE_URL"),
    )


def _read(values: Mapping[str, str], name: str) -> str | None:
    path = values.get(f"{name}_FILE")
    if path is None:
        return values.get(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}") from error
