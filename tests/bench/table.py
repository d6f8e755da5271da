"""How measurements are printed."""

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

RUNS = 5
console = Console(width=150)


def spread(values: Sequence[float], unit: str, scale: float = 1.0) -> str:
    """Write median, least and largest: `0.21 ms (0.20 to 0.24)`."""
    low, mid, high = (value * scale for value in (min(values), median(values), max(values)))
    return f"{mid:.3g} {unit} ({low:.3g} to {high:.3g})"


def judged(figure: str, value: float, *, most: float | None = None, least: float | None = None) -> str:
    """Write under a figure what is asked of it, in the figure's own unit, and whether `value` keeps to it."""
    if most is not None:
        return f"{figure}\n≤ {most:g}: {'met' if value <= most else f'missed by {value / most - 1:.0%}'}"
    assert least is not None, "one of both is given"
    return f"{figure}\n≥ {least:g}: {'met' if value >= least else f'missed by {1 - value / least:.0%}'}"


def times(slower: Sequence[float], faster: Sequence[float]) -> str:
    """Write how many times larger the median of one is than the other's."""
    return f"{median(slower) / median(faster):.3g}x"


def table(title: str, *headings: str) -> Table:
    """Return an empty table; the first column is text, the others are figures."""
    made = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="left" if number == 0 else "right")
    return made
