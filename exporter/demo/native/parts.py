"""The command line of each part, all on 127.0.0.1, and the environment that the platform file reads."""

import secrets
import shutil
from pathlib import Path

from exporter.demo.names import CLOUDFLARE_PATH, CLOUDFLARE_TOKEN, SLACK_PATH, STATUSPAGE_KEY, Ports
from exporter.demo.native.programs import Programs, own_command
from exporter.demo.native.state import State
from exporter.demo.native.supervisor import Part

HOST = "127.0.0.1"
DATABASE = "postgres"
DASHBOARDS_IN_CONTAINER = "/etc/grafana/dashboards"


class Accounts:
    """The three logins of the database, with passwords of this run."""

    def __init__(self, port: int) -> None:
        self.superuser_password = secrets.token_urlsafe(18)
        self.admin_url = f"postgresql://postgres:{self.superuser_password}@{HOST}:{port}/{DATABASE}"
        self.product_url = f"postgresql://product:{secrets.token_urlsafe(18)}@{HOST}:{port}/{DATABASE}"
        self.exporter_url = f"postgresql://exporter:{secrets.token_urlsafe(18)}@{HOST}:{port}/{DATABASE}"


def platform_environment(ports: Ports, accounts: Accounts) -> dict[str, str]:
    """Return the variables that `platforms/demo.yml` names."""
    return {
        "DATABASE_URL": accounts.exporter_url,
        "CLOUDFLARE_API_TOKEN": CLOUDFLARE_TOKEN,
        "STATUSPAGE_API_KEY": STATUSPAGE_KEY,
        "DEMO_API_URL": ports.url("api"),
        "DEMO_CLOUDFLARE_URL": ports.url("cloudflare", CLOUDFLARE_PATH),
        "DEMO_SINKS_URL": ports.url("sinks"),
        "DEMO_SMTP": f"{HOST}:{ports['smtp']}",
        "EXPORTER_ADDRESS": f"{HOST}:{ports['exporter']}",
        "PROMETHEUS_URL": ports.url("prometheus"),
        "ALERTMANAGER_URL": ports.url("alertmanager"),
        "GRAFANA_URL": ports.url("grafana"),
    }


def write_secrets(folder: Path, ports: Ports) -> None:
    """Write the files that the platform file names as `${file:…}`."""
    folder.mkdir(mode=0o700)
    values = {
        "slack_webhook": ports.url("sinks", SLACK_PATH),
        "pagerduty_routing_key": secrets.token_hex(16),
        "status_page_token": secrets.token_hex(16),
    }
    for name, value in values.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="ascii")


def redis(programs: Programs, state: State, ports: Ports) -> Part:
    """Redis as a cache: nothing on disk, little memory."""
    folder = state.root / "redis"
    folder.mkdir()
    command: list[str | Path] = [
        programs.redis,
        "--bind",
        HOST,
        "--port",
        str(ports["redis"]),
        "--dir",
        folder,
    ]
    # Without a title of its own the process keeps its environment, by which the sweep knows it.
    settings = ["--save", "", "--appendonly", "no", "--maxmemory", "32mb", "--set-proc-title", "no"]
    return Part(
        "redis", [*command, *settings, "--maxmemory-policy", "allkeys-lru"], f"tcp://{HOST}:{ports['redis']}"
    )


def world(ports: Ports, accounts: Accounts) -> Part:
    """Product, customers, stand-ins and sinks."""
    env = {
        "DEMO_HOST": HOST,
        "DEMO_PORT_BASE": str(ports.base),
        "DEMO_DATABASE_URL": accounts.product_url,
        "DEMO_REDIS_URL": f"redis://{HOST}:{ports['redis']}/0",
    }
    return Part("world", [*own_command(), "demo", "world"], ports.url("api", "/demo/ready"), env)


def generate_command(platform: Path, state: State) -> list[str | Path]:
    """Return the command that writes all configuration from the platform file."""
    options: list[str | Path] = ["-p", platform, "-o", state.generated, "--secrets-dir", state.secrets]
    return [*own_command(), "generate", *options]


def exporter(platform: Path, state: State, ports: Ports, env: dict[str, str]) -> Part:
    """The exporter."""
    options: list[str | Path] = [
        "-p",
        platform,
        "--listen",
        f"{HOST}:{ports['exporter']}",
        "--secrets-dir",
        state.secrets,
        "--state-dir",
        state.root / "exporter",
    ]
    return Part(
        "exporter", [*own_command(), "run", *options], ports.url("exporter", "/-/ready"), env, restarts=True
    )


def prometheus(programs: Programs, state: State, ports: Ports) -> Part:
    """Prometheus with the generated configuration."""
    command: list[str | Path] = [
        programs.prometheus,
        f"--config.file={state.generated}/prometheus/prometheus.yml",
        f"--storage.tsdb.path={state.root}/prometheus",
        "--storage.tsdb.retention.time=45d",  # the demo's past is a month
        # What fires before Alertmanager is known is lost and sent again after this; a minute is long in a demo.
        "--rules.alert.resend-delay=5s",
        f"--web.listen-address={HOST}:{ports['prometheus']}",
        f"--web.external-url={ports.url('prometheus')}",
    ]
    return Part("prometheus", command, ports.url("prometheus", "/-/ready"))


def alertmanager(programs: Programs, state: State, ports: Ports) -> Part:
    """Alertmanager with the generated configuration, alone (no cluster)."""
    command: list[str | Path] = [
        programs.alertmanager,
        f"--config.file={state.generated}/alertmanager/alertmanager.yml",
        f"--storage.path={state.root}/alertmanager",
        f"--web.listen-address={HOST}:{ports['alertmanager']}",
        f"--web.external-url={ports.url('alertmanager')}",
        "--cluster.listen-address=",
    ]
    # SNS asks for signed requests; its stand-in takes any signature.
    env = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
    return Part("alertmanager", command, ports.url("alertmanager", "/-/ready"), env)


def grafana(program: Path, state: State, ports: Ports) -> Part:
    """Grafana with the generated data sources and dashboards, readable without a login."""
    folder = state.root / "grafana"
    provisioning = _provisioning(state, folder)
    packaged = Path("/usr/share/grafana")
    home = packaged if packaged.is_dir() else program.resolve().parent.parent
    command: list[str | Path] = [
        program,
        *(["server"] if program.name == "grafana" else []),
        f"--homepath={home}",
    ]
    env = {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports["grafana"]),
        "GF_PATHS_DATA": str(folder),
        "GF_PATHS_LOGS": str(folder / "logs"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(provisioning),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    for path in (state.generated / "dashboards").rglob("*-home.json"):
        env["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] = str(path)
    return Part("grafana", command, ports.url("grafana", "/api/health"), env)


def _provisioning(state: State, folder: Path) -> Path:
    """Copy the generated provisioning; it names the folder of dashboards as the container has it."""
    copy = folder / "provisioning"
    shutil.copytree(state.generated / "grafana" / "provisioning", copy)
    for path in (copy / "dashboards").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace(DASHBOARDS_IN_CONTAINER, str(state.generated / "dashboards")), encoding="utf-8"
        )
    return copy
