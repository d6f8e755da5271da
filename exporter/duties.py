"""What the exporter does on schedule beside asking sources: drills, the status page. They run as sources do."""

from typing import TYPE_CHECKING

from exporter.drill import source as drill_source
from exporter.engine.source import Source
from exporter.statuspage import source as status_page_source

if TYPE_CHECKING:
    from exporter.platform.model import Platform

FAMILIES = (*drill_source.FAMILIES, *status_page_source.FAMILIES)


def duties(platform: "Platform") -> list[Source]:
    """Return those that the platform file asks for. Nothing is contacted."""
    return [*drill_source.build(platform), *status_page_source.build(platform)]
