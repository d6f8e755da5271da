"""The web configuration file as it is written: keys, types and defaults of exporter-toolkit 0.17."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from exporter.platform.base import Part
from exporter.platform.values import fault
from exporter.server.webconfig.values import GoDuration, Hash, HeaderValue, OnlyHttp1, User

ClientAuth = Literal[
    "NoClientCert",
    "RequestClientCert",
    "RequireClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


class _Optional(Part):
    """A mapping in which a key without a value, or with an empty text, is a key that is not there."""

    @model_validator(mode="before")
    @classmethod
    def _unset(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {
            key: value
            for key, value in data.items()
            if key not in known or (value is not None and value != "")
        }


class TlsServerConfig(_Optional):
    """Certificate of the server, and what is asked of clients."""

    cert: str | None = Field(default=None, repr=False)
    key: str | None = Field(default=None, repr=False)
    client_ca: str | None = Field(default=None, repr=False)
    cert_file: str | None = None
    key_file: str | None = None
    client_ca_file: str | None = None
    client_auth_type: ClientAuth = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    @field_validator("client_allowed_sans", "cipher_suites", "curve_preferences", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("client_auth_type")
    @classmethod
    def _can_be_asked(cls, value: ClientAuth) -> ClientAuth:
        if value in ("RequestClientCert", "RequireClientCert", "RequireAnyClientCert"):
            raise fault(
                "client_auth_type",
                f"{value} takes certificates without verifying them, which Python's ssl cannot do",
                "Write RequireAndVerifyClientCert or VerifyClientCertIfGiven, and client_ca_file.",
            )
        return value

    @field_validator("min_version", "max_version")
    @classmethod
    def _is_spoken(cls, value: TlsVersion, info: ValidationInfo) -> TlsVersion:
        if value in ("TLS10", "TLS11"):
            raise fault(
                "tls_version",
                f"{value} is not spoken: RFC 8996 withdrew it, and OpenSSL refuses it",
                f"Write {info.field_name}: TLS12 or TLS13.",
            )
        return value


class Headers(_Optional):
    """The headers that can be added to every answer."""

    content_security_policy: HeaderValue | None = Field(default=None, alias="Content-Security-Policy")
    strict_transport_security: HeaderValue | None = Field(default=None, alias="Strict-Transport-Security")
    x_content_type_options: Literal["nosniff"] | None = Field(default=None, alias="X-Content-Type-Options")
    x_frame_options: Literal["deny", "sameorigin"] | None = Field(default=None, alias="X-Frame-Options")
    x_xss_protection: HeaderValue | None = Field(default=None, alias="X-XSS-Protection")


class HttpServerConfig(_Optional):
    """Protocol and headers of answers."""

    http2: OnlyHttp1 = False
    headers: Headers = Headers()


class RateLimit(_Optional):
    """A token bucket over all requests: one token each `interval` seconds, at most `burst` of them saved."""

    interval: GoDuration = 0.0
    burst: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _lets_something_through(self) -> Self:
        if self.interval and not self.burst:
            raise fault("burst", "would refuse every request: burst is 0", "Add `burst: 20`.")
        return self


class WebConfig(_Optional):
    """The file. `tls_server_config` is None when it is absent or empty: plain HTTP."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[User, Hash] = Field(default={}, repr=False)
    rate_limit: RateLimit = RateLimit()

    @field_validator("tls_server_config", mode="before")
    @classmethod
    def _empty_is_plain(cls, value: Any) -> Any:
        return None if value == {} else value
