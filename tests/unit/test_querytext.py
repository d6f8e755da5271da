"""Texts of statements: legible, and without any secret that somebody wrote into a literal or a comment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.postgres.querytext import LONGEST, scrub

CANARY = "canary7f3a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT a, b FROM t WHERE c = $1 AND d > $2", "SELECT a, b FROM t WHERE c = $1 AND d > $2"),
        ("select 'it''s', 42, 1.5e-3, .5, 0xff", "select ?, ?, ?, ?, ?"),
        ("select 1 -- who asked\nfrom  t /* /* nested */ still */ where x", "select ? from t where x"),
        ("select E'a\\'b', U&'d\\0061t', B'01', n'x'", "select ?, U&?, B?, n?"),
        ('select "a ""quoted"" name", t1.c2 from "T"', 'select "a ""quoted"" name", t1.c2 from "T"'),
        ("do $$ begin perform 1; end $$", "do ?"),
        ("select $tag$ a $$ b $tag$, $1", "select ?, $1"),
        ("select a$b$ from t where c = 'x $b$ y'", "select a$b$ from t where c = ?"),
        ("select größe from straße where ß$x$ = 'x'", "select größe from straße where ß$x$ = ?"),
        (
            "ALTER ROLE app WITH LOGIN PASSWORD 'x' VALID UNTIL 'y'",
            "ALTER ROLE app WITH LOGIN PASSWORD ? VALID UNTIL ?",
        ),
        ("create user app password null", "create user app password null"),
        ("create user app password md5abc", "create user app password ?"),
        ("select password from users where id = $1", "select password from users where id = $1"),
        ("SET my.token = abcdef", "SET my.token = ?"),
        ("alter role app set my.token to abcdef", "alter role app set my.token to ?"),
        ("update t set a = $1 where b = $2", "update t set a = $1 where b = $2"),
        ("select 'C:\\', secret", "select ?"),
        ("select 'never ends", "select ?"),
        ("select $a$ never ends", "select ?"),
        ("select 1 /* never ends", "select ?"),
        ('select "two\nlines"', 'select "two lines"'),
        ("password", "password"),
        ("", ""),
    ],
)
def test_what_is_left_of_a_statement(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_a_long_statement_is_cut() -> None:
    assert len(scrub("select " + "a, " * 1000)) == LONGEST


ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
AROUND = st.tuples(ANYTHING, ANYTHING).map(lambda pair: f"{pair[0]}{CANARY}{pair[1]}")
TAG = st.from_regex(r"([a-z_][a-z0-9_]*)?", fullmatch=True).map(lambda tag: f"${tag}$")


def _standard(inside: str) -> str:
    return "'" + inside.replace("'", "''") + "'"


def _escaped(inside: str) -> str:
    return "E'" + inside.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _backslashed(inside: str) -> str:
    """Write a literal as one had to with standard_conforming_strings off."""
    return "'" + inside.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _dollars(inside: str, tag: str) -> str:
    quote = "$q" + tag[1:] if "$" in inside else tag
    return f"{quote}{inside.replace('$', '')}{quote}"


def _block(inside: str) -> str:
    return "/* " + inside.replace("*/", "").replace("/*", "").rstrip("*/") + " */"


def _line(inside: str) -> str:
    return "-- " + inside.replace("\n", " ").replace("\r", " ") + "\n"


SECRETS = st.one_of(
    AROUND.map(_standard),
    AROUND.map(_escaped),
    AROUND.map(_backslashed),
    st.builds(_dollars, AROUND, TAG),
    AROUND.map(_block),
    AROUND.map(_line),
    AROUND.map(_standard).map(lambda literal: f" PASSWORD {literal} "),
)
PLAIN = st.sampled_from(
    [
        "select ",
        " a ",
        ", ",
        " = ",
        "$1",
        " 42 ",
        ' "quoted name" ',
        "(",
        ")",
        "\n",
        " x$y$ ",
        "::text",
        " größe ",
        "''",
    ]
)


@given(st.lists(st.one_of(SECRETS, PLAIN), max_size=12))
def test_no_secret_in_a_literal_or_a_comment_survives(pieces: list[str]) -> None:
    assert CANARY not in scrub(" ".join(pieces))


@given(st.text())
def test_any_text_gives_one_short_line(text: str) -> None:
    shown = scrub(text)
    assert len(shown) <= LONGEST
    assert "\n" not in shown
