"""Conditions on a server: what they mean, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from exporter.platform.conditions import Extension, Facts, names, term

FACTS = Facts(
    version=150018,
    relations=frozenset({"pg_locks", "pg_locks.waitstart"}),
    functions=frozenset({"pg_ls_tmpdir"}),
    roles=frozenset({"pg_monitor"}),
    extensions={"pg_stat_statements": Extension((1, 10), "extensions")},
    provider="neon",
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("pg_locks", True),
        ("pg_locks.waitstart", True),
        ("pg_locks.waitend", False),
        ("pg_stat_io", False),
        ("not pg_stat_io", True),
        ("function pg_ls_tmpdir", True),
        ("function pg_ls_waldir", False),
        ("member pg_monitor", True),
        ("member pg_read_all_data", False),
        ("server >= 14", True),
        ("server >= 15.18", True),
        ("server >= 15.19", False),
        ("server == 15", True),
        ("server < 15", False),
        ("server > 15", False),
        ("extension pg_stat_statements", True),
        ("extension pg_stat_statements >= 1.8", True),
        ("extension pg_stat_statements >= 1.11", False),
        ("not extension neon", True),
        ("provider neon", True),
        ("not provider neon", False),
        ("primary", True),
        ("standby", False),
        ("superuser", False),
    ],
)
def test_what_holds(condition: str, holds: bool) -> None:
    assert term(condition).holds(FACTS) is holds


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("server => 14", "is no condition"),
        ("extension pg_stat_statements 1.8", "is no condition"),
        ("pg_locks; drop table t", "is no condition"),
        ("not not primary", "is no condition"),
        ("", "is no condition"),
        ("provider neno", "is no provider"),
    ],
)
def test_what_is_refused(condition: str, says: str) -> None:
    with pytest.raises(PydanticCustomError, match=says):
        term(condition)


@given(st.tuples(st.integers(0, 99), st.integers(0, 99)), st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_versions_are_compared_as_numbers(have: tuple[int, int], want: tuple[int, int]) -> None:
    facts = Facts(extensions={"x": Extension(have, "public")})
    written = ".".join(map(str, want))
    assert term(f"extension x >= {written}").holds(facts) is (have >= want)
    assert term(f"extension x < {written}").holds(facts) is (have < want)


def test_names_of_one_kind() -> None:
    conditions = ["pg_locks.waitstart", "not pg_stat_io", "function f", "server >= 14"]
    assert names(conditions, "relation") == ["pg_locks", "pg_stat_io"]
    assert names(conditions, "function") == ["f"]
