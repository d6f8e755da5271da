"""The base of every part of the platform file."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from exporter.platform.values import fault


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


Slug = Annotated[str, AfterValidator(_slug)]
"""A name that goes into labels, file names and dashboard uids."""

MetricName = Annotated[str, AfterValidator(_metric_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
