"""The command `platform-exporter`."""

import asyncio
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from typer.core import TyperGroup
from typer.main import get_group

from exporter import __version__, logs
from exporter.alerting_cli import drill, routes
from exporter.engine.loop import Loop
from exporter.engine.state import StateError
from exporter.platform.conditions import Provider
from exporter.platform.load import load
from exporter.platform.problems import PlatformError
from exporter.platform.schema import schema as platform_schema
from exporter.server.run import ListenError, serve


class _Commands(TyperGroup):
    """The commands, and `demo` when its libraries are installed; those are imported when somebody asks for it.

    The types of the context and of commands are click's in some versions of Typer, and its own in others.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names, as help shows them."""
        self._add_demo()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name."""
        if cmd_name not in self.commands:
            self._add_demo()
        return super().get_command(ctx, cmd_name)

    def _add_demo(self) -> None:
        """Add it, if it was installed: pip install 'platform-exporter[demo]'."""
        try:
            from exporter.demo.cli import app as demo
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("exporter"):
                raise
        else:
            group = get_group(demo)
            group.name = "demo"
            self.add_command(group)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__,
)

PlatformFile = Annotated[Path, typer.Option("-p", "--platform", metavar="FILE", help="The platform file.")]
SecretsDir = Annotated[
    Path | None,
    typer.Option(
        "--secrets-dir", help="Folder of ${file:…} secrets. [default: $PLATFORM_SECRETS_DIR or /run/secrets]"
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Folder of what must survive a restart. "
        "[default: $PLATFORM_STATE_DIR, $STATE_DIRECTORY, or platform-exporter in $XDG_STATE_HOME or ~/.local/state]",
    ),
]


_RESOLVERS = "64"
"""Threads that look names up. One whose server is silent is held for half a minute, and must not delay the others."""


def _secrets(folder: Path | None) -> None:
    if folder is not None:
        os.environ["PLATFORM_SECRETS_DIR"] = str(folder.resolve())


_LEAVE_SECONDS = 0.5


def _ask(work: Coroutine[Any, Any, bool]) -> None:
    """Run what asks sources; exit 1 when it returns False.

    Neither a look-up in a thread that nothing can stop, nor a source that clings to life, delays the end.
    """
    os.environ.setdefault("UV_THREADPOOL_SIZE", _RESOLVERS)
    runner = asyncio.Runner(loop_factory=Loop)
    content, failure = False, None
    try:
        content = runner.run(work)
    except BaseException as error:
        failure = error
        raise
    finally:
        leaver = threading.Timer(_LEAVE_SECONDS, _leave, (content, failure))
        leaver.daemon = True
        leaver.start()
        runner.close()
        leaver.cancel()
    if not content:
        raise typer.Exit(1)


def _leave(content: bool, failure: BaseException | None) -> None:
    """End the process at once, after the error that nobody else would tell any more."""
    interrupted = isinstance(failure, KeyboardInterrupt)
    try:
        if failure is not None and not interrupted:
            traceback.print_exception(failure)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0 if content else 130 if interrupted else 1)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"platform-exporter {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One platform file in; exporter, Prometheus rules, Alertmanager routes and Grafana dashboards out."""


@app.command()
def run(
    platform: PlatformFile,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address of /metrics.")] = "127.0.0.1:9780",
    secrets_dir: SecretsDir = None,
    state_dir: StateDir = None,
    web_config: Annotated[
        Path | None,
        typer.Option("--web.config.file", metavar="FILE", help="Prometheus' web configuration: TLS, users."),
    ] = None,
    lifecycle: Annotated[
        bool,
        typer.Option("--web.enable-lifecycle", help="Let POST /-/reload in also when there are no users."),
    ] = False,
    log_level: Annotated[logs.Level, typer.Option("--log.level", help="Least level of the log.")] = "info",
) -> None:
    """Collect from every source and serve /metrics. SIGHUP reads the files again."""
    _secrets(secrets_dir)
    if state_dir is not None:
        os.environ["PLATFORM_STATE_DIR"] = str(state_dir.resolve())
    os.environ.setdefault("UV_THREADPOOL_SIZE", _RESOLVERS)
    logs.configure(log_level)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        _fail(f"--listen: {listen!r} is not HOST:PORT, such as 127.0.0.1:9780")
    try:
        debug = log_level == "debug"
        uvloop.run(
            serve(
                platform, host.strip("[]"), int(port), web_config=web_config, lifecycle=lifecycle, debug=debug
            ),
            loop_factory=Loop,
        )
    except (PlatformError, ListenError) as error:
        _fail(str(error))
    except StateError as error:
        _fail(f"{error}. {error.remedy}")


