"""The folder that holds everything a running demo writes, and how other commands find that demo."""

import fcntl
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

import orjson

from exporter.demo.errors import DemoError
from exporter.demo.names import Ports
from exporter.demo.native.cluster import Cluster

DEFAULT_STATE = Path(".demo")


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """What `break`, `mend` and `status` need to know of a running demo."""

    pid: int
    port_base: int
    cluster: Cluster
    root: Path

    @property
    def ports(self) -> Ports:
        """The demo's ports."""
        return Ports(self.port_base)

    @property
    def state(self) -> "State":
        """The demo's folder."""
        return State(self.root)


@dataclass(frozen=True, slots=True)
class State:
    """Paths inside the state folder."""

    root: Path

    @classmethod
    def choose(cls, asked: Path | None) -> Self:
        """Return the state folder: the one asked for, or `.demo` here.

        PostgreSQL refuses to run as root and is run as another user then; where that user cannot enter
        this folder (a checkout under /root), the default moves to the machine's folder for temporary files.
        """
        root = (asked or DEFAULT_STATE).absolute()
        user = server_user()
        if user is None or _can_enter(user, _existing(root)):
            return cls(root)
        if asked is not None:
            remedy = f"give --state a folder that it can, such as {tempfile.gettempdir()}/demo"
            raise DemoError(f"PostgreSQL runs as user {user}, who cannot enter {_existing(root)}: {remedy}")
        mark = sha256(os.fsencode(root)).hexdigest()[:8]
        return cls(Path(tempfile.gettempdir()) / f"platform-exporter-demo-{mark}")

    @property
    def logs(self) -> Path:
        """One log file a part."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """The folder of the platform file's secrets."""
        return self.root / "secrets"

    @property
    def generated(self) -> Path:
        """What `platform-exporter generate` wrote."""
        return self.root / "generated"

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    def log(self, part: str) -> Path:
        """Return the log file of a part."""
        return self.logs / f"{part}.log"

    def down(self, part: str) -> Path:
        """Return the file that keeps a part from being started again, as long as it is there."""
        return self.root / f"{part}.down"

    def is_ours(self) -> bool:
        """Return whether the folder is absent, empty, or made by a demo; anything else is not ours to remove."""
        return not self.root.exists() or self._lock_file.exists() or not any(self.root.iterdir())

    def write(self, demo: RunningDemo) -> None:
        """Publish the running demo for the other commands."""
        temporary = self.root / "demo.json.new"
        temporary.write_bytes(orjson.dumps(asdict(demo), default=str, option=orjson.OPT_INDENT_2))
        temporary.rename(self.root / "demo.json")

    def running(self) -> RunningDemo:
        """Return the demo that runs here. Raises DemoError when none does."""
        if not self._locked():
            raise DemoError(
                f"no demo runs in {self.root}: start one with `platform-exporter demo up`, or give --state"
            )
        try:
            document = orjson.loads((self.root / "demo.json").read_bytes())
        except FileNotFoundError:
            raise DemoError(f"the demo in {self.root} is still starting: try again in a moment") from None
        return RunningDemo(
            document["pid"],
            document["port_base"],
            Cluster.from_document(document["cluster"]),
            self.root,
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one demo; the kernel lets go of it however this process ends.

        Raises DemoError when another demo holds it.
        """
        with self._lock_file.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                remedy = "stop it, or give this one its own --state and --port-base"
                raise DemoError(f"a demo already runs in {self.root}: {remedy}") from None
            yield

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    def _locked(self) -> bool:
        try:
            with self._lock_file.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def server_user() -> str | None:
    """Return whom PostgreSQL must run as: nobody else (None), unless this is root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise DemoError(
        "PostgreSQL does not run as root and there is no user postgres or nobody: run as another user"
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _can_enter(user: str, folder: Path) -> bool:
    return (
        subprocess.run(
            ["test", "-x", folder], user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[]
        ).returncode
        == 0
    )
