"""Durations, sizes, shares and secrets as people write them."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from exporter.platform.values import Duration, HostPort, Ratio, Secret, Size, Url, plain, redact


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604800),
        ("2w", 1209600),
        ("7y", 220752000),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@given(st.integers(min_value=0, max_value=10**11))
def test_a_duration_written_and_read_again_is_the_same(milliseconds: int) -> None:
    duration = Duration(milliseconds / 1000)
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize("text", ["", "30", "30 s", "s", "-5s", "1.5h", "five minutes", 30, None])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a duration"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("512KiB", 524288), ("1.5MiB", 1572864), ("10 GB", 10**10)]
)
def test_sizes(text: str, size: int) -> None:
    assert Size.parse(text) == size


def test_shares_are_exact() -> None:
    assert Ratio.parse("99.95%") == Decimal("0.9995")
    assert plain(1 - Ratio.parse("99.95%")) == "0.0005"
    assert Ratio.parse("99.950%").percent == "99.95%"


@pytest.mark.parametrize("text", ["101%", "0.99", "99.9", "%", "-1%", 0.99])
def test_what_is_no_share(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a share"):
        Ratio.parse(text)


def test_an_address_takes_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "https://shop.example")
    monkeypatch.delenv("SHOP_PORT", raising=False)
    assert Url.parse("${env:SHOP}/health") == "https://shop.example/health"
    assert Url.parse("http://shop.example:${env:SHOP_PORT:-8080}") == "http://shop.example:8080"


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(PydanticCustomError) as caught:
        Url.parse("https://user:canary@shop.example/")
    assert "canary" not in str(caught.value)


def test_a_secret_never_shows_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSN", "postgresql://exporter:canary-p@ss@db.example/shop")
    secret = Secret.parse("${env:DSN}")
    assert secret.reveal().startswith("postgresql://")
    assert repr(secret) == str(secret) == f"{secret}" == "${env:DSN}"
    assert redact(f"cannot reach {secret.reveal()}") == "cannot reach ***"


def test_a_file_secret_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path))
    (tmp_path / "token").write_text("first-token\n")
    secret = Secret.parse("${file:token}")
    assert secret.reveal() == "first-token"
    (tmp_path / "token").write_text("second-token")
    assert secret.reveal() == "second-token"
    (tmp_path / "token").unlink()
    with pytest.raises(PydanticCustomError, match="cannot be read"):
        secret.reveal()


def test_a_secret_from_the_environment_loses_the_line_break_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "canary-token\n")
    assert Secret.parse("${env:TOKEN}").reveal() == "canary-token"


def test_a_secret_with_a_line_break_inside_is_refused_and_still_redacted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "canary-one\ncanary-two")
    with pytest.raises(PydanticCustomError, match="holds a line break") as caught:
        Secret.parse("${env:TOKEN}").reveal()
    assert "canary" not in str(caught.value)
    assert (
        redact(r"Illegal header value b'Bearer canary-one\ncanary-two'")
        == "Illegal header value b'Bearer ***'"
    )


def test_a_secret_file_that_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_SECRETS_DIR", str(tmp_path))
    (tmp_path / "token").write_bytes(b"\xff\xfetok")
    with pytest.raises(PydanticCustomError, match="is not UTF-8 text"):
        Secret.parse("${file:token}").reveal()


@pytest.mark.parametrize("text", ["shop:0", "shop:99999", "http://shop:80", "shop", ":80", "a b:80"])
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        HostPort.parse(text)


@pytest.mark.parametrize("text", ["shop.example:80", "127.0.0.1:9780", "[::1]:9780"])
def test_host_and_port(text: str) -> None:
    assert HostPort.parse(text) == text