@app.command()
def check(
    platform: PlatformFile,
    offline: Annotated[
        bool, typer.Option("--offline", help="Validate the file only; read no secret, contact nothing.")
    ] = False,
    secrets_dir: SecretsDir = None,
) -> None:
    """Validate the file, resolve its secrets, ask every source once and say what is missing. Exit 1 on any failure."""
    from exporter.check import check as run_check
    from exporter.terminal import console  # what prints is needed by the commands for people alone
    from exporter.usable import refuse_unusable  # as Jsonnet is

    _secrets(secrets_dir)
    logs.silence()
    try:
        loaded = load(platform)
        refuse_unusable(platform)  # what could be run, but not generated, is no valid file
        if offline:
            typer.echo(f"{platform}: valid.")
            return
        _ask(run_check(platform, loaded, console()))
    except PlatformError as error:
        _fail(str(error))


@app.command()
def explain(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Kind and key, such as postgres.main.")],
    platform: PlatformFile,
    secrets_dir: SecretsDir = None,
) -> None:
    """Ask one source once and tell every step: what was asked, how long it took, which series came of it."""
    from exporter.explain import UnknownSource
    from exporter.explain import explain as run_explain
    from exporter.terminal import console

    _secrets(secrets_dir)
    logs.silence()
    try:
        _ask(run_explain(platform, load(platform), source, console()))
    except (PlatformError, UnknownSource) as error:
        _fail(str(error))


class OutputFormat(StrEnum):
    """What `generate` writes."""

    files = "files"
    operator = "operator"


@app.command()
def generate(
    platform: PlatformFile,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write to.")] = Path(
        "generated"
    ),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when DIR differs.")] = False,
    for_import: Annotated[
        bool,
        typer.Option("--for-import", help="Dashboards for import by hand: they ask for their Prometheus."),
    ] = False,
    format_: Annotated[
        OutputFormat,
        typer.Option(
            "--format",
            help="files: as Prometheus, Alertmanager and Grafana read them. operator: PrometheusRule and "
            "AlertmanagerConfig objects.",
        ),
    ] = OutputFormat.files,
    secrets_dir: SecretsDir = None,
) -> None:
    """Write Prometheus, Alertmanager and Grafana files for the platform."""
    from exporter import generate as generator

    _secrets(secrets_dir)
    try:
        document = generator.catalogue(platform)
        files = (
            generator.operator_files(document)
            if format_ is OutputFormat.operator
            else generator.files(document, for_import=for_import)
        )
    except PlatformError as error:
        _fail(str(error))
    for problem in generator.expired(document, time.time()):
        typer.echo(str(problem), err=True)
    if check:
        if differences := generator.difference(files, output):
            _fail("\n".join([*differences, f"Run: platform-exporter generate -p {platform} -o {output}"]))
        typer.echo(f"{output}: up to date, {len(files)} files.")
        return
    try:
        changed = generator.write(files, output)
    except OSError as error:
        _fail(
            f"{error.filename or output}: cannot be written: {error.strerror}; choose another folder with -o"
        )
    typer.echo(f"{output}: {len(files)} files, {len(changed)} changed.")


@app.command()
def sql_role(
    provider: Annotated[Provider, typer.Option(help="Who runs the server.")] = "generic",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the role.")] = "exporter",
    write_test: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEMA", help="Also make the table of the health check's write test, in SCHEMA."
        ),
    ] = None,
) -> None:
    """Print the SQL that creates the role with which a Postgres server is monitored."""
    from exporter.sources.postgres.roles import script  # by this command alone

    typer.echo(script(provider, name, write_test), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of platform files, for editors."""
    typer.echo(json.dumps(platform_schema(), indent=2))


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)


app.add_typer(routes, name="routes")
app.command()(drill)
