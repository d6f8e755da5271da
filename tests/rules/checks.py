"""Static checks over generated rules, named after those of pint, for expressions that load and yet cannot work.

A check yields sentences. Each knows the metrics that exist, with their types and labels: declared by the exporter, made
by a recording rule, by Prometheus itself, or listed in `tests/support/foreign_metrics.yml`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml

from exporter.engine.families import Family

FOREIGN = Path(__file__).parents[1] / "support" / "foreign_metrics.yml"
ALERTMANAGER = Path(__file__).parents[1] / "golden" / "demo" / "alertmanager" / "alertmanager.yml"
# Labels that Prometheus puts on what it scrapes.
TARGET_LABELS = frozenset({"job", "instance", "platform", "environment"})
COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
SET_OPERATORS = {"and", "or", "unless"}
OF_COUNTERS = {"rate", "irate", "increase"}
OF_GAUGES = {"deriv", "delta", "idelta", "predict_linear", "changes"}
# Functions that need several samples to say anything.
NEED_SAMPLES = OF_COUNTERS | OF_GAUGES | {"stddev_over_time", "quantile_over_time"}
WITHOUT_LABELS = {"vector", "time", "scalar", "hour", "minute", "day_of_month", "days_in_month"}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that exists."""

    type: str
    labels: frozenset[str]


@dataclass(slots=True)
class Known:
    """What exists around a set of rules."""

    metrics: dict[str, Metric]
    shortest: timedelta = field(default=timedelta(minutes=1))
    """Four scrapes."""

    @classmethod
    def of(cls, families: Iterable[Family], rules: list[dict[str, Any]], scrape_interval: float) -> "Known":
        """Collect what families, other programs and the rules themselves give."""
        metrics = {
            family.name: Metric(family.type, TARGET_LABELS | set(family.labels)) for family in families
        }
        foreign = yaml.safe_load(FOREIGN.read_text(encoding="utf-8"))
        for name, entry in foreign.items():
            metrics[name] = Metric(entry["type"], TARGET_LABELS | set(entry["labels"]))
        metrics["up"] = Metric("gauge", TARGET_LABELS)
        of_alerts = {label for rule in rules if "alert" in rule for label in rule["labels"]}
        of_alerts |= TARGET_LABELS | {"alertname"} | _compared()
        metrics["ALERTS"] = Metric("gauge", frozenset({*of_alerts, "alertstate"}))
        metrics["ALERTS_FOR_STATE"] = Metric("gauge", frozenset(of_alerts))
        known = cls(metrics, timedelta(seconds=4 * scrape_interval))
        recorded = [rule for rule in rules if "record" in rule]
        # A recording may read another one: labels are known once nothing changes any more.
        before: dict[str, Metric] = {}
        while before != metrics:
            before = dict(metrics)
            for rule in recorded:
                labels = _labels(promql.parse(rule["expr"]), known) | set(rule.get("labels", {}))
                former = before.get(rule["record"], Metric("gauge", frozenset()))
                metrics[rule["record"]] = Metric("gauge", former.labels | labels)
        return known


def _compared() -> set[str]:
    """Return what Alertmanager compares of alerts, also where this platform has none with it."""
    config = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    return {label for rule in config["inhibit_rules"] for label in rule["equal"]}


def findings(rules: list[dict[str, Any]], known: Known) -> list[str]:
    """Return what is wrong with the rules, a sentence each: check, rule, what."""
    return [
        f"{check}: {rule.get('alert') or rule['record']}: {text}"
        for rule in rules
        for check, text in _of_rule(rule, known)
    ]


def _of_rule(rule: dict[str, Any], known: Known) -> Iterator[tuple[str, str]]:
    expr = rule["expr"]
    try:
        tree = promql.parse(expr)
    except ValueError as error:
        yield "promql/syntax", str(error)
        return
    yield from _of_expression(tree, known)
    if "alert" not in rule:
        return
    if rule["alert"] != "Watchdog" and not _filters(tree):
        yield "alerts/comparison", "nothing is compared, so it fires for as long as the series exists"
    kept = _labels(tree, known)
    for key, text in rule.get("annotations", {}).items():
        for label in re.findall(r"\$labels\.(\w+)", text):
            if label not in kept:
                yield "promql/aggregate", f"{key} speaks of the label {label}, which the expression drops"
        for label in re.findall(r'index \$labels "(\w+)"', text):
            if label not in kept:
                yield "promql/aggregate", f"{key} speaks of the label {label}, which the expression drops"
        if re.search(r"\{\{-?\s*\.(Labels|Value)\b", text):
            yield (
                "alerts/template",
                f"{key} says .Labels or .Value, which templates of Prometheus do not know",
            )
        for query in re.findall(r"query `([^`]+)`", text):
            yield from of_query(query, known)


