"""A private PostgreSQL server that other commands can stop and start again."""

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
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
archive_mode = on
archive_command = 'cp "%p" {archive}/last'
archive_timeout = 10s
"""
ARCHIVE = "archive"
"""Folder beside the data of which the server's archive is made: it keeps the last segment only."""
SEGMENT_MEGABYTES = 1
"""Small, so that a segment can be archived every few seconds."""


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

    @property
    def archive(self) -> Path:
        """The folder that the server archives its log in; while it is away, archiving fails."""
        return self.data.with_name(ARCHIVE)

    def create(self, superuser: str, password: str) -> None:
        """Make the data folder with one superuser, who may connect over TCP with the password."""
        self.data.mkdir(mode=0o700)
        password_file = self.data.with_name("postgres-password")
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="ascii")
        self.log.touch()
        self.archive.mkdir(mode=0o700)
        if self.user is not None:
            for path in (self.data, password_file, self.log, self.archive):
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
                f"--wal-segsize={SEGMENT_MEGABYTES}",
            )
        finally:
            password_file.unlink()
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(SETTINGS.format(port=self.port, archive=f"../{ARCHIVE}"))

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._run("pg_ctl", "start", *self._control(SECONDS_TO_START), f"--log={self.log}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` drops the clients, `immediate` does not even tidy up."""
        self.thaw()  # a frozen server does not hear that it is to stop
        try:
            self._run("pg_ctl", "stop", *self._control(SECONDS_TO_STOP), f"--mode={mode}")
        except DemoError:
            if self.is_running():  # else it ended by itself before it could be asked
                raise

    def is_running(self) -> bool:
        """Return whether the server's process is there."""
        return self._call("pg_ctl", "status", f"--pgdata={self.data}").returncode == 0

    def freeze(self) -> None:
        """Stop every process of the server where it is; connections to it stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        try:
            postmaster = int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, IndexError):
            return
        # The postmaster first: once it is frozen it starts no further children.
        with suppress(ProcessLookupError):
            os.kill(postmaster, number)
        for child in _children(postmaster):
            with suppress(ProcessLookupError):
                os.kill(child, number)

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


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended meanwhile
                # "pid (name) state ppid …", and a name may hold anything.
                if int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                    found.append(int(folder.name))
    return found


def _tail(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
