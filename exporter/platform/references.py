"""Names in a platform file that must stand for something else in it."""

from collections.abc import Iterator

from exporter import sources as source_kinds
from exporter.platform.document import Location
from exporter.platform.model import Platform
from exporter.platform.problems import suggestion

Broken = tuple[Location, str, str]


def broken_references(platform: Platform) -> Iterator[Broken]:
    """Yield location, message and remedy of each name that leads nowhere."""
    yield from _dependencies(platform)
    yield from _signals(platform)
    yield from _queries(platform)
    yield from _channels(platform)


def _dependencies(platform: Platform) -> Iterator[Broken]:
    for name, service in platform.services.items():
        known = {
            *(other for other in platform.services if other != name),
            *(f"{kind}.{key}" for kind in source_kinds.KINDS for key in platform.section(kind)),
        }
        for index, dependency in enumerate(service.depends_on):
            if dependency not in known:
                where = ("services", name, "depends_on", index)
                yield (
                    where,
                    f"`{dependency}` is no service or source of this file",
                    suggestion(dependency, known),
                )


def _signals(platform: Platform) -> Iterator[Broken]:
    endpoints = platform.section("health")
    cloudflare = platform.section("cloudflare").get("cloudflare")
    for name, service in platform.services.items():
        where = ("services", name, "signals")
        if (health := service.signals.health) is not None and health not in endpoints:
            yield (
                (*where, "health"),
                f"`{health}` is no health endpoint of this file",
                suggestion(health, endpoints),
            )
        if (script := service.signals.cloudflare_worker) is None:
            continue
        workers = getattr(cloudflare, "workers", None)
        if workers is None:
            yield (
                (*where, "cloudflare_worker"),
                "this file has no sources.cloudflare.workers to take the signal from",
                "Add account, token and workers under sources.cloudflare.",
            )
        elif workers.scripts and script not in workers.scripts:
            yield (
                (*where, "cloudflare_worker"),
                f"`{script}` is not among sources.cloudflare.workers.scripts",
                suggestion(script, workers.scripts),
            )


def _queries(platform: Platform) -> Iterator[Broken]:
    databases = platform.section("postgres")
    owners = {family.name: kind.name for kind in source_kinds.KINDS.values() for family in kind.families}
    for name, query in platform.queries.items():
        if query.database not in databases:
            yield (
                ("queries", name, "database"),
                f"`{query.database}` is no database of this file",
                suggestion(query.database, databases),
            )
        for metric, declared in query.metrics.items():
            where = ("queries", name, "metrics", metric)
            if metric in owners:
                yield where, "is already the name of another metric", "Choose another name."
            owners[metric] = name
            if "target" in declared.labels:
                yield (*where, "labels"), "`target` is set by the exporter", "Name the column otherwise."
            if (twin := _twin(metric)) in owners:
                yield where, f"OpenMetrics cannot tell it from {twin}", "Choose another name."
            if declared.type == "counter" and not metric.endswith("_total"):
                yield where, "a counter's name ends in _total", f"Call it {metric}_total, or make it a gauge."


def _twin(metric: str) -> str:
    """Return the name that would be the same family in OpenMetrics, where counters are named without `_total`."""
    return metric.removesuffix("_total") if metric.endswith("_total") else f"{metric}_total"


def _channels(platform: Platform) -> Iterator[Broken]:
    for name in platform.alerting.channels:
        if name in ("default", "heartbeat"):
            where = ("alerting", "channels", name)
            yield where, "is the name of a receiver that is generated", "Choose another name."
