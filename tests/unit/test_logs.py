"""Each line of the log is one JSON object, whatever is in it, and no secret is."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest

from exporter.logs import Log
from exporter.platform import values
from exporter.platform.values import conceal


@pytest.fixture(autouse=True)
def everything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Log, "least", 0)
    monkeypatch.setattr(values, "_revealed", set())


def written(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    line: dict[str, Any] = json.loads(capfd.readouterr().err, parse_constant=refuse)
    return line


def test_a_secret_of_digits_spoils_neither_numbers_nor_times(capfd: pytest.CaptureFixture[str]) -> None:
    for digits in ("1234", "0000", *(str(year) for year in range(2020, 2040))):
        conceal(digits)
    Log().info("http.request", duration_seconds=0.001234, status=1234, path="/1234/x")
    line = written(capfd)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "service": "platform-exporter",
        "action": "http.request",
        "duration_seconds": 0.001234,
        "status": 1234,
        "path": "/***/x",
    }


def fail(secret: str) -> None:
    raise ValueError(f"cannot reach {secret}")


@pytest.mark.parametrize("secret", ["canary", 'ca"na\\ry', "ca\nna\try", "cänary€", "{canary}"])
def test_no_secret_is_in_any_kind_of_field(secret: str, capfd: pytest.CaptureFixture[str]) -> None:
    conceal(secret)
    try:
        fail(secret)
    except ValueError as error:
        Log().exception(
            "source.defect",
            text=f"a {secret} b",
            quoted=repr(secret),
            nested=[{"deep": (secret, {secret: secret})}],
            error=error,
            odd={secret},
            path=Path("/x") / secret,
        )
    line = written(capfd)
    assert line["text"] == "a *** b"
    assert line["nested"] == [{"deep": ["***", {"***": "***"}]}]
    assert line["error"] == "ValueError('cannot reach ***')"
    assert line["exception"].endswith("ValueError: cannot reach ***")
    text = json.dumps(line, ensure_ascii=False)
    assert "ary" not in text
    assert text.count("***") == 9


def test_what_json_has_no_number_for_is_text(capfd: pytest.CaptureFixture[str]) -> None:
    Log().info("x", none=math.nan, most=math.inf, least=-math.inf, nothing=None, yes=True)
    line = written(capfd)
    assert [line[key] for key in ("none", "most", "least", "nothing", "yes")] == [
        "nan",
        "inf",
        "-inf",
        None,
        True,
    ]


def test_what_was_lost_is_told_of_and_a_torn_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads for a while: what fits in the pipe is whole, but for the last line."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "w") as writer:
        monkeypatch.setattr("sys.stderr", writer)
        for number in range(30):
            Log().info("long", number=number, text="x" * 9000)
        seen = os.read(reader.fileno(), 1 << 20)
        Log().info("after")
        seen += os.read(reader.fileno(), 1 << 20)
    *whole, torn, lost, after = seen.decode().splitlines()
    assert [json.loads(line)["number"] for line in whole] == list(range(len(whole)))
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert json.loads(lost)["action"] == "log.lost"
    assert json.loads(lost)["lines"] == 30 - len(whole)
    assert json.loads(after)["action"] == "after"
