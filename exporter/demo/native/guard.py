"""Sits beside the demo and cleans up after it when it is killed: `python -m exporter.demo.native.guard …`.

The demo holds the other end of this process' standard input. It says `done` when it has cleaned up itself;
an end without that word means that it died.
"""

import signal
import subprocess
import sys
from pathlib import Path

from exporter.demo.native.state import State
from exporter.demo.native.sweep import sweep

FAREWELL = b"done\n"


class Guard:
    """The demo's handle on its guard."""

    def __init__(self, state: State, programs: Path, *, keep: bool) -> None:
        command = [
            sys.executable,
            "-m",
            "exporter.demo.native.guard",
            str(state.root),
            str(programs),
            "keep" if keep else "remove",
        ]
        # A session of its own: Ctrl-C reaches the demo, not its guard.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/", start_new_session=True
        )

    def dismiss(self) -> None:
        """Say that everything is clean, and wait for the guard to end."""
        self._process.communicate(FAREWELL, timeout=10)


def main() -> None:
    """Wait for the demo's end; clean up if it came without a farewell."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    root, programs, keep = sys.argv[1:]
    if sys.stdin.buffer.read() != FAREWELL:
        sweep(State(Path(root)), Path(programs), keep=keep == "keep")


if __name__ == "__main__":
    main()
