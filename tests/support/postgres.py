"""A private PostgreSQL server that a test may stop, freeze and start again."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.support.process import end, free_port, wait_until
from tests.support.programs import binary

# Nothing in it outlives the test, so durability is traded for speed.
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "30",
    "shared_preload_libraries": "'pg_stat_statements'",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "'1d'",
}


class PostgresCluster:
    """One server on 127.0.0.1:`port` and on a Unix socket in `folder`; superuser `postgres` with `password`.

    TCP connections need the password (scram-sha-256); those over the socket are trusted.
    """

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def create(self, settings: dict[str, str]) -> None:
        """Make the data folder; `settings` go over SETTINGS, each value as postgresql.conf spells it."""
        password = self.folder / "password"
        password.write_text(self.password)
        if self._user:
            for path in (self.folder, password):
                shutil.chown(path, self._user, self._user)
        subprocess.run(
            [
                *(
                    binary("initdb"),
                    "--pgdata",
                    self.folder / "data",
                    "--username=postgres",
                    "--encoding=UTF8",
                ),
                *("--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"),
                f"--pwfile={password}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd="/",
        )
        lines = {
            **SETTINGS,
            "port": str(self.port),
            "unix_socket_directories": f"'{self.folder}'",
            **settings,
        }
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = {value}\n" for key, value in lines.items())

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [binary("postgres"), "-D", self.folder / "data"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd="/",
            )
        wait_until(self._accepts, 30, f"PostgreSQL on port {self.port}", log=self.log)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server as `pg_ctl stop -m fast` or `-m immediate` does; a stopped one stays so."""
        if self._process is not None:
            self.thaw()
            end(self._process, signal.SIGQUIT if immediate else signal.SIGINT, grace=30)
            self._process = None

    def freeze(self) -> None:
        """Stop every process of the server with SIGSTOP: the kernel takes connections, nobody answers."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)  # first, so that it forks no child that the next line misses
        time.sleep(0.01)
        self._signal_children(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on; nothing happens if it is not frozen."""
        self._signal_children(signal.SIGCONT)
        self._running().send_signal(signal.SIGCONT)

    def dsn(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """Return a connection URI over TCP; `password` is the superuser's unless given."""
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
        """Create an empty database of its own, yield its connection URI, drop it."""
        name = f"test_{secrets.token_hex(4)}"
        self.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield self.dsn(name)
        finally:
            self.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server is stopped")
        return self._process

    def _accepts(self) -> bool:
        if self._running().poll() is not None:
            raise RuntimeError(
                f"PostgreSQL ended with code {self._running().returncode}:\n{self.log.read_text()}"
            )
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _signal_children(self, signum: signal.Signals) -> None:
        """Signal the server's children; each leads a session of its own, so no group reaches them."""
        pid = self._running().pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signum)


@contextmanager
def postgres_cluster(**settings: str) -> Iterator[PostgresCluster]:
    """Yield a running PostgresCluster with `settings` over SETTINGS; stop it and remove its folder after.

    The folder lies directly under the temporary directory: a Unix socket's path must be short, and the
    unprivileged user that the server runs as when the tests run as root must be able to reach it.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    cluster = PostgresCluster(folder, "postgres" if os.geteuid() == 0 else None)
    try:
        cluster.create(settings)
        cluster.start()
        yield cluster
    finally:
        cluster.stop(immediate=True)
        shutil.rmtree(folder)
