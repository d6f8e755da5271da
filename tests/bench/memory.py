"""Memory and descriptors at 10,000 series: after 2,000 scrapes, and whether they grow over 20,000 more."""

from tests.bench.load import load, open_files, resident_bytes
from tests.bench.servers import ours
from tests.bench.table import console, table

SERIES = 10_000


def main() -> None:
    """Print resident memory and open descriptors as scrapes go by, with two sources failing all the time."""
    growth = table(f"{SERIES:,} series, two sources failing", "Scrapes", "resident", "descriptors")
    with ours(SERIES, every=0.2, hanging=2) as server:
        for scrapes in (2_000, 10_000, 10_000):
            load(server.port, server.pid, scrapes, gzip=True)
            growth.add_row(
                f"+{scrapes:,}", f"{resident_bytes(server.pid) / 1e6:.1f} MB", str(open_files(server.pid))
            )
    console.print(growth)
