"""`platform-exporter demo …`: run the living demo, break a part of it, mend it again."""

import asyncio
import logging

import typer

from exporter.demo.world.run import run_world
from exporter.demo.world.settings import SettingError, read_settings

app = typer.Typer(
    no_args_is_help=True, help="A living demo: a small product, its vendors, and the whole chain around it."
)


@app.callback()
def _demo() -> None:
    """Group the commands."""


@app.command()
def world() -> None:
    """Run the product, its customers, the vendors' stand-ins and the sinks, but nothing that monitors them."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings()
    except SettingError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    asyncio.run(run_world(settings))
