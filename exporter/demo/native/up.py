"""`demo up`: start every part in order, keep them running, verify if asked, and leave nothing behind."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from exporter.demo.errors import DemoError
from exporter.demo.history.story import DAYS
from exporter.demo.names import OFFSETS, Ports
from exporter.demo.native import parts
from exporter.demo.native.cluster import Cluster
from exporter.demo.native.guard import Guard
from exporter.demo.native.past import backfill
from exporter.demo.native.programs import Programs, find_programs
from exporter.demo.native.report import show_addresses, show_results
from exporter.demo.native.state import RunningDemo, State, server_user
from exporter.demo.native.supervisor import Part, Supervisor
from exporter.demo.native.sweep import sweep
from exporter.demo.native.verify import verify
from exporter.demo.world.database import forget_statements, prepare_server

SECONDS_TO_GENERATE = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What `demo up` was asked for; `seconds` None means until a signal comes."""

    platform: Path
    state: State
    ports: Ports
    keep: bool
    seconds: float | None


class _Stopped(Exception):
    """SIGINT or SIGTERM came."""


async def run_demo(request: Request, console: Console) -> bool:
    """Run the demo to its end; return whether everything that was verified held (True when nothing was).

    Raises DemoError when a part cannot start or ends by itself.
    """
    signals = _Signals()
    programs = find_programs()
    state = request.state
    if not state.is_ours():
        raise DemoError(
            f"{state.root} is not a folder of this demo and will not be touched: give another --state"
        )
    _offer_docker(console)
    state.root.mkdir(parents=True, exist_ok=True)
    with state.lock():
        guard = Guard(state, programs.postgres, keep=request.keep)
        supervisor = Supervisor(state)
        try:
            _make_folders(state, programs)
            _check_ports(request.ports, programs)
            return await _run(request, programs, supervisor, signals, console)
        except _Stopped:
            console.print("Stopping …")
            return request.seconds is None  # a verification that was cut short did not hold
        finally:
            await asyncio.to_thread(sweep, state, programs.postgres, keep=request.keep)
            supervisor.reap()
            guard.dismiss()
            kept = f"Its files are kept in {state.root}." if request.keep else "Its files are removed."
            console.print(f"Everything is stopped. {kept}", soft_wrap=True, highlight=False)


async def _run(
    request: Request, programs: Programs, supervisor: Supervisor, signals: "_Signals", console: Console
) -> bool:
    started = time.monotonic()
    await _first(signals.wait(), _start_all(request, programs, supervisor, console))
    console.print(f"Everything runs after {time.monotonic() - started:.1f} s.", highlight=False)
    show_addresses(console, request.ports, grafana=programs.grafana is not None)
    return await _first(signals.wait(), supervisor.watch(), _stay(request, console))


async def _start_all(request: Request, programs: Programs, supervisor: Supervisor, console: Console) -> None:
    state, ports = request.state, request.ports
    accounts = parts.Accounts(ports["postgres"])
    env = parts.platform_environment(ports, accounts)
    cluster = Cluster(
        programs.postgres, state.cluster, state.log("postgres"), ports["postgres"], server_user()
    )

    async def part(item: Part) -> None:
        seconds = await supervisor.start(item)
        _started(console, item.name, ports, seconds)

    async def database() -> None:
        started = time.monotonic()
        await asyncio.to_thread(cluster.create, "postgres", accounts.superuser_password)
        await asyncio.to_thread(cluster.start)
        await prepare_server(accounts.admin_url, accounts.product_url, accounts.exporter_url)
        state.write(RunningDemo(os.getpid(), ports.base, cluster, state.root))
        _started(console, "postgres", ports, time.monotonic() - started)

    async def configuration() -> None:
        parts.write_secrets(state.secrets, ports)
        started = time.monotonic()
        command = parts.generate_command(request.platform, state)
        await supervisor.run("generate", command, env, SECONDS_TO_GENERATE)
        console.print(
            f"  ✓ {'generate':13} {state.generated} ({time.monotonic() - started:.1f} s)", soft_wrap=True
        )

    async def monitoring() -> None:
        seconds = await backfill(programs.promtool, state, ports, request.platform, supervisor)
        console.print(f"  ✓ {'history':13} {DAYS} days ({seconds:.1f} s)", highlight=False)
        await part(parts.prometheus(programs, state, ports))

    with console.status("Starting …"):
        await _all(database(), configuration(), part(parts.redis(programs, state, ports)))
        await part(parts.world(ports, accounts))
        await forget_statements(accounts.admin_url)
        await part(parts.exporter(request.platform, state, ports, env))
        servers = [parts.alertmanager(programs, state, ports)]
        if programs.grafana is not None:
            servers.append(parts.grafana(programs.grafana, state, ports))
        await _all(monitoring(), *(part(server) for server in servers))


async def _stay(request: Request, console: Console) -> bool:
    if request.seconds is None:
        console.print("Runs until Ctrl-C. In another terminal: platform-exporter demo break database")
        await asyncio.Event().wait()
        return True
    until = time.monotonic() + request.seconds
    results = await verify(request.state, console)
    await asyncio.sleep(max(0.0, until - time.monotonic()))
    show_results(console, results)
    return all(result.held for result in results)


def _make_folders(state: State, programs: Programs) -> None:
    """Remove what a demo that was killed may have left, and make the folders anew."""
    sweep(state, programs.postgres, keep=True)
    for path in state.root.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # PostgreSQL's user must be able to enter.
    state.root.chmod(0o755)
    state.logs.mkdir()
    state.logs.chmod(0o755)


def _check_ports(ports: Ports, programs: Programs) -> None:
    for name in OFFSETS:
        if name == "grafana" and programs.grafana is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((parts.HOST, ports[name]))
            except OSError as error:
                raise DemoError(
                    f"port {ports[name]} ({name}) cannot be used: {error.strerror}. "
                    f"Choose others with --port-base, now {ports.base}"
                ) from None


def _offer_docker(console: Console) -> None:
    docker = shutil.which("docker")
    if docker is None:
        return
    try:
        answered = subprocess.run([docker, "info"], capture_output=True, timeout=5).returncode == 0
    except subprocess.TimeoutExpired:
        return
    if answered:
        console.print(
            "A Docker engine answers here: `docker compose --profile demo up` runs the same in containers."
        )


def _started(console: Console, name: str, ports: Ports, seconds: float) -> None:
    console.print(
        f"  ✓ {name:13} {parts.HOST}:{ports[name if name != 'world' else 'api']} ({seconds:.1f} s)",
        highlight=False,
    )


async def _all(*work: Coroutine[object, object, None]) -> None:
    """Run all at once; the first failure ends the others and is raised as it is."""
    await _gather(asyncio.FIRST_EXCEPTION, work)


async def _first(*work: Coroutine[object, object, bool | None]) -> bool:
    """Run until one ends, cancel the others, and return whether its result was true."""
    return any(await _gather(asyncio.FIRST_COMPLETED, work))


async def _gather(until: str, work: Iterable[Coroutine[object, object, bool | None]]) -> list[bool | None]:
    tasks = [asyncio.create_task(item) for item in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=until)
        return [task.result() for task in done]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Signals:
    """Turns SIGINT, SIGTERM and a closed terminal into the end of the demo."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._came.set)

    async def wait(self) -> None:
        """Raise _Stopped when a signal comes."""
        await self._came.wait()
        raise _Stopped
