"""What differs from provider to provider: databases and roles that are theirs, collectors that cannot work there."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter

from exporter.platform.base import Part, Text
from exporter.platform.conditions import PROVIDERS, Provider
from exporter.platform.values import Secret
from exporter.sources.postgres.dsn import settings

if TYPE_CHECKING:
    from exporter.sources.postgres.collector import Collector


class Entry(Part):
    """One entry of profiles.yml, named by its key."""

    title: Text
    hosts: list[str]
    ignored_databases: list[str]
    platform_roles: list[str]
    without: dict[str, Text]
    also: dict[str, Text]
    notes: list[Text]


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider. `without` and `also` are collectors that it switches off and on, and why."""

    provider: Provider
    title: str
    hosts: tuple[str, ...]
    ignored_databases: frozenset[str]
    platform_roles: tuple[str, ...]
    without: dict[str, str]
    also: dict[str, str]
    notes: tuple[str, ...]

    def enables(self, collector: "Collector", chosen: bool | None) -> bool:
        """Say whether a collector runs here, `chosen` being what the platform file says of it."""
        if chosen is not None:
            return chosen
        if collector.name in self.without:
            return False
        return collector.name in self.also or getattr(collector.statement, "enabled", True)


@cache
def profiles() -> dict[Provider, Profile]:
    """Read the profiles of all providers, in the order in which they are guessed."""
    text = (files("exporter.sources.postgres") / "profiles.yml").read_text(encoding="utf-8")
    entries = TypeAdapter(dict[Provider, Entry]).validate_python(yaml.safe_load(text))
    assert entries.keys() == set(PROVIDERS), "each provider has a profile"
    return {
        provider: Profile(
            provider=provider,
            title=entry.title,
            hosts=tuple(entry.hosts),
            ignored_databases=frozenset(entry.ignored_databases),
            platform_roles=tuple(entry.platform_roles),
            without=entry.without,
            also=entry.also,
            notes=tuple(entry.notes),
        )
        for provider, entry in entries.items()
    }


def load(provider: Provider) -> Profile:
    """Return the profile of a provider."""
    return profiles()[provider]


def guess(dsn: Secret) -> Provider:
    """Guess the provider from the host of the connection string.

    Raises:
        SourceError: the secret cannot be read, or is no connection string.
    """
    host = str(settings(dsn).get("host", "")).partition(",")[0].lower()
    for provider, profile in profiles().items():
        if any(fnmatchcase(host, pattern) for pattern in profile.hosts):
            return provider
    return "generic"
