"""Programs that are downloaded once and kept under `.cache`: whole or not at all, however many ask at once."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"


class FetchError(RuntimeError):
    """A program could not be had; the message says which step failed and how to mend it."""


def once(destination: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `destination`; where it is missing, `make` fills an empty folder that then becomes it.

    A lock beside it lets one of several test runs do the work; the kernel drops it when the process dies.
    Raises what `make` raises.
    """
    if destination.exists():
        return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    with (destination.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not destination.exists():
            work = destination.parent / f".{destination.name}"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                make(work)
                work.rename(destination)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return destination


def run(command: Sequence[str | Path], folder: Path, task: str, *, remedy: str) -> str:
    """Run one step in `folder` and return its output.

    Raises FetchError, which names the step, what the program said last, and the remedy.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    except FileNotFoundError:
        raise FetchError(f"cannot {task}: {command[0]} is not on this machine; {remedy}") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"cannot {task}: no answer within 300 s; check the network and run again") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-6:])
        raise FetchError(f"cannot {task}:\n{said}\nCheck that the network answers, and run again; {remedy}")
    return done.stdout
