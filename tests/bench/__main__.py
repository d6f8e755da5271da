"""`make bench`: measures this exporter beside what users would pick instead, and prints ratios.

Every figure is the median of the runs with the least and the largest in brackets: that is the machine's noise.
"""

import sys

from tests.bench import age, generate, memory, postgres, render, scrape

BENCHES = {
    "render": render.main,
    "scrape": scrape.main,
    "age": age.main,
    "memory": memory.main,
    "generate": generate.main,
    "postgres": postgres.main,
}


def main() -> None:
    """Run the benches named on the command line, or all of them."""
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()


if __name__ == "__main__":
    main()
