"""A private PostgreSQL server that other commands can stop and start again."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from exporter.demo.errors import DemoError
from exporter.demo.names import COOKIE

SECONDS_TO_START = 30
SECONDS_TO_STOP = 30
# The data lives as long as the demo, so durability is traded for a quick start.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 50
shared_buffers = 32MB
shared_preload_libraries = 'pg_stat_statements'
track_io_timing = on
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 128MB
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One server: its programs, its data, its log, its port, and the user it runs as (None: this one)."""

    programs: Path
    data: Path
    log: Path
    port: int
    user: str | None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` wrote as JSON."""
        return cls(
            programs=Path(document["programs"]),
            data=Path(document["data"]),
            log=Path(document["log"]),
            port=int(document["port"]),
            user=document["user"],
        )

    @property
    def version(self) -> str:
        """Major version of the data, such as 15."""
        return (self.data / "PG_VERSION").read_text(encoding="ascii").strip()

    def create(self, superuser: str, password: str) -> None:
        """Make the data folder with one superuser, who may connect over TCP with the password."""
        self.data.mkdir(mode=0o700)
        password_file = self.data.with_name("postgres-password")
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="ascii")
        self.log.touch()
        if self.user is not None:
            for path in (self.data, password_file, self.log):
                shutil.chown(path, self.user, _group(self.user))
        try:
            self._run(
                "initdb",
                f"--pgdata={self.data}",
                f"--username={superuser}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            )
        finally:
            password_file.unlink()
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(SETTINGS.format(port=self.port))

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._run("pg_ctl", "start", *self._control(SECONDS_TO_START), f"--log={self.log}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` drops the clients, `immediate` does not even tidy up."""
        try:
            self._run("pg_ctl", "stop", *self._control(SECONDS_TO_STOP), f"--mode={mode}")
        except DemoError:
            if self.is_running():  # else it ended by itself before it could be asked
                raise

    def is_running(self) -> bool:
        """Return whether the server's process is there."""
        return self._call("pg_ctl", "status", f"--pgdata={self.data}").returncode == 0

    def _control(self, seconds: int) -> tuple[str, ...]:
        return (f"--pgdata={self.data}", "--wait", f"--timeout={seconds}", "--silent")

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        if done.returncode != 0:
            said = "\n".join([*(done.stdout or "").splitlines()[-5:], *_tail(self.log)])
            raise DemoError(f"{program} {arguments[0]} failed:\n{said}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # The server inherits pg_ctl's output; a pipe would then never end.
        return subprocess.run(
            [self.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" or "status" in arguments else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "LC_ALL": "C.UTF-8",
                COOKIE: str(self.data.parent),
            },
            user=self.user,
            group=None if self.user is None else _group(self.user),
            extra_groups=None if self.user is None else [],
            start_new_session=True,
            timeout=SECONDS_TO_START + SECONDS_TO_STOP,
        )


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _tail(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
