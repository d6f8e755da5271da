"""TLS as Prometheus' web configuration describes it. What Python's ssl cannot do is refused, not passed over."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from exporter.platform.problems import suggestion
from exporter.server.webconfig.model import TlsServerConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_ALWAYS_ON = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
"""TLS 1.3 has these alone, and neither Go nor Python lets them be chosen; listing them changes nothing."""

_CIPHERS = {
    f"TLS_ECDHE_{kind}_WITH_{go}": f"ECDHE-{kind}-{openssl}"
    for kind in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
    )
}
"""Suites of TLS 1.2 that Go calls secure, with OpenSSL's names."""


class TlsError(ValueError):
    """The section `tls_server_config` cannot be done. `key` is the key to mend."""

    def __init__(self, key: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.key = key
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Tls:
    """How connections are secured. `allowed_sans` empty: any client that passes the handshake is let in."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str]
    files: tuple[Path, ...]
    """What was read, so that changes are noticed."""

    def admits(self, certificate: dict[str, Any] | None) -> bool:
        """Say whether the client with this certificate, as SSLSocket.getpeercert returns it, may go on."""
        if not self.allowed_sans:
            return True
        names = (_san(kind, value) for kind, value in (certificate or {}).get("subjectAltName", ()))
        return not self.allowed_sans.isdisjoint(names)


def _san(kind: str, value: str) -> str:
    if kind != "IP Address":
        return value
    try:
        return str(ip_address(value.strip()))  # OpenSSL writes IPv6 in capitals and in full
    except ValueError:
        return value


def context(config: TlsServerConfig, folder: Path) -> Tls:
    """Return the TLS settings that `config` describes; relative file names are taken from `folder`.

    Raises TlsError.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    _versions(made, config)
    _ciphers(made, config)
    _curves(made, config)
    files = [*_certificate(made, config, folder), *_clients(made, config, folder)]
    return Tls(made, frozenset(config.client_allowed_sans), tuple(files))


def _versions(made: ssl.SSLContext, config: TlsServerConfig) -> None:
    least, most = _VERSIONS[config.min_version], _VERSIONS[config.max_version]
    if most < least:
        raise TlsError("max_version", "is lower than min_version", "Raise it, or lower min_version.")
    made.minimum_version, made.maximum_version = least, most
    if not config.prefer_server_cipher_suites:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _ciphers(made: ssl.SSLContext, config: TlsServerConfig) -> None:
    if not config.cipher_suites:
        return
    for name in config.cipher_suites:
        if name not in _CIPHERS and name not in _ALWAYS_ON:
            remedy = suggestion(name, _CIPHERS.keys() | _ALWAYS_ON)
            raise TlsError("cipher_suites", f"{name!r} is not a suite that Go calls secure", remedy)
    wanted = [_CIPHERS[name] for name in config.cipher_suites if name in _CIPHERS]
    if not wanted:
        if config.min_version == "TLS13":
            return
        raise TlsError(
            "cipher_suites",
            "names no suite of TLS 1.2, which is spoken too",
            "Add `min_version: TLS13`, or a suite such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.",
        )
    try:
        made.set_ciphers(":".join(wanted))
    except ssl.SSLError as error:
        remedy = "Choose others; `openssl ciphers` lists what it has."
        raise TlsError("cipher_suites", "has none that OpenSSL allows here", remedy) from error
    if missing := set(wanted) - {cipher["name"] for cipher in made.get_ciphers()}:
        raise TlsError(
            "cipher_suites", f"OpenSSL does not allow {', '.join(sorted(missing))} here", "Leave them out."
        )


def _curves(made: ssl.SSLContext, config: TlsServerConfig) -> None:
    for name in config.curve_preferences:
        if name not in _CURVES:
            raise TlsError("curve_preferences", f"{name!r} is not a curve", suggestion(name, _CURVES))
    match config.curve_preferences:
        case ():
            return
        case (name,):
            try:
                made.set_ecdh_curve(_CURVES[name])
            except (ValueError, ssl.SSLError) as error:
                raise TlsError(
                    "curve_preferences", f"this Python's OpenSSL cannot use {name} alone", "Write CurveP256."
                ) from error
        case _:
            raise TlsError(
                "curve_preferences",
                "names several curves, and Python's ssl takes one",
                "Name one, or leave the key out: OpenSSL then offers all of them.",
            )


def _certificate(made: ssl.SSLContext, config: TlsServerConfig, folder: Path) -> list[Path]:
    _one_of("cert", config.cert, config.cert_file, needed=True)
    _one_of("key", config.key, config.key_file, needed=True)
    with (
        _file("cert_file", config.cert, config.cert_file, folder) as cert,
        _file("key_file", config.key, config.key_file, folder) as key,
    ):
        try:
            made.load_cert_chain(cert, key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            at = "key_file" if config.key is None else "key"
            what = {
                "KEY_VALUES_MISMATCH": "is not the key of the certificate",
                "NO_PASSWORD": "is encrypted, and nobody is here to type a password",
            }.get(getattr(error, "reason", None) or "NO_PASSWORD", "or the certificate is not PEM")
            raise TlsError(
                at, what, "Give certificate and key as PEM, the key without a password."
            ) from error
    return [folder / name for name in (config.cert_file, config.key_file) if name is not None]


def _clients(made: ssl.SSLContext, config: TlsServerConfig, folder: Path) -> list[Path]:
    _one_of("client_ca", config.client_ca, config.client_ca_file, needed=False)
    given = config.client_ca is not None or config.client_ca_file is not None
    if config.client_auth_type == "NoClientCert":
        for key in ("client_ca", "client_ca_file", "client_allowed_sans"):
            if getattr(config, key):
                remedy = "Add `client_auth_type: RequireAndVerifyClientCert`."
                raise TlsError(key, "is of no use while no client certificate is asked for", remedy)
        return []
    needed = config.client_auth_type == "RequireAndVerifyClientCert"
    if needed and not given:
        # The toolkit would trust every public authority here, which lets in the whole world.
        raise TlsError(
            "client_auth_type", "needs client_ca_file", "Name the file of your clients' authority."
        )
    made.verify_mode = ssl.CERT_REQUIRED if needed else ssl.CERT_OPTIONAL
    if not given:
        made.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return []
    with _file("client_ca_file", config.client_ca, config.client_ca_file, folder) as authority:
        try:
            made.load_verify_locations(authority)
        except ssl.SSLError as error:
            at = "client_ca_file" if config.client_ca is None else "client_ca"
            raise TlsError(at, "is not a PEM certificate", "Give the authority as PEM.") from error
    return [] if config.client_ca_file is None else [folder / config.client_ca_file]


def _one_of(key: str, text: str | None, file: str | None, *, needed: bool) -> None:
    if text is not None and file is not None:
        raise TlsError(key, f"stands beside {key}_file", "Keep one of the two.")
    if needed and text is None and file is None:
        raise TlsError(f"{key}_file", "is missing", f"Add `{key}_file: server.{key.replace('cert', 'crt')}`.")


@contextmanager
def _file(key: str, text: str | None, name: str | None, folder: Path) -> Iterator[str]:
    """Give the path of a readable file. A text that stands in the configuration is held in memory, on no disk."""
    if name is not None:
        try:
            (folder / name).open("rb").close()
        except OSError as error:
            raise TlsError(
                key, f"{folder / name} cannot be read: {error.strerror}", "Name a file that is there."
            ) from error
        yield str(folder / name)
        return
    memory = os.memfd_create(key)
    try:
        os.write(memory, (text or "").encode())
        yield f"/proc/self/fd/{memory}"
    finally:
        os.close(memory)


def _no_password() -> str:
    raise ValueError("a password is needed")  # else OpenSSL asks for it on the terminal
