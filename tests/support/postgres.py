"""A private PostgreSQL server that a test may stop, freeze and start again."""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from exporter.demo.native.cluster import Cluster
from tests.support.process import free_port, wait_until
from tests.support.programs import binary


class PostgresCluster:
    """The demo's server on 127.0.0.1:`port` with the superuser `postgres`, whose password is `password`."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.port = free_port()
        self.password = secrets.token_hex(8)
        user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if user is not None:
            programs = _within_reach(programs, folder)
        self._cluster = Cluster(programs, folder / "data", folder / "log", self.port, user)

    def create(self, settings: dict[str, str]) -> None:
        """Make the data folder; `settings` go over the demo's, each value as postgresql.conf spells it."""
        self._cluster.create("postgres", self.password)
        with (self._cluster.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def follow(self, primary: "PostgresCluster", slot: str) -> None:
        """Make the data folder as a copy of the stopped `primary`'s, to stream from it through `slot`."""
        data = self._cluster.data
        shutil.copytree(primary._cluster.data, data)
        for path in (data / "standby.signal", self._cluster.log):
            path.touch()
        with (data / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nprimary_slot_name = '{slot}'\n")
            file.write(
                f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user=postgres "
                f"password={primary.password} application_name={slot}'\n"
            )
        self.password = primary.password
        if self._cluster.user is not None:
            for path in (data, *data.rglob("*"), self._cluster.log):
                shutil.chown(path, self._cluster.user, self._cluster.user)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._cluster.start()

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server as `pg_ctl stop -m fast` or `-m immediate` does, frozen or not; a stopped one stays so."""
        if self._cluster.is_running():
            self.thaw()
            self._cluster.stop("immediate" if immediate else "fast")

    def freeze(self) -> None:
        """Stop every process of the server with SIGSTOP: the kernel takes connections, nobody answers."""
        pid = self.pid()
        os.kill(pid, signal.SIGSTOP)  # first, so that it forks no child that the last line misses
        wait_until(lambda: _state(pid) == "T", 30, "the server to stand still")
        self._signal_children(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on; nothing happens if it is not frozen."""
        self._signal_children(signal.SIGCONT)
        os.kill(self.pid(), signal.SIGCONT)

    def dsn(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """Return a connection URI; `password` is the superuser's unless given."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def execute(
        self, statement: LiteralString | sql.Composed, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, in a connection of its own, and return its rows."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database, yield its connection URI, drop it."""
        name = f"test_{secrets.token_hex(4)}"
        self.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield self.dsn(name)
        finally:
            self.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def pid(self) -> int:
        """Return the process id of the running server."""
        return int((self._cluster.data / "postmaster.pid").read_text().splitlines()[0])

    def _signal_children(self, signum: signal.Signals) -> None:
        """Signal the server's children; each leads a session of its own, so no group reaches them."""
        pid = self.pid()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signum)


def _state(pid: int) -> str:
    """Return the letter of a process's state, T for one that was stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _within_reach(programs: Path, folder: Path) -> Path:
    """Return `programs`, or a copy under `folder` where another user cannot get at it, as below /root."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    shutil.copytree(programs.parent, folder / "programs", symlinks=True)
    return folder / "programs" / programs.name


@contextmanager
def postgres_cluster(programs: Path | None = None, **settings: str) -> Iterator[PostgresCluster]:
    """Yield a running PostgresCluster with `settings`; stop it and remove its folder after.

    `programs` is the folder with initdb, pg_ctl and postgres, the installed version's unless given.

    The folder lies directly under the temporary directory, because the unprivileged user that the server runs as
    when the tests run as root cannot reach pytest's own.
    """
    with _unmade(programs) as cluster:
        cluster.create(settings)
        cluster.start()
        yield cluster


@contextmanager
def standby_cluster(
    primary: PostgresCluster, slot: str, programs: Path | None = None
) -> Iterator[PostgresCluster]:
    """Yield a running standby of `primary`, which is stopped and started for it; stop and remove it, and its slot."""
    primary.execute(sql.SQL("select pg_create_physical_replication_slot({}, true)").format(slot))
    primary.stop()
    with _unmade(programs) as standby:
        standby.follow(primary, slot)
        primary.start()
        standby.start()
        yield standby
    released = sql.SQL("select active from pg_replication_slots where slot_name = {}").format(slot)
    wait_until(lambda: primary.execute(released) == [(False,)], 30, "the standby's slot to be free")
    primary.execute(sql.SQL("select pg_drop_replication_slot({})").format(slot))


@contextmanager
def _unmade(programs: Path | None) -> Iterator[PostgresCluster]:
    """Yield a PostgresCluster whose data folder is still to be made; stop it and remove its folder after."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o711)
    cluster = PostgresCluster(folder, programs or binary("initdb").parent)
    try:
        yield cluster
    finally:
        cluster.stop(immediate=True)
        shutil.rmtree(folder)
