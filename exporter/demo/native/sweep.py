"""Ends whatever a demo started and removes what it wrote, from nothing but the path of its state folder.

The processes are known by a mark in their environment, so that none is missed when the demo itself was killed
half-way, and none is hit that only has the number of one that ended.
"""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from exporter.demo.errors import DemoError
from exporter.demo.names import COOKIE
from exporter.demo.native.cluster import Cluster
from exporter.demo.native.state import State, server_user

SECONDS_TO_END = 8.0


def sweep(state: State, programs: Path | None, *, keep: bool) -> None:
    """Stop PostgreSQL and every marked process of this demo; remove the folder unless `keep`.

    `programs` is PostgreSQL's folder of programs, None when none was started.
    """
    _signal(state, signal.SIGTERM)
    data = state.cluster
    if programs is not None and (data / "postmaster.pid").exists():
        cluster = Cluster(programs, data, state.log("postgres"), 0, server_user())
        if cluster.is_running():
            with suppress(DemoError):  # initdb's server does not listen to pg_ctl; what stays is killed below
                cluster.stop("fast" if keep else "immediate")
    deadline = time.monotonic() + SECONDS_TO_END
    while marked(state) and time.monotonic() < deadline:
        time.sleep(0.05)
    if marked(state):
        _signal(state, signal.SIGKILL)
    if not keep and state.is_ours():
        shutil.rmtree(state.root, ignore_errors=True)
        if state.root.exists():  # a process that was killed may have written meanwhile
            time.sleep(0.2)
            shutil.rmtree(state.root)


def marked(state: State) -> list[int]:
    """Return the ids of the running processes that bear the mark of this state folder."""
    mark = os.fsencode(f"{COOKIE}={state.root}")
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            # Other people's processes, and those that end meanwhile, cannot be read and are none of ours.
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def _signal(state: State, number: signal.Signals) -> None:
    for pid in marked(state):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
