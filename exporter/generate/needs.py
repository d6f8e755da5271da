"""What each service needs, and whose maintenance is its own: walked once here, and only read in Jsonnet."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from exporter.platform.calendar import window_names
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import Problem
from exporter.platform.routing import speaks_for
from exporter.platform.services import Signals

_WITH_OUTAGES = ("postgres", "health")
"""Kinds of sources that have an alert which says that they are down."""


def reached(start: Iterable[str], links: Callable[[str], Iterable[str]]) -> set[str]:
    """Return `start` and all that `links` lead to from there, each once, however many ways there are."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += links(name)
    return found


def needs(platform: Platform, name: str) -> list[str]:
    """Return what the service needs, at however many removes, by the names that alerts have in `service`, sorted.

    That is what it depends on, the parts of one that is several services as one, and what these are read from and need
    themselves; of a source the service that its alerts speak of. A fault spreads along the whole chain in one minute,
    while each service would take its own time to say of the next one that it is down.
    """
    found = reached(platform.services[name].needs, partial(_needed, platform))
    return sorted(each for each in found - {name} if _says_that_it_is_down(platform, each))


def rests_on(platform: Platform, name: str) -> list[str]:
    """Return what fails the service when it fails: what it needs, and what it is measured on itself; sorted names.

    More than `needs`, which silences: the status page hears of a service by its own alerts, and by `Service.needs`.
    """
    return sorted(reached([name], partial(_needed, platform)) - {name})


def windows(platform: Platform, name: str) -> list[str]:
    """Return the names of the windows of maintenance that concern the service, in the order of the platform file.

    Work on what it is measured on, or on anything that it depends on, is work on the service; a window for no service
    in particular is for all. Several services as one leave out each part by itself: work on a part is not work on them,
    but on whatever depends on them.
    """
    service = platform.services[name]
    start = [*service.depends_on, *_read_from(service.signals)]
    touched = {name} | reached(start, partial(_needed, platform))
    every = platform.alerting.maintenance
    return [
        title
        for title, window in zip(window_names(every), every, strict=True)
        if not window.services or touched & set(window.services)
    ]


def mutual_needs(path: Path, platform: Platform) -> Iterator[Problem]:
    """Two services that need each other, one of them through what it is measured on: each would silence the other."""
    needed = {name: needs(platform, name) for name in platform.services}
    for name, service in platform.services.items():
        both = [other for other in needed[name] if name in needed.get(other, ())]
        if both and service.depends_on:
            yield locate(
                path,
                ("services", name, "depends_on"),
                f"leads back to {name}: {both[0]} needs it too, by a source that both are read from, so each would "
                "silence the other",
                "Leave out the dependency that matters least.",
            )
            return


def _needed(platform: Platform, name: str) -> list[str]:
    service = platform.services.get(name)
    return [speaks_for(platform, name)] if service is None else [*service.needs, *_read_from(service.signals)]


def _read_from(signals: Signals) -> list[str]:
    """Return the sources that a signal is read from, by their names, where one can be down or worked on."""
    if signals.cloudflare_worker is not None:
        return ["cloudflare.workers"]
    if signals.freshness is not None:
        return [] if signals.freshness.source is None else [signals.freshness.source]
    return [f"{kind}.{target}" for kind in _WITH_OUTAGES if (target := getattr(signals, kind)) is not None]


def _says_that_it_is_down(platform: Platform, name: str) -> bool:
    """Tell whether an alert can have this name: not a source that a service speaks for, or that has no such alert."""
    return name in platform.services or (
        speaks_for(platform, name) == name and name.partition(".")[0] in _WITH_OUTAGES
    )
