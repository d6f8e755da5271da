"""Key figures and their targets."""

from typing import Annotated, Literal

from pydantic import Field

from exporter.platform.base import Part, Text

View = Literal["executive", "technical", "business", "operations"]


class Kpi(Part):
    """A key figure with a target."""

    title: Text
    help: str
    expr: str
    """PromQL that gives one value."""
    target: Annotated[str, Field(pattern=r"^(>=|<=|>|<)\s*\d+(\.\d+)?\s*%?$", examples=[">= 95%", "< 30"])]
    """Comparison and number; with % the value is a ratio from 0 to 1."""
    unit: str | None = None
    view: View = "business"
