"""Prometheus' web configuration file: what the toolkit takes is taken, what is wrong is said with line and remedy."""

import ssl
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.platform.problems import PlatformError, Problem
from exporter.server.webconfig import Tls, WebConfig, load
from exporter.server.webconfig.model import HttpServerConfig, TlsServerConfig
from tests.support.certificates import Authority

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Authority(tmp_path).issue("server", "127.0.0.1")
    return tmp_path


def read(folder: Path, text: str) -> tuple[WebConfig, Tls | None]:
    (folder / "web.yml").write_text(text)
    return load(folder / "web.yml")


def refused(folder: Path, text: str) -> str:
    with pytest.raises(PlatformError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "tls_server_config:\nbasic_auth_users:\nhttp_server_config: {headers: }\n"]
)
def test_what_is_empty_asks_for_nothing(folder: Path, text: str) -> None:
    assert read(folder, text) == (WebConfig(), None)


def test_the_toolkits_own_sample(folder: Path) -> None:
    config, tls = read(
        folder,
        f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
        f'basic_auth_users:\n  alice: {HASH}\nrate_limit:\n  interval: "1s"\n  burst: 20\n',
    )
    assert config.basic_auth_users == {"alice": HASH}
    assert (config.rate_limit.interval, config.rate_limit.burst) == (1.0, 20)
    assert tls is not None
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.files == (folder / "server.crt", folder / "server.key"), (
        "names are taken from the file's folder"
    )


def test_certificates_within_the_file_touch_no_disk(folder: Path) -> None:
    inline = {"cert": (folder / "server.crt").read_text(), "key": (folder / "server.key").read_text()}
    _, tls = read(folder, yaml.safe_dump({"tls_server_config": inline}))
    assert tls is not None
    assert tls.files == ()


@pytest.mark.parametrize(
    ("written", "seconds"), [("1s", 1), ("1m30s", 90), ("500ms", 0.5), ("0", 0), ("1500000000", 1.5)]
)
def test_durations_are_gos(folder: Path, written: str, seconds: float) -> None:
    config, _ = read(folder, f"rate_limit: {{interval: {written}, burst: 1}}")
    assert config.rate_limit.interval == seconds


def test_settings_of_tls_reach_openssl(folder: Path) -> None:
    _, tls = read(
        folder,
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  max_version: TLS12\n"
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256]\n"
        "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP384]\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.crt\n",
    )
    assert tls is not None
    assert tls.context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert tls.context.verify_mode == ssl.CERT_REQUIRED
    assert not tls.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    names = {cipher["name"] for cipher in tls.context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert names == {"ECDHE-ECDSA-AES256-GCM-SHA384"}


CERTIFIED = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "web.yml:1: is not a mapping of keys to values"),
        ("a: [", "web.yml:1: is not YAML"),
        ("basic_auth_user:\n", "web.yml:1: basic_auth_user: is not a key of web configuration files\n"
         "    Did you mean `basic_auth_users`?"),
        ("tls_server_config:\n  cert_filse: x", "web.yml:2: tls_server_config.cert_filse: is not a key of web "
         "configuration files\n    Did you mean `cert_file`?"),
        ("tls_server_config:\n  min_version: TLS13", "tls_server_config.cert_file: is missing"),
        ("tls_server_config:\n  cert_file: gone.crt\n  key_file: server.key", "gone.crt cannot be read: No such file"),
        ("tls_server_config:\n  cert_file: server.crt\n  key_file: authority.crt",
         "web.yml:3: tls_server_config.key_file"),
        ("tls_server_config:\n  cert: a\n  cert_file: server.crt\n", "tls_server_config.cert: stands beside cert_file"),
        (CERTIFIED + "min_version: TLS10", "TLS10 is not spoken: RFC 8996"),
        (CERTIFIED + "min_version: TLS14", "'TLS14' is not possible here"),
        (CERTIFIED + "min_version: TLS13\n  max_version: TLS12", "web.yml:5: tls_server_config.max_version: is lower"),
        (CERTIFIED + "client_auth_type: RequireAnyClientCert", "which Python's ssl cannot do"),
        (CERTIFIED + "client_auth_type: RequestClientCert", "which Python's ssl cannot do"),
        (CERTIFIED + "client_auth_type: RequireAndVerifyClientCert", "needs client_ca_file"),
        (CERTIFIED + "client_ca_file: authority.crt", "of no use while no client certificate is asked for"),
        (CERTIFIED + "client_allowed_sans: [a]", "of no use while no client certificate is asked for"),
        (CERTIFIED + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "is not a suite that Go calls secure"),
        (CERTIFIED + "cipher_suites: [TLS_AES_128_GCM_SHA256]", "names no suite of TLS 1.2"),
        (CERTIFIED + "curve_preferences: [CurveP256, X25519]", "Python's ssl takes one"),
        (CERTIFIED + "curve_preferences: [CurveP257]", "Did you mean `CurveP256`?"),
        ("http_server_config:\n  http2: true", "web.yml:2: http_server_config.http2: HTTP/2 is not spoken here"),
        ("http_server_config:\n  headers:\n    X-Frame-Option: deny", "web.yml:3: http_server_config.headers."
         "X-Frame-Option: is not a key of web configuration files\n    Did you mean `X-Frame-Options`?"),
        ("http_server_config:\n  headers:\n    X-Frame-Options: foo", "'foo' is not possible here"),
        ('http_server_config:\n  headers:\n    X-XSS-Protection: "a\\r\\nb: c"', "is not a line of ASCII"),
        ("rate_limit: {interval: fast}", "'fast' is not a duration"),
        ("rate_limit: {interval: 1s}", "burst is 0"),
        ("basic_auth_users:\n  a: x\n  a: y", "web.yml:3: basic_auth_users.a: is written twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(folder: Path, text: str, message: str) -> None:
    assert message in refused(folder, text)


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path: Path) -> None:
    Authority(tmp_path).issue("server", "127.0.0.1", password="canary-password")
    said = refused(tmp_path, CERTIFIED)
    assert "tls_server_config.key_file: is encrypted, and nobody is here to type a password" in said


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth_users:\n  alice: canary-password\n",
        "basic_auth_users:\n  alice: [canary-password]\n",
        "basic_auth_users: canary-password\n",
        f"basic_auth_users:\n  'alice:canary-password': {HASH}\n",
        "tls_server_config:\n  cert_file: server.crt\n  min_version: canary-password-that-is-long\n",
        "rate_limit: {burst: canary-password}\n",
        "basic_auth_users: [canary-password]\n",
        "tls_server_config:\n  cert_file: server.crt\n  key: [canary-password]\n",
        "tls_server_config:\n  cert_file: server.crt\n  key: canary-password\n",
        f"basic_auth_users:\n  alice: $2x${HASH[4:]}-canary-password\n",
    ],
)
def test_a_secret_is_not_repeated(folder: Path, text: str) -> None:
    assert "canary" not in refused(folder, text)