def of_query(query: str, known: Known) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one query, such as those in texts and runbooks: check and sentence."""
    try:
        tree = promql.parse(query)
    except ValueError as error:
        yield "promql/syntax", f"{query}: {error}"
        return
    yield from _of_expression(tree, known)


def _of_expression(tree: promql.Expr, known: Known) -> Iterator[tuple[str, str]]:
    for node, above in _nodes(tree):
        if isinstance(node, promql.VectorSelector):
            yield from _series(node, known)
            yield from _counter(node, above, known)
        elif isinstance(node, promql.Call):
            yield from _rate(node, known)
            yield from _quantile(node, known)
        elif isinstance(node, promql.BinaryExpr):
            yield from _matching(node, known)
            yield from _impossible(node)
        elif isinstance(node, promql.AggregateExpr):
            yield from _grouping(node, known)


def _series(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    if node.name is None:
        return
    metric = known.metrics.get(node.name) or _part_of_histogram(node.name, known)
    if metric is None:
        yield "promql/series", f"nothing exports or records {node.name}"
        return
    for matcher in node.matchers.matchers:
        if matcher.name not in metric.labels:
            yield "promql/series", f"{node.name} has no label {matcher.name}"


def _part_of_histogram(name: str, known: Known) -> Metric | None:
    for suffix in ("_bucket", "_sum", "_count"):
        whole = known.metrics.get(name.removesuffix(suffix))
        if name.endswith(suffix) and whole is not None and whole.type in ("histogram", "summary"):
            return Metric("counter", whole.labels | {"le"})
    return None


def _type(name: str | None, known: Known) -> str | None:
    metric = known.metrics.get(name or "") or _part_of_histogram(name or "", known)
    return None if metric is None else metric.type


def _counter(node: Any, above: list[Any], known: Known) -> Iterator[tuple[str, str]]:
    """A counter's value says only how long its process has run."""
    functions = {parent.func.name for parent in above if isinstance(parent, promql.Call)}
    if _type(node.name, known) == "counter" and not functions & (
        OF_COUNTERS | {"absent", "absent_over_time"}
    ):
        yield "promql/counter", f"{node.name} is a counter and read without rate() or increase()"


