"""Key figures and their targets."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exporter.platform.base import Part, Text
from exporter.platform.promql import Expression
from exporter.platform.values import fault

View = Literal["executive", "technical", "business", "operations"]


class Kpi(Part):
    """A key figure with a target. Recorded as kpi_value, kpi_target and kpi_met (1 or 0), with the label `kpi`."""

    title: Text
    """Its small letters and digits, joined by hyphens, are the label `kpi`: Call completion → call-completion."""
    help: str
    expr: Expression
    """PromQL that gives one value, such as a sum(…). Of several the worst counts: the lowest where the target is a
    least (>=, >), the highest where it is a most (<=, <)."""
    target: Annotated[str, Field(pattern=r"^(>=|<=|>|<)\s*\d+(\.\d+)?\s*%?$", examples=[">= 95%", "< 30"])]
    """Comparison and number; with % the value is a ratio from 0 to 1."""
    unit: str | None = None
    """Grafana unit of the value, such as currencyUSD or s; a target with % makes it percentunit."""
    view: View = "business"
    """Dashboard on which its course is drawn; the executive view has the verdict of all."""

    @property
    def name(self) -> str:
        """Value of the label `kpi`."""
        return "-".join(re.findall(r"[a-z0-9]+", self.title.lower()))


def _apart(kpis: list[Kpi]) -> list[Kpi]:
    names: dict[str, str] = {}
    for kpi in kpis:
        if not kpi.name:
            raise fault(
                "title", f"{kpi.title!r} has neither letters nor digits", "Give the key figure a name."
            )
        if kpi.name in names:
            raise fault(
                "title",
                f"{kpi.title!r} would be recorded under the same name as {names[kpi.name]!r}: {kpi.name}",
                "Give each key figure a title of its own.",
            )
        names[kpi.name] = kpi.title
    return kpis


Kpis = Annotated[list[Kpi], AfterValidator(_apart)]
"""Key figures, each with a name of its own."""
