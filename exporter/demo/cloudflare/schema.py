"""The served part of the vendor's schema as an executable one: `schema.graphql` with its scalars filled in.

The vendor names its scalars in lower case (`string`, `uint64`, `Time`); clients may declare variables with
GraphQL's own names, which the vendor accepts as well, hence `with_vendor_types`.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

from graphql import (
    ConstValueNode,
    DocumentNode,
    FloatValueNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    StringValueNode,
    TypeNode,
    Visitor,
    build_schema,
    visit,
)

STANDARD_NAMES = {"String": "string", "ID": "string", "Int": "uint64", "Float": "float64", "Boolean": "bool"}
BITS = {"uint8": (0, 2**8), "uint64": (0, 2**64), "int64": (-(2**63), 2**63)}


def load_schema() -> GraphQLSchema:
    """Build the schema; scalars parse and print as the vendor's do."""
    source = files("exporter.demo").joinpath("cloudflare", "schema.graphql").read_text(encoding="utf-8")
    schema = build_schema(source)
    for name, (low, high) in BITS.items():
        _fill(schema, name, _whole(name, low, high), int)
    for name in ("float32", "float64"):
        _fill(schema, name, _number, float)
    _fill(schema, "string", _text, str)
    _fill(schema, "bytes", _text, str)
    _fill(schema, "Time", _time, lambda value: value.isoformat(timespec="seconds").replace("+00:00", "Z"))
    _fill(schema, "Date", _date, lambda value: value.isoformat())
    return schema


def with_vendor_types(document: DocumentNode) -> DocumentNode:
    """Return `document` with `String!`, `Int` … in its variable definitions spelled as the vendor spells them."""

    class Rename(Visitor):
        def enter_named_type(self, node: NamedTypeNode, *_: Any) -> TypeNode | None:
            name = STANDARD_NAMES.get(node.name.value)
            return NamedTypeNode(name=NameNode(value=name)) if name else None

    renamed: DocumentNode = visit(document, Rename())
    return renamed


def _fill(
    schema: GraphQLSchema, name: str, parse: Callable[[object], Any], serialize: Callable[[Any], object]
) -> None:
    scalar = schema.type_map[name]
    if not isinstance(scalar, GraphQLScalarType):
        raise TypeError(f"{name} is no scalar in schema.graphql")

    def parse_literal(node: ConstValueNode) -> Any:
        if isinstance(node, IntValueNode):
            return parse(int(node.value))
        if isinstance(node, FloatValueNode):
            return parse(float(node.value))
        if isinstance(node, StringValueNode):
            return parse(node.value)
        raise GraphQLError(f"{name} cannot be written like this", node)

    scalar.coerce_input_value = parse
    scalar.coerce_input_literal = parse_literal
    scalar.coerce_output_value = serialize


def _whole(name: str, low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value < high:
            raise GraphQLError(f"{value!r} is no {name}")
        return value

    return parse


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GraphQLError(f"{value!r} is no number")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise GraphQLError(f"{value!r} is no string")
    return value


def _time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        raise GraphQLError(f"{value!r} is no time in RFC 3339, such as 2026-11-20T10:00:00Z") from None
    if moment.tzinfo is None:
        raise GraphQLError(f"{value!r} has no time zone, such as Z")
    return moment.astimezone(UTC)


def _date(value: object) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise GraphQLError(f"{value!r} is no date, such as 2026-11-20") from None
