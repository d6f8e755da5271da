"""PromQL in the platform file: read by its grammar, and kept so that generated rules can be made of it."""

import json
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from exporter.platform.values import fault

if TYPE_CHECKING:
    import promql_parser

_REMEDY = "Try it in Prometheus first."
_TOKENS = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?P<raw>[^`]*)`|(?P<comment>#[^\n]*)""")


def _without_comments(text: str) -> str:
    """A comment would swallow what a rule writes behind it."""
    return _TOKENS.sub(lambda token: "" if token["comment"] is not None else token[0], text).strip()


def _parsed(text: str) -> "promql_parser.Expr":
    import promql_parser  # only where there is PromQL

    # The parser reads escapes in raw strings, too.
    read = _TOKENS.sub(lambda token: token[0] if token["raw"] is None else json.dumps(token["raw"]), text)
    try:
        return promql_parser.parse(read)
    except ValueError as error:
        raise fault("promql", f"is no PromQL: {error}", _REMEDY) from error


def _scalar(found: "promql_parser.Expr") -> bool:
    import promql_parser

    match found:
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            return _scalar(found.expr)
        case promql_parser.BinaryExpr():
            return _scalar(found.lhs) and _scalar(found.rhs)
        case promql_parser.Call():
            return bool(found.func.return_type == promql_parser.ValueType.Scalar)
        case _:
            return isinstance(found, promql_parser.NumberLiteral)


def _expression(text: str) -> str:
    import promql_parser

    text = _without_comments(text)
    found = _parsed(text)
    while isinstance(found, promql_parser.ParenExpr):
        found = found.expr
    if isinstance(
        found, promql_parser.MatrixSelector | promql_parser.SubqueryExpr | promql_parser.StringLiteral
    ):
        raise fault("promql", "gives no number", "Take a function over it, such as rate(…[5m]).")
    return f"vector({text})" if _scalar(found) else text


def _selector(text: str) -> str:
    import promql_parser

    found = _parsed(_without_comments(text))
    if not isinstance(found, promql_parser.VectorSelector) or not found.name:
        raise fault(
            "promql", "is no selector", 'Write a name, and labels if need be: calls_total{status="failed"}.'
        )
    if found.offset is not None or found.at is not None:
        raise fault("promql", "looks at another time", "Leave out `offset` and `@`: rules take now.")
    return found.prettify()


Expression = Annotated[str, AfterValidator(_expression)]
"""PromQL that gives series, which any operator takes: a bare number is one without labels."""
Selector = Annotated[str, AfterValidator(_selector)]
"""Name of a metric, and matchers of its labels, in one spelling: name{label="value",…}."""
