"""Every metric that the exporter declares, in one place for the documentation and for the checks of generated files."""

from exporter import duties, planned
from exporter.engine import freshness, leader, process, snapshot
from exporter.engine.families import Family
from exporter.platform.model import Platform
from exporter.sources import KINDS

OWN: tuple[Family, ...] = (
    *process.FAMILIES,
    *leader.FAMILIES,
    *freshness.FAMILIES,
    *snapshot.FAMILIES,
    *planned.FAMILIES,
    *duties.FAMILIES,
)
"""What the exporter says of itself and of its platform file."""


def metric_families(platform: Platform | None = None) -> list[Family]:
    """Return all declared families sorted by name; with a platform, those of its own SQL too."""
    families = list(OWN)
    families += [family for kind in KINDS.values() for family in kind.families]
    for query in platform.queries.values() if platform is not None else ():
        families += [
            Family(name, metric.type, metric.help, query.labels_of(metric))
            for name, metric in query.metrics.items()
        ]
    return sorted(families, key=lambda family: family.name)
