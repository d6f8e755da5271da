"""What `check` prints of what a server says, and that no source holds it or `explain` up at the end."""

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from exporter import check as check_module
from exporter import explain as explain_module
from exporter.check import check
from exporter.engine import scheduler
from exporter.engine.families import Collected
from exporter.engine.source import Gap, Source
from exporter.explain import explain
from exporter.platform.load import load
from exporter.terminal import console

NASTY = 'GRANT SELECT ON "a:key:b" TO x [red]y[/] \'\x1b[2J\\'
HARMLESS = NASTY.replace("\x1b", "�")


class Asked(Source):
    """Misses something of an odd name, and closes as it is told to."""

    closing = ""

    async def collect(self) -> Collected:
        return Collected()

    async def inspect(self) -> tuple[str, list[Gap]]:
        return f"reached {NASTY}", [Gap(f"missing {NASTY}", f"First:\n{NASTY}")]

    async def close(self) -> None:
        if self.closing == "hangs":
            await asyncio.Event().wait()
        if self.closing == "raises":
            raise OSError("the pool is broken")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked("api", every=60, timeout=60)
    monkeypatch.setattr(check_module, "loaded", lambda _: [asked])
    monkeypatch.setattr(explain_module, "build_sources", lambda _: [asked])
    monkeypatch.setattr(scheduler, "_CLOSING", 0.05)
    (tmp_path / "platform.yml").write_text("platform: test\nsources: {}\n")
    return asked


@pytest.mark.usefixtures("source")
async def test_what_a_server_says_is_printed_as_it_is(tmp_path: Path) -> None:
    told, file = io.StringIO(), tmp_path / "platform.yml"
    assert not await check(file, load(file), Console(file=told, width=200))
    assert told.getvalue().split("\n")[1:5] == [
        f"✗ api: reached {HARMLESS}; 0 series",
        f"    ✗ missing {HARMLESS}",
        "        First:",
        f"        {HARMLESS}",
    ]


@pytest.mark.parametrize("closing", ["hangs", "raises"])
async def test_a_source_that_does_not_close_holds_nothing_up(
    closing: str, source: Asked, tmp_path: Path
) -> None:
    source.closing = closing
    told, file = io.StringIO(), tmp_path / "platform.yml"
    async with asyncio.timeout(30):
        assert not await check(file, load(file), console(told))
        assert await explain(file, load(file), "api", console(told))
    assert "✗ api: reached" in told.getvalue()
    assert "0 series after" in told.getvalue()


def test_a_console_changes_no_text() -> None:
    text = "Call :phone: [bold]us[/bold] within 5 minutes \\"
    console(told := io.StringIO()).print(text)
    assert told.getvalue() == f"{text}\n"
