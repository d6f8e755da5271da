"""Each line of the log is one JSON object, whatever is in it, and no secret is."""

import json
import logging
import math
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter import logs
from exporter.logs import Log
from exporter.platform import values
from exporter.platform.values import conceal
from tests.support.logged import said
from tests.support.process import wait_until


@pytest.fixture(autouse=True)
def everything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Log, "least", 0)
    monkeypatch.setattr(values, "_revealed", set())


@pytest.fixture
def configured() -> Iterator[None]:
    """Put back what the process does with warnings and defects."""
    hooks = threading.excepthook, sys.unraisablehook
    logs.configure()
    yield
    threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    logging.getLogger().handlers.clear()


def written(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    line: dict[str, Any] = json.loads(said(capfd), parse_constant=refuse)
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


def test_nothing_is_lost_while_somebody_reads_and_what_is_lost_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody reads for a while: what a pipe and the queue hold comes through, the rest is told of."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "w") as writer:
        monkeypatch.setattr("sys.stderr", writer)
        for number in range(40):
            Log().info("long", number=number, text="x" * 50_000)
        seen = [json.loads(reader.readline()) for _ in range(15)]
        wait_until(lambda: logs._out._size < 500_000, 10, "room among what waits")
        Log().info("after")
        while seen[-1]["action"] != "after":
            seen.append(json.loads(reader.readline()))
        logs.flush(10)
    lost = sum(line["lines"] for line in seen if line["action"] == "log.lost")
    numbers = [line["number"] for line in seen if line["action"] == "long"]
    assert numbers == sorted(set(numbers)), "each once, in their order"
    assert len(numbers) + lost == 40
    assert lost > 0


def test_a_disk_that_was_full_costs_lines_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full, (tmp_path / "log").open("w") as good:
        monkeypatch.setattr("sys.stderr", full)
        for _ in range(3):
            Log().info("lost")
        logs.flush(10)
        monkeypatch.setattr("sys.stderr", good)
        Log().info("after")
        Log().info("more")
        logs.flush(10)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["action"] for line in lines] == ["log.lost", "after", "more"]
    assert lines[0]["lines"] == 3


@pytest.mark.usefixtures("configured")
def test_what_libraries_say_is_one_of_our_lines(capfd: pytest.CaptureFixture[str]) -> None:
    conceal("Sup3rS3cret")
    logging.getLogger("asyncio").error("nobody took %s", "postgresql://u:Sup3rS3cret@h")
    line = json.loads(said(capfd))
    assert (line["action"], line["logger"], line["level"]) == ("library.said", "asyncio", "error")
    assert line["message"] == "nobody took postgresql://u:***@h"


@pytest.mark.usefixtures("configured")
def test_what_nobody_catches_is_one_of_our_lines_too(capfd: pytest.CaptureFixture[str]) -> None:
    conceal("Sup3rS3cret")

    def fail() -> None:
        raise ValueError("postgresql://u:Sup3rS3cret@h")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    line = json.loads(said(capfd))
    assert line["action"] == "defect"
    assert line["exception"].endswith("ValueError: postgresql://u:***@h")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("Sup3rS3cret is out of use", stacklevel=1)
    assert "*** is out of use" in json.loads(said(capfd))["message"]


@pytest.mark.usefixtures("configured")
def test_a_library_does_not_fail_of_its_own_message(capfd: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("library", logging.ERROR, "", 0, "%d of %d", ("two",), None)
    logs._Libraries().handle(record)  # pytest's own handler does fail of it
    assert json.loads(said(capfd))["message"] == "%d of %d ('two',)"
