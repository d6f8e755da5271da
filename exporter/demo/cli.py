"""`platform-exporter demo …`: run the living demo, break a part of it, mend it again."""

import asyncio
import logging
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from exporter.demo.errors import DemoError
from exporter.demo.names import DEFAULT_PORT_BASE, OFFSETS, Ports
from exporter.demo.native import parts
from exporter.demo.native.faults import FAULTS
from exporter.demo.native.proofs import page, show_proof, show_proofs
from exporter.demo.native.prove import prove as prove_faults
from exporter.demo.native.report import show_status
from exporter.demo.native.state import RunningDemo, State
from exporter.demo.native.up import Request, run_demo
from exporter.platform.values import Duration

app = typer.Typer(
    no_args_is_help=True, help="A living demo: a small product, its vendors, and the whole chain around it."
)

HIGHEST_BASE = 65535 - max(OFFSETS.values())

StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Folder of the demo's files. [default: .demo]")
]


def _fault(name: str) -> str:
    """Return the name of a fault as it is. Raises typer.BadParameter naming those that there are."""
    if name not in FAULTS:
        raise typer.BadParameter(f"no fault {name!r}; there are: {', '.join(FAULTS)}")
    return name


FaultArgument = Annotated[
    str, typer.Argument(metavar="FAULT", parser=_fault, help=f"One of: {', '.join(FAULTS)}.")
]


@app.command()
def up(
    platform: Annotated[
        Path | None, typer.Option("-p", "--platform", metavar="FILE", help="[default: the demo's own]")
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="Run that long, such as 90s, verify everything, and end."
        ),
    ] = None,
    state: StateOption = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep the demo's files when it ends.")
    ] = False,
    port_base: Annotated[
        int, typer.Option(min=1024, max=HIGHEST_BASE, help="The first of the demo's ports.")
    ] = DEFAULT_PORT_BASE,
) -> None:
    """Run everything on this machine: databases, product, exporter, Prometheus, Alertmanager; stop it with Ctrl-C."""
    console = Console()
    try:
        request = Request(
            platform=_platform(platform),
            state=State.choose(state),
            ports=Ports(port_base),
            keep=keep,
            seconds=None if duration is None else _seconds(duration),
        )
        held = asyncio.run(run_demo(request, console))
    except DemoError as error:
        _fail(error)
    if not held:
        raise typer.Exit(1)


@app.command()
def world() -> None:
    """Run the product, its customers, the vendors' stand-ins and the sinks, but nothing that monitors them."""
    from exporter.demo.world.run import run_world  # GraphQL and the servers: only this command needs them
    from exporter.demo.world.settings import SettingError, read_settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = read_settings()
    except SettingError as error:
        _fail(error)
    asyncio.run(run_world(settings))


@app.command("break")
def break_(what: FaultArgument, state: StateOption = None) -> None:
    """Break a part of the running demo: a real fault, which the monitoring should see."""
    demo = _running(state)
    try:
        FAULTS[what].make(demo)
    except DemoError as error:
        _fail(error)
    typer.echo(f"{FAULTS[what].broken} What arrives: {demo.ports.url('sinks', '/')}")


@app.command()
def mend(what: FaultArgument, state: StateOption = None) -> None:
    """Mend what `break` broke."""
    demo = _running(state)
    try:
        FAULTS[what].mend(demo)
    except DemoError as error:
        _fail(error)
    typer.echo(FAULTS[what].mended)


@app.command()
def prove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FAULT]...", parser=_fault, help="[default: all]"),
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write what was measured as a page.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Break, one after another or side by side, and prove that the right people hear of it, and when it is over."""
    demo, console = _running(state), Console()
    # In their own order, each once.
    chosen = [name for name in FAULTS if not names or name in names]
    try:
        proofs = asyncio.run(prove_faults(demo, chosen, lambda proof: show_proof(console, proof)))
    except DemoError as error:
        _fail(error)
    show_proofs(console, proofs)
    if write is not None:
        write.write_text(page(proofs), encoding="utf-8")
    if any(proof.problems for proof in proofs):
        raise typer.Exit(1)


@app.command()
def status(state: StateOption = None) -> None:
    """Show which parts of the running demo answer."""
    demo = _running(state)
    answers = {part: _answers(demo.ports[part]) for part in sorted(OFFSETS, key=OFFSETS.__getitem__)}
    if not answers["grafana"]:
        del answers["grafana"]  # it runs only where it is installed
    show_status(Console(), demo.ports, answers)


def _running(state: Path | None) -> RunningDemo:
    try:
        return State.choose(state).running()
    except DemoError as error:
        _fail(error)


def _platform(asked: Path | None) -> Path:
    if asked is not None:
        return asked.absolute()
    package = Path(__file__).parents[1]
    for path in (package.parent / "platforms" / "demo.yml", package / "_mixin" / "platforms" / "demo.yml"):
        if path.exists():
            return path
    raise DemoError("the demo's platform file is not installed: give one with -p platforms/demo.yml")


def _seconds(duration: str) -> float:
    try:
        return float(Duration.parse(duration))
    except ValueError as error:
        raise DemoError(f"--for {duration}: {error}") from error


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((parts.HOST, port), timeout=2):
            return True
    except OSError:
        return False


def _fail(error: Exception) -> NoReturn:
    Console(stderr=True, highlight=False, markup=False).print(f"error: {error}", soft_wrap=True)
    sys.exit(1)
