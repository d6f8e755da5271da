"""`make bench`: measures this exporter beside what users would pick instead, and prints ratios.

Every figure is the median of at least five runs with the least and the largest in brackets: that is the machine's
noise. What is asked of a figure stands under it, met or missed. `ARGS="scrape memory"` picks benches,
`ARGS="postgres 1000 faults"` parts of one.
"""

import sys
import time
from collections.abc import Callable

from tests.bench import age, generate, memory, postgres, render, scrape
from tests.bench.table import console

BENCHES: dict[str, dict[str, Callable[[], None]]] = {
    "render": {"": render.main},
    "scrape": scrape.PARTS,
    "age": {"": age.main},
    "memory": {"": memory.main},
    "generate": {"": generate.main},
    "postgres": postgres.PARTS,
}
GROUPS = {"engine-parts": ("render", "scrape", "age", "memory")}


def main() -> None:
    """Run what the command line names, or everything."""
    for name, bench in chosen(sys.argv[1:]):
        started = time.monotonic()
        bench()
        console.print(f"{name}: {time.monotonic() - started:.0f} s\n", style="dim")


def chosen(words: list[str]) -> list[tuple[str, Callable[[], None]]]:
    """Return titles and what to run. Exits with what there is for a word that means nothing."""
    found: dict[str, list[str]] = {}
    last = ""
    for word in words or BENCHES:
        if word in GROUPS:
            found.update({name: [] for name in GROUPS[word]})
        elif word in BENCHES:
            found[word], last = [], word
        elif last and word in BENCHES[last]:
            found[last].append(word)
        else:
            sys.exit(f"no bench or part {word!r}; there are:\n{_known()}")
    return [
        (f"{name} {part}".rstrip(), BENCHES[name][part])
        for name, parts in found.items()
        for part in parts or BENCHES[name]
    ]


def _known() -> str:
    """List benches with their parts, and groups."""
    lines = [" ".join((name, *filter(None, parts))) for name, parts in BENCHES.items()]
    return "\n".join((*lines, *(f"{name}: {' '.join(members)}" for name, members in GROUPS.items())))


if __name__ == "__main__":
    main()
