"""TLS, users, headers and rate limit of Prometheus' web configuration file, with real handshakes."""

import base64
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.integration.support import COMMAND
from tests.integration.web import PLATFORM, hashed, served
from tests.support.certificates import Authority
from tests.support.process import free_port, running, wait_until
from tests.support.programs import binary

USERS = f"basic_auth_users:\n  alice: {hashed('a secret')}\n  bob: {hashed('another')}\n"
CERTIFIED = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
RIGHT = ("alice", "a secret")
REFUSED = (httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue("server", "127.0.0.1")
    return made


@pytest.mark.parametrize(
    "path", ["/metrics", "/", "/-/healthy", "/-/ready", "/api/v1/sources", "/openapi.json", "/x"]
)
def test_everything_is_behind_the_users(tmp_path: Path, path: str) -> None:
    with served(tmp_path, USERS) as exporter, exporter.client() as client:
        for auth in (None, ("alice", "wrong"), ("carol", "a secret"), ("alice", "another"), ("alice", "")):
            answer = client.get(path, auth=auth)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert client.get(path, auth=RIGHT).status_code != 401
        assert client.post("/-/reload").status_code == 401


def test_the_status_page_has_a_login_of_its_own(tmp_path: Path) -> None:
    """Alertmanager has one Authorization header, and shows the token of the platform file in it."""
    with served(tmp_path, USERS) as exporter, exporter.client() as client:
        answer = client.post("/api/v1/status-page", headers={"Authorization": "Bearer token"}, content=b"{}")
        assert (answer.status_code, "status_page" in answer.text) == (404, True), "this platform has no page"


def test_a_real_prometheus_scrapes_over_tls_with_a_user_and_a_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("scraper", "scraper.example")
    web = (
        f"{CERTIFIED}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n{USERS}"
    )
    with served(tmp_path, web) as exporter:
        checked = subprocess.run(
            [binary("promtool"), "check", "web-config", exporter.web], capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stderr
        port, config = free_port(), tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: exporter\n  scheme: https\n"
            "  basic_auth: {username: alice, password: a secret}\n"
            "  tls_config: {ca_file: authority.crt, cert_file: scraper.crt, key_file: scraper.key}\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n"
        )
        command: list[str | Path] = [
            binary("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with running(command, tmp_path / "prometheus.log"):
            query = f"http://127.0.0.1:{port}/api/v1/query?query=platform_exporter_snapshot_series"
            wait_until(
                lambda: httpx.get(query, trust_env=False).raise_for_status().json()["data"]["result"],
                60,
                "Prometheus to scrape",
                log=tmp_path / "prometheus.log",
            )


def test_a_flood_of_wrong_passwords_holds_nobody_up(tmp_path: Path) -> None:
    slow = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
    with served(tmp_path, f"{USERS}  carol: {slow}\n") as exporter, exporter.client(auth=RIGHT) as client:
        assert client.get("/metrics").status_code == 200
        ending, tries = threading.Event(), [0] * 10

        def guess(number: int) -> None:
            with exporter.client() as guesser:
                while not ending.is_set():
                    answer = guesser.get("/metrics", auth=("carol", f"{number}-{tries[number]}"))
                    assert answer.status_code in (401, 503)
                    tries[number] += 1

        guessers = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
        for guesser in guessers:
            guesser.start()
        wait_until(lambda: sum(tries) > 10, 60, "guesses that were answered")
        took = []
        for _ in range(30):
            started = time.monotonic()
            assert client.get("/metrics").status_code == 200
            took.append(time.monotonic() - started)
        ending.set()
        for guesser in guessers:
            guesser.join()
    assert sorted(took)[-3] < 1, "two may meet a machine that is busy with something else"


def test_users_follow_the_file_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    with served(tmp_path, USERS) as exporter, exporter.client() as client:
        assert client.get("/metrics", auth=RIGHT).status_code == 200
        exporter.configure(USERS.replace("alice", "dora"))
        exporter.wait_line("web_config.read")
        assert client.get("/metrics", auth=RIGHT).status_code == 401
        assert client.get("/metrics", auth=("dora", "a secret")).status_code == 200
        exporter.configure("basic_auth_users:\n  dora: canary-password\n")
        told = exporter.wait_line("web_config.refused")
        assert "web.yml:2: basic_auth_users.dora: is not a bcrypt hash" in told["problems"][0]
        assert "canary" not in exporter.log.read_text()
        assert client.get("/metrics", auth=("dora", "a secret")).status_code == 200
        exporter.configure(f"{USERS}{CERTIFIED}")
        assert exporter.wait_line("web_config.refused", 2)["level"] == "warning"
        exporter.web.unlink()
        assert "cannot be read" in exporter.wait_line("web_config.refused", 3)["problems"][0]
        assert client.get("/metrics", auth=("dora", "a secret")).status_code == 200
        exporter.configure(USERS)
        assert client.post("/-/reload", auth=("dora", "a secret")).status_code == 200
        assert client.get("/metrics", auth=RIGHT).status_code == 200, "a reload reads it at once"


def serial(port: int, authority: Authority) -> str:
    context = ssl.create_default_context(cafile=authority.file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return str((secure.getpeercert() or {})["serialNumber"])


def test_new_handshakes_use_the_new_certificate_and_old_connections_live_on(
    tmp_path: Path, authority: Authority
) -> None:
    with served(tmp_path, CERTIFIED) as exporter, exporter.client(trust=authority.file) as client:
        assert client.get("/metrics").status_code == 200
        first = serial(exporter.port, authority)
        key = tmp_path / "server.key"
        key.write_text("half written")
        exporter.wait_line("web_config.refused")
        assert serial(exporter.port, authority) == first
        authority.issue("server", "127.0.0.1")
        exporter.wait_line("web_config.read")
        assert serial(exporter.port, authority) != first
        assert client.get("/metrics").status_code == 200
        assert key.read_text() not in exporter.log.read_text()


def test_client_certificates(tmp_path: Path, authority: Authority) -> None:
    web = (
        f"{CERTIFIED}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n"
        "  client_allowed_sans: ['spiffe://prod/scraper', '2001:db8::1']\n"
    )
    good, by_address = authority.issue("good", "spiffe://prod/scraper"), authority.issue("v6", "2001:db8::1")
    unnamed, other_name = authority.issue("unnamed"), authority.issue("other", "spiffe://prod/other")
    (tmp_path / "evil").mkdir()
    foreign = Authority(tmp_path / "evil", "evil").issue("good", "spiffe://prod/scraper")
    with served(tmp_path, web) as exporter:
        for certificate in (good, by_address):
            with exporter.client(trust=authority.file, certificate=certificate) as client:
                assert client.get("/metrics").status_code == 200
        for refused in (None, unnamed, other_name, foreign):
            with exporter.client(trust=authority.file, certificate=refused) as client, pytest.raises(REFUSED):
                client.get("/metrics")
        exporter.wait_line("tls.refused", 4)
        assert not exporter.lines("http.request"), "no byte of a refused client was looked at"


def test_a_certificate_may_be_left_out_when_it_is_verified_if_given(
    tmp_path: Path, authority: Authority
) -> None:
    web = f"{CERTIFIED}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: authority.crt\n"
    (tmp_path / "evil").mkdir()
    foreign = Authority(tmp_path / "evil", "evil").issue("evil")
    with served(tmp_path, web) as exporter:
        with exporter.client(trust=authority.file) as client:
            assert client.get("/metrics").status_code == 200
        with exporter.client(trust=authority.file, certificate=foreign) as client, pytest.raises(REFUSED):
            client.get("/metrics")


def test_versions_suites_and_curves_are_those_of_the_file(tmp_path: Path, authority: Authority) -> None:
    web = (
        f"{CERTIFIED}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
        "  curve_preferences: [CurveP384]\n"
    )

    def handshake(port: int, *words: str) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *words]
        return subprocess.run(command, input="", capture_output=True, text=True, timeout=300).stdout

    with served(tmp_path, web) as exporter:
        agreed = handshake(exporter.port)
        assert "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384" in agreed
        assert "secp384r1" in agreed or "P-384" in agreed
        for refused in (("-tls1_3",), ("-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("-curves", "P-256")):
            assert "Cipher is (NONE)" in handshake(exporter.port, *refused)


def test_headers_are_added_to_every_answer(tmp_path: Path) -> None:
    web = (
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n"
        "    Content-Security-Policy: default-src 'self'\n    X-XSS-Protection: 1\n"
    )
    with served(tmp_path, web + USERS) as exporter, exporter.client() as client:
        for path, auth in (("/metrics", RIGHT), ("/metrics", None), ("/", RIGHT), ("/nowhere", RIGHT)):
            headers = client.get(path, auth=auth).headers
            assert headers["x-frame-options"] == "deny"
            assert headers["x-xss-protection"] == "1"
            assert headers.get_list("content-security-policy") == ["default-src 'self'"]


def test_the_rate_limit_is_a_bucket(tmp_path: Path) -> None:
    with served(tmp_path, "rate_limit: {interval: 1h, burst: 3}") as exporter, exporter.client() as client:
        assert [client.get("/metrics").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert client.get("/-/healthy").status_code == 429


def test_no_header_query_or_secret_reaches_the_log(tmp_path: Path) -> None:
    with served(tmp_path, USERS, "--log.level", "debug") as exporter, exporter.client() as client:
        canaries = {
            "Cookie": "canary-1",
            "X-Api-Key": "canary-2",
            "X-Request-Id": "canary 3",
            "Host": "canary-4",
        }
        for path in ("/metrics", "/", "/nowhere", "/-/ready"):
            for auth in (RIGHT, ("canary-user", "canary-password"), None):
                client.get(path, auth=auth, headers=canaries, params={"token": "canary-5"})
            client.get(path, headers={"Authorization": "Bearer canary-6"})
    log = exporter.log.read_text()
    assert "canary" not in log
    assert "a secret" not in log
    assert base64.b64encode(b"alice:a secret").decode() not in log


def test_a_bad_file_is_told_at_the_start(tmp_path: Path) -> None:
    platform, web = tmp_path / "platform.yml", tmp_path / "web.yml"
    platform.write_text(PLATFORM.format(port=free_port()))
    web.write_text("basic_auth_user: {}\n")
    told = subprocess.run(
        [COMMAND, "run", "-p", platform, "--listen", f"127.0.0.1:{free_port()}", "--web.config.file", web],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 1
    assert f"{web}:1: basic_auth_user: is not a key of web configuration files" in told.stderr
    assert "Did you mean `basic_auth_users`?" in told.stderr
