"""Quotas: what a plan or a vendor allows, and how much of it is used."""

from typing import Annotated, Literal

from pydantic import Field

from exporter.platform.base import Part, Text
from exporter.platform.promql import Expression


class Quota(Part):
    """Something of which only so much may be used."""

    title: Text
    used: Expression
    """PromQL that gives one value: what is used now, or since the quota was reset last."""
    limit: Annotated[
        str,
        Field(pattern=r"^\d+(\.\d+)?\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$", examples=["10GiB", "1000000"]),
    ]
    """How much may be used: a size, or a number in quotes."""
    resets: Literal["never", "daily", "monthly"] = "never"
    """When it begins anew, in UTC. One that never does fills up; the others are used at a pace."""
