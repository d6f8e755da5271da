"""`platform-exporter check`: asks every source once, and says what was reached and what is missing."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.text import Text

from exporter.engine.engine import loaded
from exporter.engine.families import Family
from exporter.engine.runner import Runner
from exporter.engine.scheduler import close
from exporter.engine.source import Gap, Source, SourceError
from exporter.engine.state import Conflict, StateError, StateStore
from exporter.engine.state.place import store
from exporter.platform.document import Location
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem
from exporter.platform.values import Secret
from exporter.sources import KINDS
from exporter.sources.postgres.supabase import Supabase
from exporter.terminal import lines, one_line

_GOOD, _BAD, _OPTIONAL = ("✓", "green"), ("✗", "red"), ("○", "yellow")


@dataclass(slots=True)
class Finding:
    """What one source answered. A source that did not answer has nothing else missing."""

    source: str
    series: int = 0
    reached: str = ""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether something is missing that should be there."""
        return any(not gap.optional for gap in self.gaps)


async def check(path: Path, platform: Platform, console: Console) -> bool:
    """Print what all sources answered; return whether all of them answered and nothing is missing.

    Raises:
        PlatformError: a secret of a source cannot be read.
    """
    if problems := list(unreadable_secrets(path, platform)):
        raise PlatformError(problems)
    most = platform.limits.series_per_family
    sources = await asyncio.to_thread(loaded, platform)  # before: it counts in no source's time-out
    findings = await asyncio.gather(*(_ask(source, most) for source in sources))
    if platform.state.postgres is not None:
        findings.append(await _try_state(store(platform)))
    console.print(Text(f"{platform.title or platform.platform} ({platform.environment})", style="bold"))
    for finding in findings:
        _tell(finding, console)
    bad = [finding for finding in findings if finding.bad]
    series = sum(finding.series for finding in findings)
    console.print(f"{len(findings)} sources, {len(bad)} with something missing, {series} series.")
    if over := max(0, series - platform.limits.series):
        told = (
            f" {over:,} series are over the bound of {platform.limits.series:,} for all families together. "
        )
        console.print(Text.assemble(_BAD, told, ("Raise limits.series.", "italic")))
    return not bad and not over


def _tell(finding: Finding, console: Console) -> None:
    """Print what one source answered, and below it what is missing: each statement whole, on a line of its own."""
    told = (finding.reached and one_line(finding.reached)) or "nothing reached"
    mark, name = _BAD if finding.bad else _GOOD, (finding.source, "bold")
    console.print(Text.assemble(mark, " ", name, f": {told}; {finding.series:,} series"))
    for gap in finding.gaps:
        mark = _OPTIONAL if gap.optional else _BAD
        console.print(Text.assemble("    ", mark, f" {one_line(gap.missing)}"))
        for line in filter(None, lines(gap.remedy).split("\n")):
            console.print(Text(f"        {line}"))


async def _ask(source: Source, most: int) -> Finding:
    finding = Finding(source.name)
    over: list[Gap] = []

    def cut(family: Family, count: int) -> None:
        over.append(
            Gap(
                f"{count:,} series of {family.name} are over the bound of {most:,}",
                "Raise limits.series_per_family.",
            )
        )

    runner = Runner(source, max_series_per_family=most, on_change=lambda: None, on_drop=cut)
    try:
        await runner.collect()
        if runner.error is None:
            finding.series = len(runner.data)
            finding.reached, gaps = await asyncio.wait_for(source.inspect(), source.timeout)
            finding.gaps = [*gaps, *over]
        else:
            finding.gaps = [Gap(f"{runner.error.reason}: {runner.error}", runner.error.remedy)]
    except SourceError as error:
        finding.gaps = [Gap(f"{error.reason}: {error}", error.remedy), *over]
    except TimeoutError:
        finding.gaps = [Gap(f"timeout: no answer within {source.timeout:g} s", "")]
    finally:
        await close(source)
    return finding


async def _try_state(shared: StateStore) -> Finding:
    """Write a value of no meaning, which needs all the rights that the exporter will need."""
    finding = Finding("state", reached="Postgres, shared by the exporters of this platform")
    try:
        entry = await shared.read("check")
        await shared.write("check", b"", entry.version if entry else 0)
    except Conflict:
        pass  # another `check` at the same moment may write too
    except StateError as error:
        finding.reached, finding.gaps = "", [Gap(f"{error.reason}: {error}", error.remedy)]
    finally:
        await shared.close()
    return finding


def unreadable_secrets(path: Path, platform: Platform, source: str | None = None) -> Iterator[Problem]:
    """Yield a problem for each secret of a source, the state or the status page that cannot be read and must be.

    With `source`, for those of that source alone.
    """
    page = platform.alerting.status_page
    places = (
        *_secrets(platform.sources, ("sources",)),
        *_secrets(platform.state, ("state",)),
        *_secrets(page, ("alerting", "status_page")),
    )
    for location, secret in places:
        if source is not None and not _belongs(location, source):
            continue
        try:
            secret.reveal()
        except PydanticCustomError as error:
            context = error.context or {}
            yield locate(path, location, str(context["message"]), str(context["remedy"]))


def _belongs(location: Location, source: str) -> bool:
    """Tell whether a place in the file, such as sources.postgres.main.dsn, is the source's own or its kind's."""
    kind, _, key = source.partition(".")
    if (known := KINDS.get(kind)) is None:
        own: Location = ("alerting", source)
    else:
        own = ("sources", kind, key) if known.many else ("sources", kind)
    return location[: len(own)] == own


def _secrets(value: Any, location: Location) -> Iterator[tuple[Location, Secret]]:
    if isinstance(value, Secret):
        yield location, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*location, key))
    elif isinstance(value, BaseModel) and not isinstance(value, Supabase):  # Prometheus reads its key, not we
        for name, field_info in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*location, field_info.alias or name))
