"""`platform-exporter explain SOURCE`: one collection, told step by step, with every secret taken out."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.text import Text

from exporter.check import unreadable_secrets
from exporter.engine.engine import build_sources, prepare
from exporter.engine.exposition import Part, Renderer
from exporter.engine.families import Collected
from exporter.engine.runner import Runner
from exporter.engine.scheduler import close
from exporter.engine.source import Source
from exporter.engine.trace import Trace, tracing
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError, suggestion
from exporter.terminal import lines


class UnknownSource(Exception):
    """No source of that name in the platform file."""


async def explain(path: Path, platform: Platform, name: str, console: Console) -> bool:
    """Collect once from the source `name` and print what happened; return whether it succeeded.

    Raises:
        UnknownSource: with the nearest right name.
        PlatformError: a secret of the source cannot be read.
    """
    sources = {source.name: source for source in build_sources(platform)}
    if name not in sources:
        raise UnknownSource(f"{path} has no source {name}. {suggestion(name, sources)}")
    if problems := list(unreadable_secrets(path, platform, name)):
        raise PlatformError(problems)
    source = sources[name]
    runner = Runner(source, max_series_per_family=10**9, on_change=lambda: None, on_drop=lambda *_: None)
    try:
        await asyncio.to_thread(prepare, source)  # as `run` does: what is loaded once counts in no duration
        with tracing() as trace:
            await runner.collect()
    finally:
        await asyncio.gather(*(close(each) for each in sources.values()))
    _print(source, runner, trace, console)
    return runner.error is None


def _print(source: Source, runner: Runner, trace: Trace, console: Console) -> None:
    console.print(_bold(source.name), f"every {source.every:g} s, time-out {source.timeout:g} s\n")
    for number, note in enumerate(trace.notes, 1):
        took = "" if note.seconds is None else f" {note.seconds * 1000:.1f} ms"
        console.print(_bold(f"{number}. {lines(note.what)}").append(took, style="not bold dim"))
        if note.detail:
            console.print(Text(lines(note.detail), style="cyan"))
    if runner.error is not None:
        failed = f"\nFailed after {runner.last_duration * 1000:.1f} ms: {runner.error.reason}"
        console.print(Text(failed, style="red"))
        console.print(Text(lines(str(runner.error))))
        if runner.error.remedy:
            console.print(Text(lines(runner.error.remedy), style="italic"))
        if len(left := source.down()):
            console.print("\nUntil it succeeds, there is of it:")
            _print_series(left, console)
        return
    came = f"\n{len(runner.data)} series after {runner.last_duration * 1000:.1f} ms"
    console.print(Text(came, style="green"))
    _print_series(runner.data, console)


def _bold(text: str) -> Text:
    return Text(text, style="bold")


def _print_series(collected: Collected, console: Console) -> None:
    families = [(family, [Part(samples)]) for family, samples in collected]
    text = "".join(
        line + "\n"
        for line in Renderer().render(families).text.decode().split("\n")
        if not line.startswith("# HELP")
    )
    console.print(Text(lines(text.rstrip())))
