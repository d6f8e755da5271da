"""Names and combinations in `alerting` that could not work: channels that do not exist, circles, silence by mistake."""

from collections.abc import Iterator, Mapping

from exporter.platform.alerting import Alerting
from exporter.platform.base import Part
from exporter.platform.document import Location
from exporter.platform.model import Platform
from exporter.platform.problems import suggestion
from exporter.platform.status_page import StatusPage
from exporter.sources import KINDS

Broken = tuple[Location, str, str]

GENERATED = ("default", "heartbeat", "silent", "status-page")
"""Receivers that every platform may have beside its channels."""


def sources(platform: Platform) -> list[str]:
    """Return the names of the sources, as alerts have them: kind.name, or kind.part where a kind exists once."""
    return [
        f"{name}.{key}"
        for name, kind in KINDS.items()
        for key in (
            platform.section(name)
            if kind.many
            else [
                part
                for entry in platform.section(name).values()
                for part in type(entry).model_fields
                if isinstance(getattr(entry, part), Part)
            ]
        )
    ]


def components(platform: Platform) -> list[str]:
    """Return what the label `service` may say: services, and sources."""
    return [*platform.services, *sources(platform)]


def speaks_for(platform: Platform, source: str) -> str:
    """Return what the label `service` of a source's alerts says: a health endpoint may be a service's own."""
    kind, _, key = source.partition(".")
    if kind == "health":
        for name, service in platform.services.items():
            if key in (name, service.signals.health):
                return name
    return source


def broken_routing(platform: Platform) -> Iterator[Broken]:
    """Yield location, message and remedy of what is wrong."""
    alerting = platform.alerting
    yield from _channels(alerting)
    yield from _text_messages(alerting)
    yield from _services(platform)
    yield from _circles(platform)


def _channels(alerting: Alerting) -> Iterator[Broken]:
    for name in alerting.channels:
        if name in GENERATED:
            where = ("alerting", "channels", name)
            yield where, "is the name of a receiver that is generated", "Choose another name."
    named: list[tuple[Location, str]] = [
        (("alerting", "escalation", number, "channels", index), name)
        for number, step in enumerate(alerting.escalation)
        for index, name in enumerate(step.channels)
    ]
    named += [
        (("alerting", "alerts", alert, "channels", index), name)
        for alert, override in alerting.alerts.items()
        for index, name in enumerate(override.channels or ())
    ]
    for named_at, name in named:
        if name not in alerting.channels:
            yield named_at, f"`{name}` is no channel of this file", suggestion(name, alerting.channels)
    for name, channel in alerting.channels.items():
        for number, alert in enumerate(channel.alerts or ()):
            if alert in alerting.alerts and alerting.alerts[alert].channels is not None:
                yield (
                    ("alerting", "channels", name, "alerts", number),
                    f"{alert} takes channels of its own, and no others",
                    f"Name the channel in alerting.alerts.{alert}.channels, or take these out.",
                )
    used = {name for _, name in named}
    for name, channel in alerting.channels.items():
        if not channel.priorities and name not in used:
            where = ("alerting", "channels", name)
            yield (
                where,
                "would never be told anything",
                "Give it `priorities`, or name it in a step of `escalation`.",
            )


def _text_messages(alerting: Alerting) -> Iterator[Broken]:
    """One route and one group are what keeps a number at one message in five minutes."""
    owners: dict[str, str] = {}
    for name, channel in alerting.channels.items():
        if channel.sms is None:
            continue
        where = ("alerting", "channels", name)
        for number in channel.sms.numbers:
            if (other := owners.setdefault(number, name)) != name:
                yield (
                    (*where, "sms", "numbers"),
                    f"a number of it is in {other} too, and would get twice as many messages",
                    "Write each number in one channel.",
                )
        steps = sum(
            len(step.priorities) for step in alerting.escalation for used in step.channels if used == name
        )
        alerts = sum(name in (override.channels or ()) for override in alerting.alerts.values())
        if len(channel.priorities) + steps + alerts > 1:
            yield (
                where,
                "takes alerts in more than one way, and could not hold to one message in five minutes",
                "Leave one: a single priority, or a single step of `escalation` with a single priority.",
            )


def _services(platform: Platform) -> Iterator[Broken]:
    known = components(platform)
    named: list[tuple[Location, str]] = [
        (("alerting", "maintenance", number, "services", index), name)
        for number, window in enumerate(platform.alerting.maintenance)
        for index, name in enumerate(window.services)
    ]
    if (page := platform.alerting.status_page) is not None:
        whole = [name for name in page.components if "/" not in name]
        named += [(("alerting", "status_page", "components", name), name) for name in whole]
        yield from _checks(platform, page)
    for where, name in named:
        if name not in known:
            yield where, f"`{name}` is no service or source of this file", suggestion(name, known)
        elif "maintenance" in where and (service := speaks_for(platform, name)) != name:
            remedy = f"Write `{service}`."
            yield (
                where,
                f"what `{name}` tells of has the service `{service}`, so only SourceStale would be silent",
                remedy,
            )


def _checks(platform: Platform, page: StatusPage) -> Iterator[Broken]:
    """The documents alone can be looked for: what their checks are called, the product knows."""
    documents = [f"health.{name}" for name in platform.section("health")]
    for name in page.components:
        where: Location = ("alerting", "status_page", "components", name)
        source, slash, check = name.partition("/")
        if slash and source not in documents:
            yield where, f"`{source}` is no health endpoint of this file", suggestion(source, documents)
        elif slash and not check:
            remedy = f"Write the name of a check of the document behind the slash, or `{source}` alone."
            yield where, "names no check", remedy


def _circles(platform: Platform) -> Iterator[Broken]:
    """Services that depend on each other would silence each other."""
    dependencies = {name: service.needs for name, service in platform.services.items()}
    for name in dependencies:
        if (path := _path(dependencies, name, name)) is not None:
            yield (
                ("services", name, "depends_on"),
                f"leads back to {name} ({' → '.join([name, *path])}): each would silence the others",
                "Leave out the dependency that matters least.",
            )
            return


def _path(dependencies: Mapping[str, list[str]], start: str, goal: str) -> list[str] | None:
    """Return a way from `start` to `goal` of at least one step, None when there is none."""
    ways = [[name] for name in dependencies.get(start, ())]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, name] for name in dependencies.get(way[-1], ())]
    return None
