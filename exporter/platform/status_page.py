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
    """Services, or sources as kind.name → id of the component that shows them."""
    after: Interval = Duration(300)
    """How long a state must last before it is published; the end of trouble too."""
    notify: bool = False
    """Whether Statuspage tells its subscribers."""
    dry_run: bool = True
    """Only log what would be published. Set to false once the log looks right."""
    url: Url = Url("https://api.statuspage.io/v1")
