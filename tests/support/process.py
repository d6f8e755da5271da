"""Real servers in tests: free ports, processes that never outlive the test, waiting for an answer."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


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
