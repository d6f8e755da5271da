"""What `explain` prints of what a vendor says."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from exporter import explain as module
from exporter.engine.families import Collected, Family
from exporter.engine.source import Source, SourceError
from exporter.engine.trace import note
from exporter.explain import explain
from exporter.platform.load import load

NASTY = "db\x1b]0;pwned\x07\x1b[2J\r\x0b\x85# HELP 'HH24:m:SS' [red]x[/]:key:\\"
CHECK = Family("check_ok", "gauge", "Whether it is well.", ("check",))


class Nasty(Source):
    """Answers with what would move a terminal's cursor, in each place where something is printed."""

    fails = False

    async def collect(self) -> Collected:
        note(f"asked {NASTY}", f"first\n\tsecond [bold] {NASTY}")
        if self.fails:
            raise SourceError("http_status", f"500\n{NASTY}", remedy=f"Mend it. {NASTY}")
        return self.down()

    def down(self) -> Collected:
        out = Collected()
        out.set(CHECK, 0, NASTY)
        return out


@pytest.mark.parametrize("fails", [False, True])
async def test_what_a_vendor_says_moves_no_cursor(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Nasty("api", every=60, timeout=60)
    source.fails = fails
    monkeypatch.setattr(module, "build_sources", lambda _: [source])
    (file := tmp_path / "platform.yml").write_text("platform: test\nsources: {}\n")
    told = io.StringIO()
    assert await explain(file, load(file), "api", Console(file=told, width=200)) is not fails
    lines = told.getvalue().split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    harmless = "db�]0;pwned��[2J���# HELP 'HH24:m:SS' [red]x[/]:key:\\"
    assert [f"1. asked {harmless}", "first", f"        second [bold] {harmless}"] == lines[2:5]
    assert f'check_ok{{check="{harmless}\\"}} 0.0' in lines
    assert ({"500", harmless, f"Mend it. {harmless}"} <= set(lines)) is fails
