"""Texts of statements without what may be a secret in them: literals, numbers, comments, values of settings.

pg_stat_statements writes parameters for the constants of a query, but keeps comments, and keeps utility statements
(`ALTER ROLE … PASSWORD '…'`) as they were sent. So the text is read here token by token, by the rules of PostgreSQL's
own scanner, and nothing but words, quoted identifiers, parameters and operators is kept.

Where the rules leave it open how a literal ends, the text ends: a backslash before a quote is part of the literal or
not depending on standard_conforming_strings, and the wrong guess would lay the next literal bare.
"""

import re
from collections.abc import Iterator

LONGEST = 500

_HIDDEN = "?"
_ROLES = ("ROLE", "USER", "GROUP")
# Every character beyond ASCII may stand in a name, and a dollar sign may from the second character on.
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\r\f\v]+ | --[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<literal>[eE]'(?:[^'\\] | \\. | '')*(?:'|\\?\Z))
    | (?P<plain>'(?:[^'] | '')*(?:'|\Z))
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
    | (?P<quoted>"(?:[^"] | "")*(?:"|\Z))
    | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<parameter>\$[0-9]+)
    | (?P<number>(?:[0-9][0-9A-Za-z_]*\.?[0-9_]* | \.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"[\x00-\x20]+")
_EDGE = re.compile(r"/\*|\*/")


def scrub(text: str) -> str:
    """Return the statement in one line of at most LONGEST characters, `?` for each literal, without comments."""
    out: list[str] = []
    words: list[str] = []
    setting = password = False
    for kind, found in tokens(text):
        if kind == "space":
            out.append(" ")
            continue
        word = found.upper() if kind == "word" else ""
        if word:
            words.append(word)
        hidden = kind in ("literal", "number") or (password and word != "NULL")
        out.append(_HIDDEN if hidden else found)
        if setting and (word == "TO" or found == "="):
            out.append(f" {_HIDDEN}")
            break
        password = word == "PASSWORD" and words[0] in ("ALTER", "CREATE") and words[1] in _ROLES
        setting = setting or (word == "SET" and words[0] in ("ALTER", "CREATE", "SET"))
    line = _SPACE.sub(" ", "".join(out)).strip()
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each token; a comment is a space. Ends after a literal whose end is not sure."""
    place = 0
    while match := _TOKEN.match(text, place):
        kind, found = str(match.lastgroup), match.group()
        place = match.end()
        if kind == "comment":
            place = _comment_end(text, place)
            yield "space", " "
        elif kind == "dollar":
            end = text.find(found, place)
            place = len(text) if end < 0 else end + len(found)
            yield "literal", found
        elif kind == "plain":
            if "\\'" in found:
                place = len(text)
            yield "literal", found
        else:
            yield kind, found


def _comment_end(text: str, place: int) -> int:
    """Return where the comment that was opened before `place` ends: comments may hold comments."""
    depth = 1
    for edge in _EDGE.finditer(text, place):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)