def test_a_config_shows_no_hash_and_no_key() -> None:
    shown = repr(
        WebConfig(basic_auth_users={"alice": HASH}, tls_server_config=TlsServerConfig(key="canary", cert="c"))
    )
    assert HASH not in shown
    assert "canary" not in shown


def test_names_of_a_certificate_are_compared_as_go_writes_them() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls = Tls(context, frozenset({"2001:db8::1", "scraper.example"}), ())
    assert tls.admits({"subjectAltName": (("IP Address", "2001:DB8:0:0:0:0:0:1"),)})
    assert tls.admits({"subjectAltName": (("DNS", "other.example"), ("DNS", "scraper.example"))})
    assert not tls.admits({"subjectAltName": (("DNS", "sscraper.example"),)})
    assert not tls.admits(None)
    assert Tls(context, frozenset(), ()).admits(None)


_KEYS = [
    *WebConfig.model_fields,
    *TlsServerConfig.model_fields,
    *HttpServerConfig.model_fields,
    "interval",
    "burst",
    "X-Frame-Options",
    "junk",
]
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["TLS12", "1s", "server.crt", "server.key", "NoClientCert", HASH, "CurveP256"]),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(data=st.dictionaries(st.sampled_from(_KEYS), _values, max_size=5))
def test_any_file_is_taken_or_refused_with_places_and_remedies(folder: Path, data: dict[str, object]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    problems: list[Problem] = []
    try:
        config, tls = read(folder, text)
    except PlatformError as error:
        problems = error.problems
    else:
        assert (tls is None) == (config.tls_server_config is None)
    for problem in problems:
        assert problem.message
        assert problem.remedy
        assert 0 <= problem.line <= len(text.splitlines())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    key=st.sampled_from(sorted(TlsServerConfig.model_fields)),
    at=st.integers(0, 30),
    letter=st.sampled_from("xyz"),
)
def test_a_misspelt_key_is_found(folder: Path, key: str, at: int, letter: str) -> None:
    misspelt = key[: at % len(key)] + letter + key[at % len(key) :]
    said = refused(folder, f"basic_auth_users:\ntls_server_config:\n  {misspelt}: x\n")
    assert f"web.yml:3: tls_server_config.{misspelt}: is not a key" in said
    assert "Did you mean `" in said or len(key) <= 4


def test_deep_nesting_is_an_error_and_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("[" * 5000)
    with pytest.raises(PlatformError, match="nested deeper than"):
        load(file)
