"""Profiles of providers: whose server it is, and what that changes."""

import pytest

from exporter.engine.source import SourceError
from exporter.platform.conditions import PROVIDERS
from exporter.platform.values import Secret
from exporter.sources.postgres.collector import builtin
from exporter.sources.postgres.profiles import guess, load, profiles


@pytest.mark.parametrize(
    ("dsn", "provider"),
    [
        ("postgresql://u:p@ep-cool-darkness-123456.us-east-2.aws.neon.tech/db", "neon"),
        ("postgresql://u:p@ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech/db", "neon"),
        ("postgresql://u:p@db.abcdefghijklmnopqrst.supabase.co:5432/postgres", "supabase"),
        ("postgresql://u.abc:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", "supabase"),
        ("host=shop.cluster-c0ffee.eu-west-1.rds.amazonaws.com user=u", "aurora"),
        ("host=shop.cluster-ro-c0ffee.eu-west-1.rds.amazonaws.com user=u", "aurora"),
        ("host=shop.c0ffee.eu-west-1.rds.amazonaws.com user=u", "rds"),
        ("host=SHOP.C0FFEE.EU-WEST-1.RDS.AMAZONAWS.COM user=u", "rds"),
        ("host=/cloudsql/project:region:shop user=u", "cloudsql"),
        ("host=a1b2.c3d4.europe-west3.sql.goog user=u", "cloudsql"),
        ("host=neon.tech.example.org user=u", "generic"),
        ("host=10.0.0.5,shop.c0ffee.eu-west-1.rds.amazonaws.com", "generic"),
        ("", "generic"),
    ],
)
def test_who_runs_a_server_is_guessed_by_its_host(
    dsn: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSN", dsn or "dbname=postgres")
    assert guess(Secret("env", "DSN")) == provider


def test_a_secret_that_cannot_be_read_is_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for `generic` until the next restart."""
    monkeypatch.delenv("DSN", raising=False)
    with pytest.raises(SourceError) as caught:
        guess(Secret("env", "DSN"))
    assert caught.value.reason == "auth"
    monkeypatch.setenv("DSN", "this is no connection string")
    with pytest.raises(SourceError) as caught:
        guess(Secret("env", "DSN"))
    assert caught.value.reason == "rejected"


def test_each_provider_has_a_profile_and_generic_is_last() -> None:
    assert set(profiles()) == set(PROVIDERS)
    assert list(profiles())[-1] == "generic"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_profiles_switch_collectors_that_exist(provider: str) -> None:
    profile = load(provider)  # type: ignore[arg-type]  # parametrize loses the literal
    known = {collector.name for collector in builtin()}
    assert {*profile.without, *profile.also} <= known
    assert not profile.without.keys() & profile.also.keys()


def test_the_platform_file_has_the_last_word() -> None:
    collector = builtin()[0]
    profile = load("generic")
    assert profile.enables(collector, None)
    assert not profile.enables(collector, False)
    assert profile.enables(collector, True)
