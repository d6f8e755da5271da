"""docker-compose.yml: valid by the Compose specification, hardened, and in agreement with what is generated."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.platform.load import load
from exporter.sources.cloudflare import Cloudflare
from exporter.sources.postgres import Postgres

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


def _compose() -> dict[str, Any]:
    """Return the file with every variable at its default."""
    text = DEFAULT.sub(lambda match: match[2], COMPOSE.read_text()).replace("$$", "$")
    assert "${" not in text, "every variable needs a default: docker compose up must work as it is"
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


SPEC = _compose()
SERVICES: dict[str, dict[str, Any]] = SPEC["services"]
each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the service `generate` writes: its own command, run here in an environment as bare as the container's."""
    folder = tmp_path_factory.mktemp("generated")
    there = {"/etc/platform-exporter/platform.yml": ROOT / "platforms/demo.yml", "/generated": folder}
    command = [there.get(word, word) for word in SERVICES["generate"]["command"]]
    environment = {"PATH": os.environ["PATH"], **SERVICES["generate"].get("environment", {})}
    program = Path(sys.executable).with_name("platform-exporter")
    subprocess.run([program, *command], check=True, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    return folder


def test_follows_the_compose_specification() -> None:
    program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*program, COMPOSE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_services_are_those_of_the_chain() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {
        *(
            "postgres",
            "redis",
            "exporter",
            "generate",
            "prometheus",
            "alertmanager",
            "grafana",
            "node_exporter",
        ),
    }
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]} == {"demo"}


@each_service
def test_dependencies_can_be_met(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        service = SERVICES[other]
        if how["condition"] == "service_healthy":
            assert "test" in service["healthcheck"], f"{other} never becomes healthy"
        else:
            assert how["condition"] == "service_completed_successfully"
            assert service["restart"] == "no", f"{other} never completes"
        assert "profiles" not in service or how["required"] is False, f"{other} is not always there"


@each_service
def test_images_are_pinned_to_a_release(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), SERVICES[name]["image"]


@each_service
def test_runs_with_least_privilege_and_within_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("root", "0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert not {"privileged", "cap_add", "pid", "ipc"} & set(service)


@each_service
def test_has_a_health_check_unless_it_runs_once(name: str) -> None:
    healthcheck = SERVICES[name]["healthcheck"]
    if SERVICES[name]["restart"] == "no":
        assert healthcheck == {"disable": True}
    else:
        assert healthcheck["test"][0] == "CMD", "no shell"
        assert {"interval", "timeout", "retries"} < set(healthcheck)


@each_service
def test_listens_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_mounts_only_what_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if isinstance(volume, dict):
            assert volume["read_only"] is True
            continue
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).is_file(), f"{source} is not there"
            assert mode == ["ro"]
        else:
            assert source in SPEC["volumes"], f"volume {source} is not declared"
        assert target.startswith("/")


def test_every_named_volume_secret_and_network_is_used() -> None:
    def used(key: str) -> set[str]:
        return {str(entry).split(":")[0] for service in SERVICES.values() for entry in service.get(key, [])}

    assert set(SPEC["volumes"]) <= used("volumes")
    assert used("secrets") == set(SPEC["secrets"])
    assert used("networks") == set(SPEC["networks"])


def test_make_secrets_writes_every_secret_once_and_keeps_others_out(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    script = shutil.copy(ROOT / "tools/secrets", tmp_path / "tools/secrets")
    subprocess.run([script], check=True)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    for secret in SPEC["secrets"].values():
        assert (tmp_path / secret["file"]).stat().st_mode & 0o777 == 0o644, "read by users of the containers"
    before = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([script], check=True)
    assert before == {path.name: path.read_text() for path in folder.iterdir()}
    assert f":{before['exporter_password'].strip()}@postgres:5432" in before["database_url"]


def test_secrets_stay_out_of_the_repository_and_of_the_image() -> None:
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "secrets/database_url"], cwd=ROOT)
    assert ignored.returncode == 0
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert not any("secrets" in line for line in lines if line.startswith("!"))


def test_the_demo_platform_speaks_of_services_by_their_names() -> None:
    for value in re.findall(r"\$\{env:\w+:-([^}]+)\}", (ROOT / "platforms/demo.yml").read_text()):
        host = urlsplit(value if "//" in value else f"//{value}").hostname
        assert host in {*SERVICES, "localhost"}, f"platforms/demo.yml: {value}"


def test_the_exporter_finds_every_secret_that_the_demo_platform_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SERVICES["exporter"]
    for name, value in service["environment"].items():
        mounted = Path(value)
        assert mounted.parent == Path("/run/secrets")
        assert mounted.name in service["secrets"]
        (tmp_path / mounted.name).write_text(f"{name}\n")
        monkeypatch.setenv(name, str(tmp_path / mounted.name))
    platform = load(ROOT / "platforms/demo.yml")
    postgres, cloudflare = platform.section("postgres")["main"], platform.section("cloudflare")["cloudflare"]
    assert isinstance(postgres, Postgres)
    assert isinstance(cloudflare, Cloudflare)
    assert postgres.dsn.reveal() == "DATABASE_URL_FILE"
    assert cloudflare.token.reveal() == "CLOUDFLARE_API_TOKEN_FILE"


def test_prometheus_keeps_45_days_and_scrapes_services_of_this_file(generated: Path) -> None:
    assert "--storage.tsdb.retention.time=45d" in SERVICES["prometheus"]["command"]
    config = yaml.safe_load((generated / "prometheus/prometheus.yml").read_text())
    targets = {
        target.partition(":")[0]
        for job in config["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert {"exporter", "prometheus", "alertmanager", "node_exporter"} <= targets <= set(SERVICES)


def test_alertmanager_has_every_secret_file_that_its_configuration_names(generated: Path) -> None:
    text = (generated / "alertmanager/alertmanager.yml").read_text()
    named = set(re.findall(r"/run/secrets/([\w.-]+)", text))
    assert named == set(SERVICES["alertmanager"]["secrets"])


def test_grafana_finds_provisioning_dashboards_and_home(generated: Path) -> None:
    mounts = dict(volume.split(":")[1::-1] for volume in SERVICES["grafana"]["volumes"])
    environment = SERVICES["grafana"]["environment"]
    provisioning = Path(environment["GF_PATHS_PROVISIONING"])
    assert mounts[str(provisioning.parent)] == "grafana-config"
    files = generated / "grafana" / provisioning.name / "dashboards"
    (provider,) = (yaml.safe_load(path.read_text())["providers"][0] for path in files.glob("*.yml"))
    folder = provider["options"]["path"]
    assert mounts[folder] == "dashboards"
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (generated / "dashboards" / home.relative_to(folder)).is_file()


def test_generate_writes_only_into_its_volumes(generated: Path) -> None:
    mounted = {volume.split(":")[1] for volume in SERVICES["generate"]["volumes"] if "/generated/" in volume}
    assert {f"/generated/{path.name}" for path in generated.iterdir()} == mounted
    prepared = re.findall(r"/generated/\w+", (ROOT / "Dockerfile").read_text())
    assert set(prepared) == mounted, "folders that the image has, owned by its user"
