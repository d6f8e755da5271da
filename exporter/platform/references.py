"""Names in a platform file that must stand for something else in it."""

from collections.abc import Iterator

from exporter import sources as source_kinds
from exporter.platform.document import Location
from exporter.platform.model import Platform
from exporter.platform.problems import suggestion
from exporter.platform.routing import broken_routing, components, sources
from exporter.platform.services import Service
from exporter.platform.values import Duration
from exporter.sources.postgres import Postgres

Broken = tuple[Location, str, str]


def broken_references(platform: Platform) -> Iterator[Broken]:
    """Yield location, message and remedy of each name that leads nowhere."""
    yield from _dependencies(platform)
    yield from _signals(platform)
    yield from _queries(platform)
    yield from _timeouts(platform)
    yield from _titles(platform)
    yield from broken_routing(platform)


def _dependencies(platform: Platform) -> Iterator[Broken]:
    for name, service in platform.services.items():
        known = [other for other in components(platform) if other != name]
        for index, dependency in enumerate(service.depends_on):
            if dependency not in known:
                where = ("services", name, "depends_on", index)
                yield (
                    where,
                    f"`{dependency}` is no service or source of this file",
                    suggestion(dependency, known),
                )


def _signals(platform: Platform) -> Iterator[Broken]:
    for name, service in platform.services.items():
        signals, where = service.signals, ("services", name, "signals")
        for kind, section, what in (
            ("health", "health", "health endpoint"),
            ("postgres", "postgres", "database"),
        ):
            targets = platform.section(section)
            if (target := getattr(signals, kind)) is not None and target not in targets:
                yield (*where, kind), f"`{target}` is no {what} of this file", suggestion(target, targets)
        if signals.cloudflare_worker is not None:
            yield from _worker(platform, signals.cloudflare_worker, (*where, "cloudflare_worker"))
        if signals.freshness is not None and (source := signals.freshness.source) is not None:
            known = sources(platform)
            if source not in known:
                yield (
                    (*where, "freshness", "source"),
                    f"`{source}` is no source of this file",
                    suggestion(source, known),
                )
        for index, member in enumerate(signals.services or ()):
            others = [
                other
                for other, part in platform.services.items()
                if part.signals.services is None and part.signals.freshness is None
            ]
            if member not in others:
                yield (
                    (*where, "services", index),
                    f"`{member}` is no service of this file with events of its own",
                    suggestion(member, others),
                )
        yield from _objectives(name, service)


def _worker(platform: Platform, script: str, where: Location) -> Iterator[Broken]:
    workers = getattr(platform.section("cloudflare").get("cloudflare"), "workers", None)
    if workers is None:
        yield (
            where,
            "this file has no sources.cloudflare.workers to take the signal from",
            "Add account, token and workers under sources.cloudflare.",
        )
    elif workers.scripts and script not in workers.scripts:
        yield (
            where,
            f"`{script}` is not among sources.cloudflare.workers.scripts",
            suggestion(script, workers.scripts),
        )


def _objectives(name: str, service: Service) -> Iterator[Broken]:
    signals, objectives, where = service.signals, service.objectives, ("services", name, "objectives")
    fresh = signals.freshness is not None
    if objectives.availability is not None and fresh:
        yield (
            (*where, "availability"),
            "`signals.freshness` says how old something is, not whether it answers",
            "Call this objective `freshness`.",
        )
    if objectives.freshness is not None and not fresh:
        yield (
            (*where, "freshness"),
            "there is nothing with an age under `signals`",
            "Call this objective `availability`, or give the service `signals.freshness`.",
        )
    if objectives.latency is None:
        return
    timed = signals.kind in ("cloudflare_worker", "health")
    if not (timed or (signals.metrics is not None and signals.metrics.duration is not None)):
        yield (
            (*where, "latency"),
            f"`signals.{signals.kind}` says nothing of durations",
            "Remove it, or give the service a signal that does: cloudflare_worker, health, metrics.duration.",
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
            for label in ("target", "datname")[: 2 if query.scope == "database" else 1]:
                if label in query.columns_of(declared):
                    yield (
                        (*where, "labels"),
                        f"`{label}` is set by the exporter",
                        "Name the column otherwise.",
                    )
            if (twin := _twin(metric)) in owners:
                yield where, f"OpenMetrics cannot tell it from {twin}", "Choose another name."
            if declared.type == "counter" and not metric.endswith("_total"):
                yield where, "a counter's name ends in _total", f"Call it {metric}_total, or make it a gauge."


def _timeouts(platform: Platform) -> Iterator[Broken]:
    """A statement that may take as long as the whole collection takes the time of all others, again and again."""
    longest: dict[str, Duration] = {
        key: database.timeout
        for key, database in platform.section("postgres").items()
        if isinstance(database, Postgres)
    }
    stated: list[tuple[Location, str, Duration]] = [
        (("queries", name), query.database, query.timeout)
        for name, query in platform.queries.items()
        if "timeout" in query.model_fields_set
    ]
    stated += [
        (("sources", "postgres", key, "collectors", name), key, change.timeout)
        for key, database in platform.section("postgres").items()
        if isinstance(database, Postgres)
        for name, change in database.collectors.items()
        if change.timeout is not None
    ]
    for where, key, timeout in stated:
        if key in longest and timeout >= longest[key]:
            yield (
                (*where, "timeout"),
                f"{timeout} leaves no time for anything else: a whole collection of `{key}` may take {longest[key]}",
                f"Make it shorter, or give sources.postgres.{key} a longer `timeout`.",
            )


def _titles(platform: Platform) -> Iterator[Broken]:
    """Databases and poolers have a row each on the technical dashboard, named by their title alone."""
    for kind in ("postgres", "pgbouncer"):
        owners: dict[str, str] = {}
        for key, source in platform.section(kind).items():
            title = getattr(source, "title", None) or f"{kind}.{key}"
            if (other := owners.setdefault(title, key)) != key:
                yield (
                    ("sources", kind, key, "title"),
                    f"`{title}` is what sources.{kind}.{other} is called too, and nobody could tell them apart",
                    "Give each a title of its own, or leave the title out: then it is called by its key.",
                )


def _twin(metric: str) -> str:
    """Return the name that would be the same family in OpenMetrics, where counters are named without `_total`."""
    return metric.removesuffix("_total") if metric.endswith("_total") else f"{metric}_total"
