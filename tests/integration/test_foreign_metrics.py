"""The metrics of Prometheus and Alertmanager that our rules read are there, in the packaged release and the newest."""

from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.forky import forky_binary
from tests.support.process import free_port, running, wait_http, wait_until
from tests.support.programs import binary

FOREIGN = yaml.safe_load((Path(__file__).parents[1] / "support" / "foreign_metrics.yml").read_text())
# Younger than the packaged Alertmanager: only people's queries use it.
YOUNGER = {("alertmanager_notifications_failed_total", "reason")}
RULES = "groups: [{name: one, interval: 1s, rules: [{record: one, expr: vector(1)}]}]"


@pytest.fixture(params=["packaged", "newest"])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _program(name: str, release: str) -> Path:
    return binary(name) if release == "packaged" else forky_binary(name)


def _families(url: str) -> dict[str, tuple[str, set[str]]]:
    """Return metric → type and labels, by names as they are in expressions."""
    found = {}
    for family in text_string_to_metric_families(
        httpx.get(f"{url}/metrics", timeout=10, trust_env=False).text
    ):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (family.type, labels)
    return found


def _check(prefix: str, families: dict[str, tuple[str, set[str]]], release: str) -> None:
    wanted = {name: entry for name, entry in FOREIGN.items() if name.startswith(prefix)}
    assert wanted
    for name, entry in wanted.items():
        assert name in families, f"{name} is gone"
        kind, labels = families[name]
        assert kind == entry["type"], name
        for label in entry["labels"]:
            young = release == "packaged" and (name, label) in YOUNGER
            assert young or not labels or label in labels, f"{name} has lost its label {label}"


def test_prometheus(release: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(
        "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        "alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:1']}]}]}\n"
    )
    command = [
        str(_program("prometheus", release)),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, tmp_path / "log"):
        wait_http(f"{url}/-/ready")
        late = {"prometheus_rule_evaluation_failures_total", "prometheus_notifications_errors_total"}
        wait_until(
            lambda: late <= _families(url).keys(), 120, "a round of rules, and Alertmanager's discovery"
        )
        _check("prometheus_", _families(url), release)


def test_alertmanager(release: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = [
        str(_program("alertmanager", release)),
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, tmp_path / "log"):
        wait_http(f"{url}/-/ready")
        _check("alertmanager_", _families(url), release)
