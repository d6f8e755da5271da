"""What takes long to load is loaded in a thread before the first collection, at the start and with each reload."""

import io
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from exporter import explain as explain_module
from exporter.check import check
from exporter.engine import engine as module
from exporter.engine.engine import Engine
from exporter.engine.families import Collected
from exporter.engine.source import Source
from exporter.explain import explain
from exporter.platform.load import load

FIRST_REQUEST = """
import asyncio, sys
from exporter.engine.engine import build_sources
from exporter.platform.load import load
from pathlib import Path

async def ok(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    body = b'{"status": "ok"}'
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
    await writer.drain()

async def main():
    server = await asyncio.start_server(ok, "127.0.0.1", 0)
    file = Path(sys.argv[1])
    port = server.sockets[0].getsockname()[1]
    file.write_text("platform: a\\nsources: {health: {b: {url: 'http://127.0.0.1:%d/'}}}\\n" % port)
    [source] = build_sources(load(file))
    assert "httpx" not in sys.modules
    await asyncio.to_thread(source.prepare)
    before = set(sys.modules)
    assert len(await source.collect()) > 3
    print(*sorted(sys.modules.keys() - before))
    await source.close()

asyncio.run(main())
"""


def test_the_first_request_imports_nothing(tmp_path: Path) -> None:
    run = [sys.executable, "-c", FIRST_REQUEST, str(tmp_path / "platform.yml")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert (done.stderr, done.stdout) == ("", "\n")


class Slow(Source):
    """Notes where it was prepared and that it was by the time it is asked; fails at it when its name says so."""

    def __init__(self, name: str) -> None:
        super().__init__(name, every=60, timeout=60)
        self.thread: threading.Thread | None = None
        self.asked: list[bool] = []

    def prepare(self) -> None:
        self.thread = threading.current_thread()
        if self.name == "unreadable":
            raise FileNotFoundError("no certificates")

    async def collect(self) -> Collected:
        self.asked.append(self.thread is not None)
        return Collected()


async def test_sources_are_prepared_off_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path / "state"))
    sources = [Slow("unreadable"), Slow("first")]
    monkeypatch.setattr(module, "build_sources", lambda _: list(sources))
    (file := tmp_path / "platform.yml").write_text("platform: test\nsources: {}\n")
    engine = Engine(file, load(file))
    await engine.start()
    try:
        sources.append(Slow("second"))
        await engine.reload()
        assert list(engine.scheduler.runners) == ["unreadable", "first", "second"]
        for runner in engine.scheduler.runners.values():
            await runner.collect()
        assert all(all(source.asked) and source.asked for source in sources)
        assert threading.main_thread() not in {source.thread for source in sources}
    finally:
        await engine.stop()


async def test_explain_prepares_its_source_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the duration that it shows would be another kind than what `run` exports."""
    source = Slow("first")
    monkeypatch.setattr(explain_module, "build_sources", lambda _: [source])
    (file := tmp_path / "platform.yml").write_text("platform: test\nsources: {}\n")
    assert await explain(file, load(file), "first", Console(quiet=True))
    assert source.asked == [True]


async def test_check_prepares_all_sources_before_it_asks_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it takes to load a library would count in their time-outs."""
    sources = [Slow("first"), Slow("second")]
    monkeypatch.setattr(module, "build_sources", lambda _: sources)
    (file := tmp_path / "platform.yml").write_text("platform: test\nsources: {}\n")
    assert await check(file, load(file), Console(quiet=True))
    assert [source.asked for source in sources] == [[True], [True]]
    assert threading.main_thread() not in {source.thread for source in sources}


async def test_explain_shows_what_run_exports_while_a_source_fails(tmp_path: Path) -> None:
    (file := tmp_path / "platform.yml").write_text(
        "platform: test\nsources: {health: {a: {url: 'http://127.0.0.1:1/', every: 5s}}}\n"
    )
    told = io.StringIO()
    assert not await explain(file, load(file), "health.a", Console(file=told, width=200))
    assert "Failed after" in told.getvalue()
    assert 'probe_success{target="a"} 0.0' in told.getvalue()
