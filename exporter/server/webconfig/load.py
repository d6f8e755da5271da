"""Reads a web configuration file, and says where it is wrong."""

from pathlib import Path

from pydantic import ValidationError

from exporter.platform import document
from exporter.platform.document import dotted
from exporter.platform.mistakes import Format, mistakes
from exporter.platform.problems import PlatformError, Problem
from exporter.server.webconfig.model import WebConfig
from exporter.server.webconfig.tls import Tls, TlsError, context

_FORMAT = Format(
    model=WebConfig, name="web configuration files", described="docs/web-config.md describes each key."
)


def load(path: Path) -> tuple[WebConfig, Tls | None]:
    """Read the file at `path` and the certificates that it names. Relative names are taken from its folder.

    Raises:
        PlatformError: with every mistake found, each with file, line, key and remedy.
    """
    read = document.read(
        path,
        option="--web.config.file FILE",
        beginning="Start with `basic_auth_users:` or the like.",
        may_be_empty=True,
    )
    try:
        config = WebConfig.model_validate(read.data)
    except ValidationError as error:
        raise PlatformError(mistakes(read, error, _FORMAT)) from None
    if config.tls_server_config is None:
        return config, None
    try:
        return config, context(config.tls_server_config, path.parent)
    except TlsError as error:
        location = ("tls_server_config", error.key)
        raise PlatformError(
            [Problem(read.file, read.line(location), dotted(location), str(error), error.remedy)]
        ) from error
