"""Cloudflare, through the GraphQL Analytics API. One module a dataset, each a source with its own schedule."""

from typing import TYPE_CHECKING

from exporter.engine.source import Source
from exporter.platform.base import Part
from exporter.platform.values import Secret, Url
from exporter.sources.cloudflare.client import GraphqlClient
from exporter.sources.cloudflare.workers import FAMILIES, Workers, WorkersSource
from exporter.sources.kind import SourceKind

if TYPE_CHECKING:
    from exporter.platform.model import Platform


class Cloudflare(Part):
    """A Cloudflare account."""

    account: str
    """Account id, 32 hexadecimal digits."""
    token: Secret
    """API token with the permission Account Analytics: Read."""
    url: Url = Url("https://api.cloudflare.com/client/v4/graphql")
    workers: Workers | None = None


def _build(platform: "Platform") -> list[Source]:
    section = platform.section("cloudflare").get("cloudflare")
    if not isinstance(section, Cloudflare) or section.workers is None:
        return []
    client = GraphqlClient(section.url, section.token, timeout=section.workers.timeout)
    return [WorkersSource(section.account, client, section.workers)]


KIND = SourceKind(name="cloudflare", config=Cloudflare, build=_build, families=FAMILIES, many=False)
