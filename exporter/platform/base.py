"""The base of every part of the platform file."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from exporter.platform.values import Duration, fault


class Part(BaseModel):
    """A mapping of the platform file: unknown keys are errors; docstrings of attributes go into the JSON Schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, strict=True)


def matching(pattern: str, kind: str, what: str, remedy: str) -> AfterValidator:
    """Return a validator of texts that match `pattern` as a whole. `what` says what a text that does not is.

    Its error is of the kind `kind`, such as: 'A B' is not a name.
    """

    def match(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise fault(kind, f"{text!r} is {what}", remedy)
        return text

    return AfterValidator(match)


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise fault(
            "text", "is empty or holds a line break or another control character", "Write one line of text."
        )
    return _without_places(text)


def _without_places(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise fault(
            "text",
            "holds {{ or }}, which Prometheus' templates would read",
            "Write it without double braces.",
        )
    if "%(" in text:
        raise fault(
            "text",
            "holds %(, where texts of alerts have a word put in",
            "Write something between the two, such as a space.",
        )
    return text


def _interval(duration: Duration) -> Duration:
    if not 0.1 <= duration <= 7 * 86400:
        raise fault("interval", f"{duration} is not between 100ms and 7d", "Choose a length between these.")
    return duration


def _of_rules(duration: Duration) -> Duration:
    if not 1 <= duration <= 120 or duration % 1:
        raise fault(
            "interval",
            f"{duration} is no interval at which rules can look at each other",
            "Write whole seconds, from 1s to 2m: Prometheus forgets after 5m.",
        )
    return duration


Text = Annotated[str, AfterValidator(_text)]
"""A line for people: titles, questions, helps. It ends up in annotations, which are templates."""

Repeated = Annotated[str, AfterValidator(_without_places)]
"""Whatever a label may say, where labels or annotations of an alert repeat it; these are templates."""

Interval = Annotated[Duration, AfterValidator(_interval)]
"""How often, or how long at most."""

RuleInterval = Annotated[Duration, AfterValidator(_of_rules)]
"""How often rules are evaluated."""

Slug = Annotated[
    str,
    matching(
        r"[a-z0-9]+(-[a-z0-9]+)*",
        "slug",
        "not a name",
        "Use small letters, digits and single hyphens, such as word-is-bond.",
    ),
]
"""A name that goes into labels, file names and dashboard uids."""

MetricName = Annotated[
    str,
    matching(
        r"[a-zA-Z_][a-zA-Z0-9_]*",
        "metric_name",
        "not a metric name",
        "Use letters, digits and underscores, such as business_calls_total.",
    ),
]
LabelName = Annotated[
    str,
    matching(
        r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*",
        "label_name",
        "not a label name",
        "Use letters, digits and underscores, such as status.",
    ),
]
