"""The commands about alerts' ways: `platform-exporter routes …` and `platform-exporter drill`."""

import asyncio
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from exporter import logs
from exporter.engine.deadline import Deadline
from exporter.engine.source import SourceError
from exporter.platform.load import load
from exporter.platform.model import Platform
from exporter.platform.problems import PlatformError

if TYPE_CHECKING:
    from exporter.engine.state import StateStore

routes = typer.Typer(invoke_without_command=True, add_completion=False)

PlatformFile = Annotated[Path, typer.Option("-p", "--platform", metavar="FILE", help="The platform file.")]
SecretsDir = Annotated[Path | None, typer.Option("--secrets-dir", help="Folder of ${file:…} secrets.")]


@routes.callback()
def table(
    context: typer.Context,
    platform: Annotated[
        Path | None, typer.Option("-p", "--platform", metavar="FILE", help="The platform file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show who is told of each alert, how often, when not, and who is told when nobody solves it."""
    from exporter.routes import rows, show

    if context.invoked_subcommand is not None:
        return
    if platform is None:
        _fail("name the platform file with -p FILE")
    catalogue, documents = _generated(platform)
    found = rows(catalogue, documents)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=2, ensure_ascii=False))
    else:
        typer.echo(show(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))


@routes.command("test")
def test_labels(
    labels: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE…", help="Labels, such as priority=p1 service=api.")
    ],
    platform: PlatformFile,
) -> None:
    """Print the receivers of an alert with these labels, in order, as amtool does.

    An alert of the platform brings the labels that all of its rules have. What was assumed, and what no alert has, is
    told on standard error.
    """
    from exporter.routes_asked import Absent, Ambiguous, Asked

    pairs = [label.partition("=") for label in labels]
    if wrong := [
        label for label, (name, equals, _) in zip(labels, pairs, strict=True) if not name or not equals
    ]:
        _fail(f"{wrong[0]!r} is no label: write NAME=VALUE, such as priority=p1")
    try:
        receivers, remarks = Asked(*_generated(platform)).receivers({name: value for name, _, value in pairs})
    except (Absent, Ambiguous) as error:
        _fail(str(error))
    for remark in remarks:
        typer.echo(remark, err=True)
    typer.echo(",".join(receivers))


def drill(
    platform: PlatformFile,
    sinks: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Stand-ins to ask for what arrived. [default: that of alerting.drill]"
        ),
    ] = None,
    secrets_dir: SecretsDir = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(help="The exporter's state directory, so that it takes over how the drill ended."),
    ] = None,
) -> None:
    """Send a marked alert through Alertmanager to every channel, and say what arrived where. Exit 1 on any failure."""
    if secrets_dir is not None:
        os.environ["PLATFORM_SECRETS_DIR"] = str(secrets_dir.resolve())
    if state_dir is not None:
        os.environ["PLATFORM_STATE_DIR"] = str(state_dir.resolve())
    logs.silence()
    try:
        delivered = asyncio.run(_drill(load(platform), sinks))
    except PlatformError as error:
        _fail(str(error))
    except SourceError as error:
        _fail(f"{error}. {error.remedy}".strip())
    if not delivered:
        raise typer.Exit(1)


async def _drill(platform: Platform, sinks: str | None) -> bool:
    from rich.table import Table

    from exporter.drill.source import GOOD, drill_source
    from exporter.engine.scheduler import close
    from exporter.terminal import console, one_line

    screen = console()
    source, deadline = drill_source(platform, 0, sinks), Deadline()
    store, untold = await _state(platform, sinks)
    source.keep_in(store)
    try:
        with screen.status("Waiting for what arrives …"):
            while (run := source.own) is None:
                await deadline.within(source.timeout, source.collect)
                await asyncio.sleep(0.5)
    finally:
        await close(source)
        await store.close()
    out = Table("Channel", "By", "Priority", "What became of it", "After", box=None, pad_edge=False)
    for outcome in run.outcomes:
        target = outcome.target
        became = f"silent now: {target.quiet}" if outcome.verdict == "quiet" else _WORDS[outcome.verdict]
        after = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
        out.add_row(
            target.channel,
            target.kind,
            platform.alerting.priorities.get(target.priority, target.priority.upper()),
            became,
            after,
        )
    screen.print(out)
    wrong = [outcome for outcome in run.outcomes if outcome.verdict not in (*GOOD, "quiet")]
    screen.print(f"{run.name}: {len(run.outcomes) - len(wrong)} of {len(run.outcomes)} messages.")
    if untold:
        screen.print(f"The exporter is not told: {one_line(untold)}")
    return bool(run.outcomes) and not wrong


async def _state(platform: Platform, sinks: str | None) -> tuple["StateStore", str]:
    """Return the exporter's own store, or one of ours and why the exporter will not know of this drill.

    Nobody is to know, and nothing is said, where the exporter watches no drills.
    """
    from exporter.engine.state import MemoryStore, StateError
    from exporter.engine.state.place import store

    scheduled = platform.alerting.drill
    if scheduled is None:
        return MemoryStore(), ""
    if sinks not in (None, scheduled.sinks):
        return MemoryStore(), "it knows nothing of these stand-ins."
    shared = store(platform, guest=True)
    try:
        await shared.open()
        await shared.read("drill")
    except StateError as error:
        await shared.close()
        return MemoryStore(), f"{error}. {error.remedy}"
    return shared, ""


_WORDS = {
    "arrived": "arrived",
    "accepted": "accepted by its API",
    "refused": "refused: Alertmanager's log has the answer",
    "missing": "did not arrive in time",
}


def _generated(platform: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the catalogue of a platform file, and what Prometheus and Alertmanager get of it."""
    from exporter import generate as generator  # Jsonnet is needed by few commands
    from exporter.generate.mixin import rules_and_routes

    try:
        catalogue = generator.catalogue(platform)
        return catalogue, rules_and_routes(catalogue)
    except PlatformError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
