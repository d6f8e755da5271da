"""PromQL in the platform file: read by Prometheus' grammar, so that no rule file is written that Prometheus refuses."""

from typing import Annotated

from pydantic import AfterValidator

from exporter.platform.values import fault


def _parsed(text: str) -> object:
    import promql_parser  # only where there is PromQL

    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise fault("promql", f"is no PromQL: {error}", "Try it in Prometheus first.") from error


def _expression(text: str) -> str:
    import promql_parser

    if isinstance(_parsed(text), promql_parser.MatrixSelector | promql_parser.StringLiteral):
        raise fault("promql", "gives no number", "Take a function over it, such as rate(…[5m]).")
    return text


def _selector(text: str) -> str:
    import promql_parser

    if not isinstance(_parsed(text), promql_parser.VectorSelector):
        raise fault(
            "promql", "is no selector", 'Write a name, and labels if need be: calls_total{status="failed"}.'
        )
    return text


Expression = Annotated[str, AfterValidator(_expression)]
"""PromQL that gives numbers."""
Selector = Annotated[str, AfterValidator(_selector)]
"""Name of a metric, and matchers of its labels."""
