"""Reads a platform file into the model, and turns what pydantic found wrong into problems with lines."""

import hashlib
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.platform.document import Document, Location, dotted, read
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem, suggestion
from exporter.platform.references import broken_references
from exporter.platform.routing import broken_routing

_SHAPES = {
    "list_type": ("a list", "Write [one, two], or one line with a hyphen for each."),
    "dict_type": ("a mapping", "Write `key: value` lines below it, further to the right."),
    "model_type": ("a mapping", "Write `key: value` lines below it, further to the right."),
    "string_type": ("text", "Put it in quotes."),
    "int_type": ("a whole number", "Write digits only, without quotes."),
    "bool_type": ("true or false", "Write true or false, without quotes."),
}
"""What a value should have been, by pydantic's error type, and how to write that."""


def load(path: Path) -> Platform:
    """Read and validate the platform file at `path`. Secrets stay references; nothing is contacted.

    Raises:
        PlatformError: with every mistake found, each with file, line, key and remedy.
    """
    document = read(path)
    try:
        platform = Platform.model_validate(document.data)
    except ValidationError as error:
        raise PlatformError([_problem(document, details) for details in error.errors()]) from None
    if problems := [
        Problem(document.file, document.line(location), dotted(location), message, remedy)
        for location, message, remedy in (*broken_references(platform), *broken_routing(platform))
    ]:
        raise PlatformError(problems)
    return platform


def locate(path: Path, location: Location, message: str, remedy: str) -> Problem:
    """Return a problem at `location` of the file at `path`, which was read before."""
    document = read(path)
    return Problem(document.file, document.line(location), dotted(location), message, remedy)


def fingerprint(path: Path) -> str:
    """Return the first 12 hex digits of the SHA-256 of the file's bytes: the exporter and the rules both carry it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _problem(document: Document, details: ErrorDetails) -> Problem:
    location = tuple(part for part in details["loc"] if part != "[key]")
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            message = "is not a key of the platform file"
            remedy = suggestion(str(location[-1]), _keys(location[:-1]))
        case "missing":
            message, remedy = "is missing", f"Add `{location[-1]}:` here."
        case "literal_error":
            message = f"{details['input']!r} is not possible here"
            remedy = f"Write one of: {context['expected']}."
        case "string_pattern_mismatch":
            message = f"{details['input']!r} is not written as expected"
            remedy = f"It must match {context['pattern']}."
        case kind if kind in _SHAPES and details["input"] is None:
            message, remedy = "has no value", f"Write {_SHAPES[kind][0]}, or remove the key."
        case kind if kind in _SHAPES:
            message, remedy = f"{_described(details['input'])} is not {_SHAPES[kind][0]}", _SHAPES[kind][1]
        case _ if "remedy" in context:
            message, remedy = str(context["message"]), str(context["remedy"])
        case "too_short":
            message, remedy = "is empty", "Write at least one entry, or remove the key."
        case _:
            message = f"{_described(details['input'])}: {details['msg'][0].lower()}{details['msg'][1:]}"
            remedy = "Look the key up in docs/platform-file.md, or let your editor use platform.schema.json."
    return Problem(document.file, document.line(location), dotted(location), message, remedy)


def _described(value: object) -> str:
    """Say what a value is without repeating it: a secret in the wrong place must not be shown."""
    names = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), "a date" if hasattr(value, "isoformat") else "what stands here")


def _keys(location: Location) -> list[str]:
    """Return the keys that the model knows at `location`."""
    place: Any = Platform
    for part in location:
        options = _options(place)
        if models := [option for option in options if _is_model(option)]:
            fields = {field.alias or name: field.annotation for name, field in models[0].model_fields.items()}
            place = fields.get(str(part))
        else:
            place = next(
                (get_args(option)[-1] for option in options if get_origin(option) in (dict, list)), None
            )
    return [
        field.alias or name
        for option in _options(place)
        if _is_model(option)
        for name, field in option.model_fields.items()
    ]


def _options(annotation: Any) -> list[Any]:
    """Return what an annotation allows, with Annotated and unions looked through."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [option for argument in get_args(annotation) for option in _options(argument)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
