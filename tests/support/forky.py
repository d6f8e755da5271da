"""Programs from Debian's suite *forky*, newer than the stable release's: the newest half of the matrix.

The packages are downloaded through a separate apt configuration and unpacked under `.cache/forky`; nothing is
installed, and no superuser is needed. Delete that folder to get newer ones.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support import fetch
from tests.support.fetch import FetchError

SUITE = "forky"
CACHE = fetch.CACHE / SUITE
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT = Path("/etc/apt")

# program -> (Debian package, path inside it)
PROGRAMS = {
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("promtool", "usr/bin/promtool"),
    "alertmanager": ("prometheus-alertmanager", "usr/bin/prometheus-alertmanager"),
    "amtool": ("prometheus-alertmanager", "usr/bin/amtool"),
    "postgres_exporter": ("prometheus-postgres-exporter", "usr/bin/prometheus-postgres-exporter"),
    "blackbox_exporter": ("prometheus-blackbox-exporter", "usr/bin/prometheus-blackbox-exporter"),
    "redis_exporter": ("prometheus-redis-exporter", "usr/bin/prometheus-redis-exporter"),
    "nginx": ("nginx", "usr/sbin/nginx"),
    "pgbouncer": ("pgbouncer", "usr/sbin/pgbouncer"),
    "victoria-metrics": ("victoria-metrics", "usr/bin/victoria-metrics"),
    "vmalert": ("victoria-metrics", "usr/bin/vmalert"),
}


def forky_binary(name: str) -> Path:
    """Return the path of the program `name` (a key of PROGRAMS), downloading its package at the first call.

    Safe when several test runs ask at once. Raises FetchError.
    """
    try:
        package, inside = PROGRAMS[name]
    except KeyError:
        raise FetchError(f"{name!r} is not among the known programs: {', '.join(PROGRAMS)}") from None
    tree = unpacked(package)
    if not (tree / inside).exists():
        raise FetchError(f"package {package} of {SUITE} has no {inside}; mend PROGRAMS in {__file__}")
    return tree / inside


def forky_command(name: str, libraries: Sequence[str], folder: Path) -> list[str | Path]:
    """Return how to run a program that is built for newer libraries than the stable release has: with `libraries`.

    They are packages. All is copied into `folder`, where another user can get at it. Raises FetchError.
    """
    (copies := folder / "lib").mkdir()
    for package in libraries:
        for file in unpacked(package).glob("usr/lib/x86_64-linux-gnu/*.so*"):
            shutil.copy(file, copies)
    program = shutil.copy(forky_binary(name), folder)
    return [copies / "ld-linux-x86-64.so.2", "--library-path", copies, program]


def unpacked(package: str) -> Path:
    """Return the folder with the tree of `package`, downloading it at the first call. Raises FetchError."""
    return fetch.once(CACHE / package, lambda folder: _unpack(package, folder))


def debian_mirror(apt: Path = APT) -> str:
    """Return the address of the Debian archive that this machine's own apt uses, read from its sources."""
    for uri, suites in _sources(apt):
        if any(suite and not suite.endswith(("-security", "/updates")) for suite in suites):
            return uri
    raise FetchError(f"no Debian archive in {apt}/sources.list or {apt}/sources.list.d; this needs Debian")


def _sources(apt: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (address, suites) of each binary source with the component main, in both of apt's formats."""
    parts = apt / "sources.list.d"
    for path in [apt / "sources.list", *sorted(parts.glob("*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else ():
            words = line.partition("#")[0].replace("[", " [ ").replace("]", " ] ").split()
            if words[:1] != ["deb"]:
                continue
            words = words[words.index("]") + 1 :] if "]" in words else words[1:]
            if len(words) >= 3 and "main" in words[2:] and _is_debian(words[0]):
                yield words[0], [words[1]]
    for path in sorted(parts.glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            lines = [line for line in stanza.splitlines() if ":" in line and not line.startswith("#")]
            fields = {key.lower(): value.split() for key, _, value in (line.partition(":") for line in lines)}
            if "deb" in fields.get("types", []) and "main" in fields.get("components", []):
                for uri in filter(_is_debian, fields.get("uris", [])):
                    yield uri, fields.get("suites", [])


def _is_debian(uri: str) -> bool:
    """Tell Debian's own archive from other vendors' by the end of its address, the same on every mirror."""
    return uri.rstrip("/").endswith("/debian")


def _unpack(package: str, folder: Path) -> None:
    """Download `package` and unpack its tree into `folder`."""
    apt = _configured()
    if not any((CACHE / "lists").glob("*_Packages*")):
        _run([*apt, "update"], folder, f"read the package lists of {SUITE}")
    try:
        _run([*apt, "download", package], folder, f"download {package}")
    except FetchError:  # the lists of an earlier day name a version that the archive no longer has
        _run([*apt, "update"], folder, f"read the package lists of {SUITE}")
        _run([*apt, "download", package], folder, f"download {package}")
    (archive,) = folder.glob("*.deb")
    _run(["dpkg", "-x", archive.name, "."], folder, f"unpack {archive.name}")
    archive.unlink()


def _configured() -> list[str]:
    """Write the separate apt configuration; return apt-get with the options that make it the only one."""
    if not KEYRING.exists():
        raise FetchError(f"{KEYRING} is missing; install the package debian-archive-keyring")
    for folder in ("sources", "lists/partial", "archives/partial"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    (CACHE / "sources" / f"{SUITE}.sources").write_text(
        f"Types: deb\nURIs: {debian_mirror()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": CACHE / "sources",
        "Dir::State::lists": CACHE / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": CACHE,
        "Dir::Cache::archives": CACHE / "archives",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }
    return ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]


def _run(command: list[str], folder: Path, task: str) -> None:
    fetch.run(command, folder, task, remedy=f"this needs Debian; deleting {CACHE} starts anew")
