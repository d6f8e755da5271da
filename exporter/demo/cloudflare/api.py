"""The transport of the GraphQL Analytics API: who may ask, how often, how much, and how it says no.

A refusal is HTTP 200 with `data: null` and `errors`; a success has `errors: null`.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
    execute_sync,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.demo.cloudflare.dataset import aggregate, available_fields, matches, time_range
from exporter.demo.cloudflare.schema import load_schema, with_vendor_types
from exporter.demo.limiter import WindowLimiter
from exporter.demo.names import ACCOUNT_TAG, CLOUDFLARE_PATH, CLOUDFLARE_TOKEN
from exporter.demo.world.invocations import InvocationLog

logger = logging.getLogger(__name__)

REQUESTS = 300
PER_SECONDS = 300.0
MAX_PAGE_SIZE = 10_000
MAX_NUMBER_OF_FIELDS = 30
MAX_DURATION = timedelta(days=7)
NOT_OLDER_THAN = timedelta(days=90)
SETTINGS = {
    "enabled": True,
    "availableFields": available_fields(),
    "maxPageSize": MAX_PAGE_SIZE,
    "maxNumberOfFields": MAX_NUMBER_OF_FIELDS,
    "maxDuration": int(MAX_DURATION.total_seconds()),
    "notOlderThan": int(NOT_OLDER_THAN.total_seconds()),
}


class CloudflareAnalytics:
    """Answers queries on the account's invocations; one budget of requests for the one user."""

    def __init__(self, log: InvocationLog, limiter: WindowLimiter | None = None) -> None:
        self._log = log
        self._limiter = limiter or WindowLimiter(REQUESTS, PER_SECONDS)
        self._schema = load_schema()

    def routes(self) -> list[Route]:
        """Return the one route of the API."""
        return [Route(CLOUDFLARE_PATH, self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """Serve one request as the vendor does."""
        if request.headers.get("authorization") != f"Bearer {CLOUDFLARE_TOKEN}":
            return _refuse([GraphQLError("unauthorized")])
        if not self._limiter.allow():
            return _refuse([GraphQLError("rate limiter budget depleted, please try again after 5 minutes")])
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return _refuse([GraphQLError("error parsing args: the body is no JSON")])
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return _refuse([GraphQLError("error parsing args: the body needs a query")])
        result = self._execute(body["query"], body.get("variables") or {}, body.get("operationName"))
        if result.errors:
            return _refuse(result.errors)
        return JSONResponse({"data": result.data, "errors": None})

    def _execute(self, query: str, variables: dict[str, Any], operation: str | None) -> ExecutionResult:
        try:
            document = with_vendor_types(parse(query))
        except GraphQLError as error:
            return ExecutionResult(None, [error])
        errors = validate(self._schema, document)
        if errors:
            return ExecutionResult(None, [_in_vendors_words(error) for error in errors])
        root = {"cost": 1, "viewer": {"budget": REQUESTS, "accounts": self._accounts}}
        result = execute_sync(self._schema, document, root, None, variables, operation)
        if result.errors:
            return ExecutionResult(None, [_in_vendors_words(error) for error in result.errors])
        return result

    def _accounts(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> list[dict[str, Any]]:
        wanted = (arguments.get("filter") or {}).get("accountTag")
        if wanted is None:
            raise GraphQLError("error parsing args: accounts needs a filter with one accountTag")
        if wanted != ACCOUNT_TAG:
            raise GraphQLError("not authorized for that account")
        return [
            {
                "accountTag": ACCOUNT_TAG,
                "settings": {"workersInvocationsAdaptive": SETTINGS},
                "workersInvocationsAdaptive": self._invocations,
            }
        ]

    def _invocations(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> list[dict[str, Any]]:
        conditions, limit, order = arguments["filter"], arguments["limit"], arguments.get("orderBy") or []
        fields = list(_leaves(info))
        start = _check_bounds(conditions, limit, len(fields))
        dimensions = list(dict.fromkeys(name for group, name in fields if group == "dimensions"))
        found = [invocation for invocation in self._log.since(start) if matches(invocation, conditions)]
        return aggregate(found, dimensions, order, limit)


def _check_bounds(conditions: dict[str, Any], limit: int, fields: int) -> datetime | None:
    if not 0 < limit <= MAX_PAGE_SIZE:
        raise GraphQLError(f"limit must be positive number and not greater than {MAX_PAGE_SIZE}")
    if fields > MAX_NUMBER_OF_FIELDS:
        raise GraphQLError(f"number of fields can't be more than {MAX_NUMBER_OF_FIELDS}, got {fields}")
    now = datetime.now(UTC)
    start, end = time_range(conditions, now)
    if start is None or start < now - NOT_OLDER_THAN:
        raise GraphQLError(f"cannot request data older than {NOT_OLDER_THAN.total_seconds():.0f}s")
    if end - start > MAX_DURATION:
        widest = f"{MAX_DURATION.total_seconds():.0f}s"
        raise GraphQLError(f"query time range is too large. Time range can't be wider than {widest}")
    return start


def _leaves(info: GraphQLResolveInfo[Any]) -> Iterator[tuple[str, str]]:
    """Yield (group, field) for each leaf that the client selected under the node, through its fragments."""

    def fields(selections: SelectionSetNode | None) -> Iterator[FieldNode]:
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                yield from fields(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                fragment: FragmentDefinitionNode = info.fragments[selection.name.value]
                yield from fields(fragment.selection_set)

    for node in info.field_nodes:
        for group in fields(node.selection_set):
            for leaf in fields(group.selection_set):
                if leaf.name.value != "__typename":
                    yield group.name.value, leaf.name.value


def _in_vendors_words(error: GraphQLError) -> GraphQLError:
    """Reword what a GraphQL library says into what the vendor's documentation lists."""
    message = error.message
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        logger.error("a query failed inside the stand-in", exc_info=error.original_error)
        message = "internal server error"
    elif message.startswith("Cannot query field "):
        message = "unknown field " + message.removeprefix("Cannot query field ")
    elif "argument" in message.lower() or "expected" in message.lower() or message.startswith("Variable"):
        message = f"error parsing args: {message}"
    return GraphQLError(message, path=error.path)


def _refuse(errors: list[GraphQLError]) -> JSONResponse:
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    described = [
        {"message": error.message, "path": error.path, "extensions": {"timestamp": stamp}} for error in errors
    ]
    return JSONResponse({"data": None, "errors": described})
