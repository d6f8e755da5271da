"""The base of every part of the platform file."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from exporter.platform.values import Duration, fault


class Part(BaseModel):
    """A mapping of the platform file: unknown keys are errors; docstrings of attributes go into the JSON Schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, strict=True)


def _slug(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise fault(
            "slug",
            f"{name!r} is not a name",
            "Use small letters, digits and single hyphens, such as word-is-bond.",
        )
    return name


def _metric_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise fault(
            "metric_name",
            f"{name!r} is not a metric name",
            "Use letters, digits and underscores, such as business_calls_total.",
        )
    return name


def _label_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) or name.startswith("__"):
        raise fault(
            "label_name",
            f"{name!r} is not a label name",
            "Use letters, digits and underscores, such as status.",
        )
    return name


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise fault(
            "text", "is empty or holds a line break or another control character", "Write one line of text."
        )
    if "{{" in text or "}}" in text:
        raise fault(
            "text",
            "holds {{ or }}, which Prometheus' templates would read",
            "Write it without double braces.",
        )
    return text


def _interval(duration: Duration) -> Duration:
    if not 0.1 <= duration <= 7 * 86400:
        raise fault("interval", f"{duration} is not between 100ms and 7d", "Choose a length between these.")
    return duration


Text = Annotated[str, AfterValidator(_text)]
"""A line for people: titles, questions, helps. It ends up in annotations, which are templates."""

Interval = Annotated[Duration, AfterValidator(_interval)]
"""How often, or how long at most."""

Slug = Annotated[str, AfterValidator(_slug)]
"""A name that goes into labels, file names and dashboard uids."""

MetricName = Annotated[str, AfterValidator(_metric_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
