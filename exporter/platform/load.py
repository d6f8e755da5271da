"""Reads a platform file into the model, and turns what pydantic found wrong into problems with lines."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.platform.document import Document, Location, dotted, read
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem, suggestion
from exporter.platform.references import broken_references


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
        for location, message, remedy in broken_references(platform)
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
        case _ if "remedy" in context:
            message, remedy = str(context["message"]), str(context["remedy"])
        case _:
            message = f"{_shown(details['input'])}: {details['msg'][0].lower()}{details['msg'][1:]}"
            remedy = "Look the key up in docs/platform-file.md, or let your editor use platform.schema.json."
    return Problem(document.file, document.line(location), dotted(location), message, remedy)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(location: Location) -> Iterator[str]:
    """Yield the keys that the model knows at `location`."""
    place: Any = Platform
    for part in location:
        model = _model(place)
        if model is not None:
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            place = fields.get(str(part))
        else:
            place = next((arg for arg in _arguments(place) if arg is not str), None)
    if model := _model(place):
        yield from (field.alias or name for name, field in model.model_fields.items())


def _model(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *_arguments(annotation)] if get_origin(annotation) not in (dict, list) else []
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _arguments(annotation: Any) -> list[Any]:
    """Return the type arguments, with Optional and Annotated looked through."""
    found: list[Any] = []
    for argument in get_args(annotation):
        if argument is type(None):
            continue
        inner = get_args(argument)
        found += [argument, *inner] if inner else [argument]
    return found
