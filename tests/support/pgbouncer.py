"""pgbouncer in front of a test's server: the stable release's, and the newest."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.forky import forky_command
from tests.support.postgres import PostgresCluster
from tests.support.process import free_port, running, wait_until
from tests.support.programs import binary

Command = Callable[[Path], Sequence[str | Path]]
"""Makes the beginning of the command line, given a folder for what it needs."""

# Of the newest.
_LIBRARIES = (
    "libaudit1",
    "libc6",
    "libcap-ng0",
    "libcares2",
    "libevent-2.1-7t64",
    "libldap2",
    "libpam0g",
    "libsasl2-2",
    "libssl3t64",
    "libsystemd0",
    "libzstd1",
    "zlib1g",
)


def installed(folder: Path) -> Sequence[str | Path]:
    """Run the stable release's pgbouncer."""
    return [binary("pgbouncer")]


def newest(folder: Path) -> Sequence[str | Path]:
    """Run the newest pgbouncer, from copies in `folder`, where another user can get at them."""
    return forky_command("pgbouncer", _LIBRARIES, folder)


class Pgbouncer:
    """A running pgbouncer on 127.0.0.1:`port`, in transaction mode; `users` are names and passwords."""

    def __init__(self, server: PostgresCluster, users: dict[str, str]) -> None:
        self.port = free_port()
        self.server = server
        self.users = {"postgres": server.password, "stats": secrets.token_hex(8), **users}

    def dsn(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """Return the connection URI of a database behind it."""
        return f"postgresql://{user}:{self.users[user]}@127.0.0.1:{self.port}/{database}"

    @property
    def console(self) -> str:
        """The connection URI of a user who may look at the admin console, and do nothing there."""
        return self.dsn("pgbouncer", user="stats")

    def configure(self, folder: Path, settings: dict[str, str]) -> Path:
        """Write its configuration; return the file."""
        users = folder / "users.txt"
        users.write_text("".join(f'"{name}" "{word}"\n' for name, word in self.users.items()))
        values = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
            "admin_users": "postgres",
            "stats_users": "stats",
            "pool_mode": "transaction",
            "ignore_startup_parameters": "extra_float_digits",
            **settings,
        }
        lines = [f"{key} = {value}" for key, value in values.items()]
        file = folder / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.server.port}\n[pgbouncer]\n"
            + "\n".join(lines)
            + "\n"
        )
        return file

    def answers(self) -> bool:
        """Ask its console. Raises ConnectionError when nobody answers."""
        try:
            psycopg.connect(self.console, autocommit=True).close()
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error
        return True


@contextmanager
def pgbouncer(
    server: PostgresCluster,
    command: Command = installed,
    users: dict[str, str] | None = None,
    **settings: str,
) -> Iterator[Pgbouncer]:
    """Yield a running pgbouncer before `server`; stop it and remove its folder after.

    It knows the superuser, `stats`, and `users`. Settings are those of Neon's pooler as far as clients notice them,
    unless `settings` say otherwise.
    """
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o711)
    subject = Pgbouncer(server, users or {})
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    try:
        file, log = subject.configure(folder, settings), folder / "log"
        with running([*command(folder), file], log, user=user):
            wait_until(subject.answers, 60, "pgbouncer to answer", log=log)
            yield subject
    finally:
        shutil.rmtree(folder)
