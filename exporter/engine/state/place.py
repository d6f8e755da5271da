"""Where the state of a platform is kept."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.engine.state import StateStore
from exporter.engine.state.postgres import PostgresStore
from exporter.engine.state.sqlite import SqliteStore

if TYPE_CHECKING:
    from exporter.platform.model import Platform

FOLDER = "platform-exporter"


def state_folder() -> Path:
    """Return the state directory: $PLATFORM_STATE_DIR (set by --state-dir), systemd's $STATE_DIRECTORY, or the user's.

    The user's is $XDG_STATE_HOME/platform-exporter, ~/.local/state/platform-exporter by default. With several
    directories, systemd separates them by colons; the first is taken.
    """
    if named := os.environ.get("PLATFORM_STATE_DIR"):
        return Path(named)
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.partition(":")[0])
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / FOLDER
    return Path("~/.local/state").expanduser() / FOLDER


def store(platform: "Platform", *, guest: bool = False) -> StateStore:
    """Return the store that the platform file asks for, not yet opened; for a `guest` of the exporter that runs."""
    state = platform.state
    if state.postgres is not None:
        shared_by = f"{platform.platform}/{platform.environment}"
        return PostgresStore(state.postgres.dsn, shared_by, lease=state.postgres.lease)
    # Neither name can hold a dot, so no two platforms get one file.
    file = state.path or f"{platform.platform}.{platform.environment}.sqlite"
    return SqliteStore(state_folder() / file, guest=guest)
