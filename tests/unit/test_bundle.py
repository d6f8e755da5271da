"""Jsonnet files as one program: the same result as with imports, each file once, and plain words for what is wrong."""

import json
from pathlib import Path

import _jsonnet
import pytest

from exporter.generate.bundle import bundle


def _write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.libsonnet").write_text(text)
    return folder / "main.libsonnet"


def test_the_result_is_that_of_imports(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text('it\'s "quoted"\n')
    main = _write(
        tmp_path,
        main="// import 'nothing.libsonnet' is only talked about\n"
        "local a = import 'a.libsonnet'; { a: a, b: (import 'b.libsonnet')(2), page: importstr 'page.txt' }",
        a="{ one: 1, b: (import 'b.libsonnet')(1) }",
        b="local unit = 10; function(x) x * unit",
    )
    program = bundle(main, tmp_path)
    assert program.count("local unit") == 1
    bundled = json.loads(_jsonnet.evaluate_snippet("bundle", program))
    assert bundled == json.loads(_jsonnet.evaluate_file(str(main)))
    assert bundled["b"] == 20


def test_the_standard_library_is_asked_by_local_variables(tmp_path: Path) -> None:
    main = _write(
        tmp_path,
        main="""local it = 'it\\'s std.length('; // std.length(it) isn't asked
        { n: std.length(it), map: std.map(function(x) std.length(x), [it, "std.map"]), it: it, block: |||
            std.join is told of
        ||| + std.toString(1), /* std.member */ std: { map: 1 }.map }""",
    )
    program = bundle(main, tmp_path)
    assert program.startswith("local std_length = std.length; local std_map = std.map; local std_toString = ")
    assert "std.join" in program
    assert program.count("std.length") == 3
    bundled = json.loads(_jsonnet.evaluate_snippet("bundle", program))
    assert bundled == json.loads(_jsonnet.evaluate_file(str(main)))
    assert bundled["n"] == len("it's std.length(")


@pytest.mark.parametrize(
    "text",
    [
        "@'a\\', b: 'std.length'",
        '@"a\\", b: "std.length"',
        "@'it''s std.length', b: std.length('ab')",
        "'it\\'s std.length', b: std.length('ab')",
        "1, # it's std.length\n b: 'std.map'",
        "{ std: { length: 7 } }, b: self.a.std.length",
    ],
)
def test_texts_that_look_like_the_library_are_left_alone(tmp_path: Path, text: str) -> None:
    main = _write(tmp_path, main="{ a: " + text + " }")
    bundled = json.loads(_jsonnet.evaluate_snippet("bundle", bundle(main, tmp_path)))
    assert bundled == json.loads(_jsonnet.evaluate_file(str(main)))


@pytest.mark.parametrize(
    "program",
    [
        "local std = { length(x): 7 }; std.length('a')",
        "local f(std) = std.length; f({ length: 7 })",
        "local f = function(a, std={ length: 7 }) std.length; f(1)",
        "local f(library) = library.length('a'); f(std)",
    ],
)
def test_another_library_of_that_name_is_refused(tmp_path: Path, program: str) -> None:
    with pytest.raises(ValueError, match="std is the standard library"):
        bundle(_write(tmp_path, main=program), tmp_path)


def test_files_of_the_folder_are_found_from_anywhere(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "deep.libsonnet").write_text("7")
    main = _write(tmp_path, main="import 'library/deep.libsonnet'")
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = _write(other, main="import 'library/deep.libsonnet'")
    assert json.loads(_jsonnet.evaluate_snippet("a", bundle(main, tmp_path))) == 7
    assert json.loads(_jsonnet.evaluate_snippet("b", bundle(elsewhere, tmp_path))) == 7


def test_imports_that_lead_nowhere_or_back_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.libsonnet is in none of"):
        bundle(_write(tmp_path, main="import 'gone.libsonnet'"), tmp_path)
    with pytest.raises(ValueError, match="imports itself"):
        bundle(_write(tmp_path, main="import 'a.libsonnet'", a="import 'main.libsonnet'"), tmp_path)
