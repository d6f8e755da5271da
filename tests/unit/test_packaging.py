"""What is shipped: the wheel generates on its own, the locks are complete, the licence is there."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("build", "runtime", "dev")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_has_the_jsonnet_folders_the_licence_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        f"exporter/_mixin/{path.relative_to(ROOT)}"
        for folder in ("prometheus", "alertmanager", "dashboards")
        for path in (ROOT / folder).rglob("*.libsonnet")
    }
    assert sources <= names
    assert "exporter/_mixin/mixin.libsonnet" in names
    assert "exporter/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") or name.endswith(".pyc") for name in names)


def test_wheel_names_its_author_licence_and_python(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_string(archive.read(name).decode())
    assert metadata["Name"] == "platform-exporter"
    assert metadata["Version"] == PROJECT["project"]["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"


def test_installed_wheel_generates_far_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site, out = tmp_path / "site", tmp_path / "out"
    zipfile.ZipFile(wheel).extractall(site)
    program = "import exporter, sys; assert exporter.__file__.startswith(sys.argv.pop()); exporter.cli.app()"
    subprocess.run(
        [
            *(sys.executable, "-c", f"import exporter.cli; {program}"),
            *("generate", "--platform", ROOT / "platforms/demo.yml", "--output", out, site),
        ],
        check=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
        stdout=subprocess.DEVNULL,
    )
    assert (out / "prometheus/prometheus.yml").is_file()


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_every_package_with_hashes_and_name_no_index(name: str) -> None:
    lock = LOCKS[name]
    for package in re.split(r"\n(?=\S)", lock):
        if not package.startswith("#"):
            assert re.match(r"[a-z0-9.-]+==\S+", package), package
            assert "--hash=sha256:" in package, package
    assert not re.search(r"https?://|^-|file:|@ ", lock, re.MULTILINE)


def test_every_direct_requirement_is_locked() -> None:
    project = PROJECT["project"]
    wanted = {
        "build": [*PROJECT["dependency-groups"]["build"], *PROJECT["build-system"]["requires"]],
        "runtime": [*project["dependencies"], *project["optional-dependencies"]["demo"]],
        "dev": PROJECT["dependency-groups"]["dev"],
    }
    for name, requirements in wanted.items():
        locked = set(re.findall(r"^([a-z0-9-]+)==", LOCKS[name], re.MULTILINE))
        for requirement in requirements:
            match = re.match(r"[\w-]+", requirement)
            assert match is not None
            assert match[0].lower() in locked, f"{requirement} is not in requirements/{name}.txt: make lock"


def test_image_installs_from_the_locks_as_another_user_than_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    images = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in images)
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    copied = [
        word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1] if "--" not in word
    ]
    assert all((ROOT / path).exists() for path in copied if not path.startswith("/"))


def test_everything_that_is_imported_is_required() -> None:
    distributions = packages_distributions()
    core = {_name(requirement) for requirement in PROJECT["project"]["dependencies"]}
    demo = core | {_name(entry) for entry in PROJECT["project"]["optional-dependencies"]["demo"]}
    for path in (ROOT / "exporter").rglob("*.py"):
        allowed = demo if "demo" in path.relative_to(ROOT).parts else core
        for module in _imported(path) - set(sys.stdlib_module_names) - {"exporter"}:
            owners = {_name(owner) for owner in distributions[module]}
            assert owners & allowed, (
                f"{path}: {module} of {', '.join(owners)} is no requirement of pyproject.toml"
            )


def test_every_requirement_is_imported() -> None:
    distributions = packages_distributions()
    imported = {module for path in (ROOT / "exporter").rglob("*.py") for module in _imported(path)}
    used = {_name(owner) for module in imported for owner in distributions.get(module, [])}
    project = PROJECT["project"]
    required = {
        _name(entry) for entry in [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    }
    # uvicorn finds httptools by itself
    assert required - used <= {"httptools"}


def _name(requirement: str) -> str:
    """Return the distribution that a requirement names; one that is only part of another stands for that."""
    match = re.match(r"([\w-]+)(?:\[(\w+)])?", requirement)
    assert match is not None
    name, extra = match[1].lower().replace("_", "-"), match[2]
    return {"pydantic-core": "pydantic"}.get(name, f"{name}-{extra}" if extra == "pool" else name)


def _imported(path: Path) -> set[str]:
    """Return the top-level modules that a file imports anywhere in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


def test_the_exporter_runs_without_jsonnet_in_memory() -> None:
    asked = "import sys, exporter.cli; print([name for name in sys.modules if 'jsonnet' in name])"
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
