"""Reads a web configuration file, and says where it is wrong."""

from pathlib import Path
from types import NoneType
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.platform import document
from exporter.platform.document import Document, Location, dotted
from exporter.platform.problems import PlatformError, Problem, suggestion
from exporter.server.webconfig.model import WebConfig
from exporter.server.webconfig.tls import Tls, TlsError, context

_SECRET = {"key", "cert", "client_ca", "basic_auth_users"}
"""Keys whose values are never repeated in a message."""

_SHAPES = {
    "model_type": ("a mapping", "Write `key: value` lines below it, further to the right."),
    "model_attributes_type": ("a mapping", "Write `key: value` lines below it, further to the right."),
    "dict_type": ("a mapping", "Write `name: hash` lines below it, further to the right."),
    "tuple_type": ("a list", "Write one line with a hyphen for each."),
    "string_type": ("text", "Put it in quotes."),
    "int_type": ("a whole number", "Write digits only, without quotes."),
    "bool_type": ("true or false", "Write true or false, without quotes."),
    "greater_than_equal": ("0 or more", "Write a larger number."),
}
"""What a value should have been, by pydantic's error type, and how to write that."""


def load(path: Path) -> tuple[WebConfig, Tls | None]:
    """Read the file at `path` and the certificates that it names. Relative names are taken from its folder.

    Raises:
        PlatformError: with every mistake found, each with file, line, key and remedy.
    """
    read = _document(path)
    try:
        config = WebConfig.model_validate(read.data)
    except ValidationError as error:
        raise PlatformError([_problem(read, details) for details in error.errors()]) from None
    if config.tls_server_config is None:
        return config, None
    try:
        return config, context(config.tls_server_config, path.parent)
    except TlsError as error:
        location = ("tls_server_config", error.key)
        raise PlatformError(
            [Problem(read.file, read.line(location), dotted(location), str(error), error.remedy)]
        ) from error


def _document(path: Path) -> Document:
    try:
        empty = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader) is None
    except OSError as error:
        remedy = "Name the file with --web.config.file FILE."
        raise PlatformError(
            [Problem(str(path), 0, "", f"cannot be read: {error.strerror}", remedy)]
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        empty = False  # the reader of documents says where
    if empty:
        return Document(str(path), {})
    try:
        return document.read(path)
    except PlatformError as error:
        # A platform file and this one are read alike, but begin differently.
        raise PlatformError(
            [
                Problem(
                    problem.file,
                    problem.line,
                    "",
                    problem.message,
                    "Start with `basic_auth_users:` or the like.",
                )
                if problem.message == "is not a mapping of keys to values"
                else problem
                for problem in error.problems
            ]
        ) from None


def _problem(read: Document, details: ErrorDetails) -> Problem:
    location: Location = tuple(part for part in details["loc"] if part != "[key]")
    context = details.get("ctx", {})
    secret = not _SECRET.isdisjoint(map(str, location))
    shown = "what is written here" if secret else _shown(details["input"])
    match details["type"]:
        case "extra_forbidden":
            message = "is not a key of web configuration files"
            remedy = suggestion(str(location[-1]), _keys(location[:-1]))
        case "literal_error":
            message, remedy = f"{shown} is not possible here", f"Write one of: {context['expected']}."
        case kind if kind in _SHAPES:
            message, remedy = f"{shown} is not {_SHAPES[kind][0]}", _SHAPES[kind][1]
        case _ if "remedy" in context:
            message, remedy = str(context["message"]), str(context["remedy"])
        case _:
            message = f"{shown}: {details['msg']}"
            remedy = "docs/web-config.md describes each key."
    return Problem(read.file, read.line(location), dotted(location), message, remedy)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(location: Location) -> list[str]:
    """Return the keys that are known at `location`."""
    place: type[BaseModel] = WebConfig
    for part in location:
        options = get_args(annotation := place.model_fields[str(part)].annotation) or (annotation,)
        (place,) = (option for option in options if option is not NoneType)
    return [field.alias or name for name, field in place.model_fields.items()]
