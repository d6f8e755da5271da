"""Pages and calls that are not Prometheus' conventions: one table, of which routes and OpenAPI document are made."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__

Handler = Callable[[Request], Awaitable[Response]]
Model = type[BaseModel]

_REF = "#/components/schemas/{model}"
_EVERYWHERE = {
    401: "Basic auth is asked for, and name or password is missing or wrong.",
    429: "The rate limit of the web configuration is reached.",
    503: "No connection is left, or too many passwords are waiting to be looked at.",
}
"""Answers that the web configuration brings to every path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer: what it means, and its media type or, for JSON, its model."""

    meaning: str
    media: str = "text/plain"
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One path with one method (`also` is served alike), what it does and what it may answer."""

    path: str
    name: str
    summary: str
    handler: Handler
    answers: Mapping[int, Answer]
    method: str = "GET"
    also: tuple[str, ...] = field(default=())

    @property
    def route(self) -> Route:
        """The route that serves it."""
        return Route(self.path, self.handler, methods=[self.method, *self.also], name=self.name)


def document(operations: list[Operation]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `operations`."""
    models = {answer.model for each in operations for answer in each.answers.values() if answer.model}
    _, schemas = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=_REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        for method in (each.method, *each.also):
            paths.setdefault(each.path, {})[method.lower()] = _operation(each, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "platform-exporter",
            "version": __version__,
            "summary": "State of the exporter, for people and programs.",
            "description": "/metrics follows Prometheus' exposition formats and is not described here.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Needed when the web configuration file has `basic_auth_users`.",
                }
            },
            "headers": {
                "X-Request-Id": {
                    "description": "The client's own, when it is short and clean; also in the log.",
                    "schema": {"type": "string"},
                }
            },
        },
    }


def _operation(operation: Operation, method: str) -> dict[str, Any]:
    answers = {**{code: Answer(meaning) for code, meaning in _EVERYWHERE.items()}, **operation.answers}
    return {
        "operationId": operation.name if method == operation.method else f"{operation.name}{method.title()}",
        "summary": operation.summary,
        "responses": {str(code): _response(code, answers[code]) for code in sorted(answers)},
    }


def _response(code: int, answer: Answer) -> dict[str, Any]:
    schema = (
        {"type": "string"} if answer.model is None else {"$ref": _REF.format(model=answer.model.__name__)}
    )
    media = answer.media if answer.model is None else "application/json"
    return {
        "description": answer.meaning or HTTPStatus(code).phrase,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {media: {"schema": schema}},
    }
