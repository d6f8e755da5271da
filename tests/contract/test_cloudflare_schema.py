"""The stand-in's schema holds nothing that Cloudflare's own does not.

`cloudflare_members.txt` lists what was taken from the published schema, a line a member, so that this test needs
no copy of it. With CLOUDFLARE_SCHEMA naming such a copy (a .graphql file) that one is compared too.
"""

import os
import re
from importlib.resources import files
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("cloudflare_members.txt")
_BLOCK = re.compile(r"^(?:type|input|enum) (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_TEXT = re.compile(r'"""(?:[^"]|"(?!""))*"""\n?')
_DEPRECATED = re.compile(r" @deprecated\(.*\)")


def members(schema: str) -> set[str]:
    """Return `Type.member(arguments): type` of each member, and `scalar Name` of each scalar."""
    plain = _TEXT.sub("", schema)
    found = {f"scalar {name}" for name in re.findall(r"^scalar (\w+)", plain, re.MULTILINE)}
    for name, body in _BLOCK.findall(plain):
        lines = (_DEPRECATED.sub("", line.strip()) for line in body.splitlines())
        found.update(f"{name}.{line}" for line in lines if line)
    return found


def served() -> set[str]:
    return members(files("exporter.demo").joinpath("cloudflare", "schema.graphql").read_text())


def published() -> list[tuple[str, set[str]]]:
    sources = [("the committed list", set(LIST.read_text().splitlines()))]
    if path := os.environ.get("CLOUDFLARE_SCHEMA"):
        sources.append((path, members(Path(path).read_text())))
    return sources


@pytest.mark.parametrize(("source", "known"), published())
def test_everything_that_is_served_exists_at_the_vendor(source: str, known: set[str]) -> None:
    assert served() - known == set(), f"not in {source}"


def test_the_reader_finds_members_through_comments_and_deprecations() -> None:
    node = 'type t {\n  """the old one"""\n  a(x: int!): [b!]! @deprecated(reason: "c")\n}\n'
    schema = f'"""\nA "quoted" node\n"""\n{node}scalar b'
    assert members(schema) == {"t.a(x: int!): [b!]!", "scalar b"}


def test_what_is_served_is_enough_to_group_filter_and_order() -> None:
    names = {member.partition(":")[0] for member in served()}
    node = "AccountWorkersInvocationsAdaptive"
    assert {f"{node}Sum.requests", f"{node}Dimensions.scriptName", f"{node}Quantiles.wallTimeP999"} <= names
    assert {f"{node}Filter_InputObject.datetime_geq", f"{node}Filter_InputObject.datetime_lt"} <= names
    assert f"{node}OrderBy.sum_requests_DESC" in names
