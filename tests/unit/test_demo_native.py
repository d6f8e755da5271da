"""The native demo's folder, its Grafana, and how it finds its programs."""

import os
from pathlib import Path

import pytest

from exporter.demo.errors import DemoError
from exporter.demo.names import OFFSETS, Ports
from exporter.demo.native import parts, programs
from exporter.demo.native.state import State


def test_ports_count_from_one_base() -> None:
    ports = Ports(20_000)
    assert ports["api"] == 20_000
    assert ports.url("prometheus", "/alerts") == "http://127.0.0.1:20090/alerts"
    assert len(set(OFFSETS.values())) == len(OFFSETS)


def test_a_folder_of_other_files_is_not_ours(tmp_path: Path) -> None:
    assert State(tmp_path / "absent").is_ours()
    assert State(tmp_path).is_ours()
    (tmp_path / "thesis.txt").write_text("years of work")
    assert not State(tmp_path).is_ours()


def test_a_demo_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"no demo runs in .*platform-exporter demo up"):
        State(tmp_path).running()


def test_a_demo_that_still_starts_is_said_so(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.lock():
        with pytest.raises(DemoError, match="still starting"):
            state.running()
        with pytest.raises(DemoError, match=r"already runs.*--port-base"), state.lock():
            pass


def test_a_folder_that_postgres_cannot_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.chdir(closed)
    if os.geteuid() != 0:
        assert State.choose(None).root == closed / ".demo"
        return
    assert State.choose(None).root.parent == Path("/tmp")
    assert State.choose(None) == State.choose(None)
    with pytest.raises(DemoError, match="who cannot enter"):
        State.choose(closed / "state")


def test_missing_programs_are_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        programs, "_which", lambda *names: None if "prometheus" in names else Path("/bin/true")
    )
    monkeypatch.setattr(programs, "_newest_postgres", lambda: None)
    with pytest.raises(
        DemoError, match=r"not installed: postgresql, prometheus\. On Debian: sudo apt-get install"
    ):
        programs.find_programs()


def test_grafana_gets_the_generated_dashboards(tmp_path: Path) -> None:
    state = State(tmp_path)
    provider = state.generated / "grafana" / "provisioning" / "dashboards" / "dashboards.yml"
    provider.parent.mkdir(parents=True)
    provider.write_text("path: /etc/grafana/dashboards\n")
    home = state.generated / "dashboards" / "Home" / "demo-home.json"
    home.parent.mkdir(parents=True)
    home.write_text("{}")
    part = parts.grafana(Path("/usr/sbin/grafana-server"), state, Ports(20_000))
    provisioning = Path(part.env["GF_PATHS_PROVISIONING"])
    assert (
        provisioning / "dashboards" / "dashboards.yml"
    ).read_text() == f"path: {state.generated}/dashboards\n"
    assert part.env["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == str(home)
    assert part.command[1] != "server"
    assert part.ready_url == "http://127.0.0.1:20030/api/health"
