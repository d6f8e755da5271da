"""One collector in one database: when it has its turn, and what its last ones gave."""

from dataclasses import dataclass, field

from exporter.engine.families import Collected
from exporter.engine.source import SourceError
from exporter.sources.postgres.collector import Collector
from exporter.sources.postgres.fold import Fold
from exporter.sources.postgres.rows import Last
from exporter.sources.postgres.transaction import Moment
from exporter.sources.postgres.turns import Turn
from exporter.sources.postgres.windowed import Windowed


@dataclass(slots=True, kw_only=True)
class Run(Turn):
    """What is known of one collector in one database. Times are of the monotonic clock."""

    collector: Collector
    every: float
    limit: int
    data: Collected = field(default_factory=Collected)
    previous: Last = field(default_factory=Last)
    succeeded: float | None = None
    between: float = 0.0
    """Seconds between its last two successes: turns may be rarer than `every` asks for."""
    ran: bool = False
    failures: int = 0
    """How often in a row it failed."""
    duration: float = 0.0
    truncated: bool = False
    error: SourceError | None = None
    fold: Fold | None = None
    folded: Moment | None = None
    """Which server's rows the fold took last, and when."""
    windowed: Windowed | None = None