def _rate(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    ranges = [argument for argument in node.args if isinstance(argument, promql.MatrixSelector)]
    for subquery in (argument for argument in node.args if isinstance(argument, promql.SubqueryExpr)):
        if node.func.name in NEED_SAMPLES and (subquery.range or known.shortest) < known.shortest:
            yield "promql/range_query", f"a subquery of {subquery.range} is shorter than four scrapes"
    for selector in ranges:
        name = selector.vector_selector.name
        kind = _type(name, known)
        if node.func.name in OF_COUNTERS and kind == "gauge":
            yield "promql/rate", f"{node.func.name}() over {name}, which is a gauge"
        if node.func.name in OF_GAUGES and kind == "counter":
            yield "promql/rate", f"{node.func.name}() over {name}, which is a counter"
        if node.func.name in NEED_SAMPLES and selector.range < known.shortest:
            yield "promql/range_query", f"{name}[{selector.range}] is shorter than four scrapes"


def _quantile(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    if node.func.name == "histogram_quantile" and "le" not in _labels(node.args[1], known):
        yield "promql/histogram", "histogram_quantile() of something without le"


def _impossible(node: Any) -> Iterator[tuple[str, str]]:
    """Comparisons with a number that count() and absent() never give."""
    left, right = node.lhs, node.rhs
    while isinstance(left, promql.ParenExpr):
        left = left.expr
    if not isinstance(right, promql.NumberLiteral):
        return
    operator, number = str(node.op), right.val
    if isinstance(left, promql.AggregateExpr) and str(left.op) == "count":
        least, most = 1.0, float("inf")
    elif isinstance(left, promql.Call) and left.func.name in ("absent", "absent_over_time"):
        least, most = 1.0, 1.0
    else:
        return
    never = {
        "<": number <= least,
        "<=": number < least,
        ">": number >= most,
        ">=": number > most,
        "==": not least <= number <= most,
    }
    if never.get(operator, False):
        yield "promql/impossible", f"{operator} {number:g} never holds: the least is {least:g}"


def _grouping(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    if node.modifier is None or node.modifier.type != promql.AggModifierType.By:
        return
    below = _labels(node.expr, known)
    for label in node.modifier.labels:
        if label not in below and label != "__name__":
            yield "promql/aggregate", f"by ({label}) groups by a label that is not there"


def _matching(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    operator = str(node.op)
    if _is_scalar(node.lhs) or _is_scalar(node.rhs) or operator == "or":
        return
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is None:
        if left != right:
            yield "promql/vector_matching", f"{sorted(left ^ right)} are on one side of {operator} only"
        return
    if matching.type == promql.LabelModifierType.Include:
        for label in matching.labels:
            if label not in left or label not in right:
                yield "promql/vector_matching", f"on ({label}): a side of {operator} has no such label"
    elif left - set(matching.labels) != right - set(matching.labels):
        yield "promql/vector_matching", f"the sides of {operator} differ beyond what is ignored"


def _filters(node: Any) -> bool:
    """Tell whether an expression can be empty although all its series exist."""
    if isinstance(node, promql.ParenExpr):
        return _filters(node.expr)
    if isinstance(node, promql.AggregateExpr):
        return _filters(node.expr)
    if isinstance(node, promql.Call):
        return node.func.name in ("absent", "absent_over_time") or any(map(_filters, node.args))
    if isinstance(node, promql.BinaryExpr):
        operator = str(node.op)
        if operator in COMPARISONS:
            return not (node.modifier is not None and node.modifier.return_bool)
        if operator == "or":
            return _filters(node.lhs) and _filters(node.rhs)
        return operator == "unless" or _filters(node.lhs) or _filters(node.rhs)
    return False


def _is_scalar(node: Any) -> bool:
    if isinstance(node, promql.NumberLiteral):
        return True
    if isinstance(node, promql.ParenExpr | promql.UnaryExpr):
        return _is_scalar(node.expr)
    if isinstance(node, promql.BinaryExpr):
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return isinstance(node, promql.Call) and node.func.name in ("time", "scalar", "pi")


def _labels(node: Any, known: Known) -> frozenset[str]:
    """Return the labels that the result of an expression may have."""
    if isinstance(node, promql.VectorSelector):
        metric = known.metrics.get(node.name or "") or _part_of_histogram(node.name or "", known)
        return frozenset() if metric is None else metric.labels
    if isinstance(node, promql.MatrixSelector):
        return _labels(node.vector_selector, known)
    if isinstance(node, promql.ParenExpr | promql.UnaryExpr | promql.SubqueryExpr):
        return _labels(node.expr, known)
    if isinstance(node, promql.AggregateExpr):
        return _kept(node, _labels(node.expr, known))
    if isinstance(node, promql.Call):
        return _called(node, known)
    if isinstance(node, promql.BinaryExpr):
        return _combined(node, known)
    return frozenset()


def _kept(node: Any, below: frozenset[str]) -> frozenset[str]:
    if str(node.op) in ("topk", "bottomk"):
        return below
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    return named if node.modifier.type == promql.AggModifierType.By else below - named


def _called(node: Any, known: Known) -> frozenset[str]:
    name = node.func.name
    if name in WITHOUT_LABELS:
        return frozenset()
    if name in ("absent", "absent_over_time"):
        (selector,) = node.args
        selector = getattr(selector, "vector_selector", selector)
        equal = [m.name for m in selector.matchers.matchers if m.op == promql.MatchOp.Equal]
        return frozenset(equal)
    vectors = [argument for argument in node.args if not isinstance(argument, promql.StringLiteral)]
    below = frozenset[str]().union(*(_labels(argument, known) for argument in vectors))
    if name == "label_replace":
        return below | {node.args[1].val}
    return below - {"le"} if name == "histogram_quantile" else below


def _combined(node: Any, known: Known) -> frozenset[str]:
    if _is_scalar(node.lhs):
        return _labels(node.rhs, known)
    left = _labels(node.lhs, known)
    operator = str(node.op)
    if _is_scalar(node.rhs) or operator in ("and", "unless"):
        return left
    right = _labels(node.rhs, known)
    if operator == "or":
        return left | right
    modifier = node.modifier
    if modifier is None or modifier.matching is None:
        return left
    if modifier.card == promql.VectorMatchCardinality.ManyToOne:
        return left
    if modifier.card == promql.VectorMatchCardinality.OneToMany:
        return right
    named = frozenset(modifier.matching.labels)
    return named if modifier.matching.type == promql.LabelModifierType.Include else left - named


def _nodes(tree: promql.Expr) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every node with those above it."""
    waiting: list[tuple[Any, list[Any]]] = [(tree, [])]
    while waiting:
        node, above = waiting.pop()
        yield node, above
        below = [
            *(
                getattr(node, name)
                for name in ("lhs", "rhs", "expr", "vector_selector", "param")
                if hasattr(node, name)
            ),
            *getattr(node, "args", ()),
        ]
        waiting += [(child, [*above, node]) for child in below if isinstance(child, promql.Expr)]
