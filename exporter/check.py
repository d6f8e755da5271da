"""`platform-exporter check`: asks every source once, and says what was reached and what is missing."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.table import Table

from exporter.engine.engine import build_sources
from exporter.engine.scheduler import Runner
from exporter.engine.source import Gap, Source
from exporter.platform.document import Location
from exporter.platform.load import locate
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, Problem
from exporter.platform.values import Secret, redact


@dataclass(slots=True)
class Finding:
    """What one source answered."""

    source: str
    series: int = 0
    reached: str = ""
    error: str = ""
    remedy: str = ""
    gaps: list[Gap] = field(default_factory=list)


async def check(path: Path, platform: Platform, console: Console) -> bool:
    """Print a table of all sources; return whether all of them answered and nothing is missing.

    Raises:
        PlatformError: a secret of a source cannot be read.
    """
    if problems := list(_unreadable_secrets(path, platform)):
        raise PlatformError(problems)
    findings = await asyncio.gather(*(_ask(source) for source in build_sources(platform)))
    table = Table(title=f"{platform.title or platform.platform} ({platform.environment})", title_justify="left")
    for heading in ("Source", "Reached", "Missing", "What to do"):
        table.add_column(heading, overflow="fold")
    table.add_column("Series", justify="right")
    for finding in findings:
        missing = [finding.error] if finding.error else [gap.missing for gap in finding.gaps]
        remedies = [finding.remedy] if finding.error else [gap.remedy for gap in finding.gaps]
        state = "[green]✓[/]" if not missing else "[red]✗[/]"
        table.add_row(
            f"{state} {finding.source}", _plain(finding.reached or "nothing"), _plain("\n".join(missing)),
            _plain("\n".join(remedies)), str(finding.series),
        )  # fmt: skip
    console.print(table)
    bad = [finding for finding in findings if finding.error or finding.gaps]
    series = sum(finding.series for finding in findings)
    console.print(f"{len(findings)} sources, {len(bad)} with something missing, {series} series.")
    return not bad


def _plain(text: str) -> str:
    return redact(text).replace("[", r"\[")


async def _ask(source: Source) -> Finding:
    finding = Finding(source.name)
    runner = Runner(source, max_series_per_family=10**9, on_change=lambda: None, on_drop=lambda *_: None)
    try:
        await runner.collect()
        if runner.error is None:
            finding.series = len(runner.data)
            finding.reached, finding.gaps = await asyncio.wait_for(source.inspect(), source.timeout)
        else:
            finding.error, finding.remedy = f"{runner.error.reason}: {runner.error}", runner.error.remedy
    except TimeoutError:
        finding.error = f"timeout: no answer within {source.timeout:g} s"
    finally:
        await source.close()
    return finding


def _unreadable_secrets(path: Path, platform: Platform) -> Iterator[Problem]:
    for location, secret in _secrets(platform.sources, ("sources",)):
        try:
            secret.reveal()
        except PydanticCustomError as error:
            where, context = locate(path, location), error.context or {}
            yield Problem(where.file, where.line, where.key, str(context["message"]), str(context["remedy"]))


def _secrets(value: Any, location: Location) -> Iterator[tuple[Location, Secret]]:
    if isinstance(value, Secret):
        yield location, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*location, key))
    elif isinstance(value, BaseModel):
        for name, field_info in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), (*location, field_info.alias or name))


