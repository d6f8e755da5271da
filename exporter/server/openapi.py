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
_BASIC = {
    "type": "http",
    "scheme": "basic",
    "description": "Needed when the web configuration file has `basic_auth_users`.",
}
_EVERYWHERE = {
    401: "Basic auth is asked for, and name or password is missing or wrong.",
    429: "The rate limit of the web configuration is reached.",
    503: "No connection is left, or too many passwords are waiting to be looked at.",
}
"""Answers that the web configuration brings to every path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible answer: what it means, and its media type or, for JSON of ours, its model."""

    meaning: str
    media: str = "text/plain"
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One path with one method (`also` is served alike), what it does and what it may answer.

    `body`: the model of the JSON that it takes. `bearer`: what the token that it asks for is; the users of the web
    configuration count nothing there.
    """

    path: str
    name: str
    summary: str
    handler: Handler
    answers: Mapping[int, Answer]
    method: str = "GET"
    also: tuple[str, ...] = field(default=())
    body: Model | None = None
    bearer: str = ""

    @property
    def route(self) -> Route:
        """The route that serves it."""
        return Route(self.path, self.handler, methods=[self.method, *self.also], name=self.name)


def document(operations: list[Operation]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `operations`."""
    answered = {answer.model for each in operations for answer in each.answers.values() if answer.model}
    taken = {each.body for each in operations if each.body}
    _, schemas = models_json_schema(
        [
            *((model, "serialization") for model in sorted(answered, key=lambda model: model.__name__)),
            *((model, "validation") for model in sorted(taken, key=lambda model: model.__name__)),
        ],
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
            "securitySchemes": {"basic": _BASIC, **_bearers(operations)},
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
    described: dict[str, Any] = {
        "operationId": operation.name if method == operation.method else f"{operation.name}{method.title()}",
        "summary": operation.summary,
        "responses": {str(code): _response(code, answers[code]) for code in sorted(answers)},
    }
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.__name__)}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.bearer:
        described["security"] = [{operation.name: []}]
    return described


def _bearers(operations: list[Operation]) -> dict[str, Any]:
    """Return the security schemes of operations that ask for a token, each named like its operation."""
    return {
        each.name: {"type": "http", "scheme": "bearer", "description": each.bearer}
        for each in operations
        if each.bearer
    }


def _response(code: int, answer: Answer) -> dict[str, Any]:
    media = answer.media if answer.model is None else "application/json"
    if answer.model is not None:
        schema = {"$ref": _REF.format(model=answer.model.__name__)}
    else:
        schema = {"type": "object" if media == "application/json" else "string"}
    return {
        "description": answer.meaning or HTTPStatus(code).phrase,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {media: {"schema": schema}},
    }
