"""What a kind of source is: the part of the platform file it reads, the families it exports, how it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.engine.families import Family
from exporter.engine.source import Source
from exporter.platform.base import Part, Slug

if TYPE_CHECKING:
    from exporter.platform.model import Platform


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One module of `exporter.sources`. Put an instance named KIND into the module and the kind exists."""

    name: str
    """Key under `sources:` in the platform file."""
    config: type[Part]
    """The model of one entry."""
    build: "Callable[[Platform], list[Source]]"
    """Makes the sources that a platform asks for, without touching the network."""
    families: tuple[Family, ...]
    """Everything the kind may export, own SQL excepted."""
    many: bool = True
    """Whether entries have names (`sources.postgres.main`) or the section is the entry (`sources.cloudflare`)."""

    @property
    def field(self) -> Any:
        """The type of the section in the model."""
        return dict[Slug, self.config] if self.many else self.config  # type: ignore[name-defined]  # a type computed at run time
