"""The public status page that follows the alerts."""

from typing import Annotated

from pydantic import Field

from exporter.platform.base import Interval, Part
from exporter.platform.values import Duration, Secret, Url


class StatusPage(Part):
    """A page on Statuspage: components and incidents follow the alerts that customers feel."""

    page: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
    """Id of the page."""
    api_key: Secret
    token: Secret
    """What Alertmanager shows the exporter, so that nobody else can change the page; any long random text."""
    components: Annotated[dict[str, str], Field(min_length=1)]
    """Services, sources as kind.name, and single checks of a health document as health.name/check → id of the component
    that shows them. Several with one id: the worst of them."""
    after: Interval = Duration(300)
    """How long a state must last before it is published; the end of trouble too."""
    notify: bool = False
    """Whether Statuspage tells its subscribers."""
    dry_run: bool = True
    """Only log what would be published. Set to false once the log looks right."""
    url: Url = Url("https://api.statuspage.io/v1")

    def shown_as(self) -> dict[str, list[str]]:
        """Return, of each component, the name that stands first → all names with the same id, itself included."""
        first: dict[str, str] = {}
        found: dict[str, list[str]] = {}
        for name, component in self.components.items():
            found.setdefault(first.setdefault(component, name), []).append(name)
        return found

    def has_check(self, source: str, check: str) -> bool:
        """Tell whether a check of a health document has a component of its own."""
        return f"{source}/{check}" in self.components

    def documents(self) -> set[str]:
        """Return the health documents, as health.name, of which checks have components."""
        return {source for source, slash, _ in (name.partition("/") for name in self.components) if slash}
