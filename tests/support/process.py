"""Real servers in tests: free ports, processes that never outlive the test, waiting for an answer."""

import math
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")

# Below the ports that the kernel lends to clients, which could take one before its server listens, and beside those
# of the demos. In another order in each run, for the sake of two at once.
_PORTS = cycle(random.sample(range(10_000, 17_000), 7_000))


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on; the same one again only after 7,000 others."""
    while True:
        port = next(_PORTS)
        with socket.socket() as listener, suppress(OSError):  # somebody listens there
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port


def quickest(limit: float, attempt: Callable[[], float]) -> float:
    """Return the fewest seconds of three attempts; one below `limit` is enough.

    A machine that is busy with something else only adds to what a thing takes.
    """
    fewest = math.inf
    for _ in range(3):
        if (fewest := min(fewest, attempt())) < limit:
            break
    return fewest


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_with: signal.Signals = signal.SIGTERM,
    grace: float = 10,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` as leader of a process group, output appended to `log`, and end the group on exit.

    `env` is added to this process' environment. `user` needs root. A group that does not end within `grace`
    seconds after `stop_with` is killed; one that a test froze is thawed first.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    try:
        yield process
    finally:
        end(process, stop_with, grace)


def end(process: subprocess.Popen[bytes], stop_with: signal.Signals, grace: float) -> None:
    """Ask the process with `stop_with` to end, thawing it if need be; kill its group after `grace` s."""
    if process.poll() is None:
        process.send_signal(stop_with)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with suppress(ProcessLookupError):  # what the leader left behind, or the leader itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(ready: Callable[[], T], timeout: float, what: str, *, log: Path | None = None) -> T:
    """Call `ready` until its answer is true or `timeout` seconds have passed; return the answer.

    `ready` may raise OSError or httpx.HTTPError while the server is not up yet. Raises TimeoutError that
    says `what` was awaited, what happened last, and how `log` ends.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            last = ready()
            if last:
                return last
        except (OSError, httpx.HTTPError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log else ""
            raise TimeoutError(f"{what}: not within {timeout:g} s; last: {last}\n{tail}".rstrip())
        time.sleep(0.05)


def wait_http(url: str, timeout: float = 30, *, status: int = 200, log: Path | None = None) -> httpx.Response:
    """Ask for `url` until it answers with `status`; return that. Raises TimeoutError as wait_until does."""
    answers: list[httpx.Response] = []

    def ready() -> bool:
        answers.append(httpx.get(url, timeout=5, trust_env=False))
        return answers[-1].status_code == status

    wait_until(ready, timeout, f"{url} to answer {status}", log=log)
    return answers[-1]
