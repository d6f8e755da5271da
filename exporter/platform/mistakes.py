"""Turns what pydantic found wrong with a file into problems: line, key, remedy. Values are hardly ever repeated."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.platform.document import Document, Location, dotted
from exporter.platform.problems import Problem, suggestion

_MAPPING = ("a mapping", "Write `key: value` lines below it, further to the right.")
_LIST = ("a list", "Write [one, two], or one line with a hyphen for each.")
_SHAPES = {
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_type": ("text", "Put it in quotes."),
    "int_type": ("a whole number", "Write digits only, without quotes."),
    "bool_type": ("true or false", "Write true or false, without quotes."),
}
"""What a value should have been, by pydantic's error type, and how to write that."""

_LONGEST_REPEATED = 24
"""A longer text is not repeated where one of a few words belongs: it may be a secret in the wrong place."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: its model, what it is called in a sentence, and where its keys are described."""

    model: type[BaseModel]
    name: str
    described: str


def mistakes(document: Document, error: ValidationError, format: Format) -> list[Problem]:
    """Return every mistake in `error`, which came of validating `document`."""
    return [_problem(document, details, format) for details in error.errors()]


def _problem(document: Document, details: ErrorDetails, format: Format) -> Problem:
    location: Location = tuple(part for part in details["loc"] if part != "[key]")
    context = details.get("ctx", {})
    value = details["input"]
    match details["type"]:
        case "extra_forbidden":
            message = f"is not a key of {format.name}"
            remedy = suggestion(str(location[-1]), _keys(format.model, location[:-1]))
        case "missing":
            message, remedy = "is missing", f"Add `{location[-1]}:` here."
        case "literal_error":
            message, remedy = f"{_shown(value)} is not possible here", f"Write one of: {context['expected']}."
        case "string_pattern_mismatch":
            message = f"{_shown(value)} is not written as expected"
            remedy = f"It must match {context['pattern']}."
        case kind if kind in _SHAPES and value is None:
            message, remedy = "has no value", f"Write {_SHAPES[kind][0]}, or remove the key."
        case kind if kind in _SHAPES:
            message, remedy = f"{_described(value)} is not {_SHAPES[kind][0]}", _SHAPES[kind][1]
        case _ if "remedy" in context:
            message, remedy = str(context["message"]), str(context["remedy"])
        case "too_short":
            message, remedy = "is empty", "Write at least one entry, or remove the key."
        case _:
            message = f"{_described(value)}: {details['msg'][0].lower()}{details['msg'][1:]}"
            remedy = format.described
    named = (
        location[:-1] if "of_parent" in context else location
    )  # a key that may be a secret is not repeated
    return Problem(document.file, document.line(location), dotted(named), message, remedy)


def _shown(value: object) -> str:
    """Repeat a value that is as short as the words that belong there; describe any other."""
    text = repr(value)
    return text if len(text) <= _LONGEST_REPEATED else _described(value)


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


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that `model` knows at `location`."""
    place: Any = model
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
