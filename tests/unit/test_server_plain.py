"""Plain bodies of large snapshots: unpacked once for all who ask, whoever leaves meanwhile."""

import asyncio
import gc
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Message, Scope

from exporter.engine import snapshot
from exporter.engine.engine import Engine
from exporter.engine.families import Collected, Family
from exporter.engine.packing import unpacked
from exporter.engine.snapshot import SnapshotPublisher
from exporter.server import metrics
from exporter.server.metrics import Metrics

VALUE = Family("value", "gauge", "A value.", ("number",))


class Served:
    """/metrics of an engine that has one gauge with so many series."""

    def __init__(self, series: int) -> None:
        self.out = Collected()
        for number in range(series):
            self.out.set(VALUE, number + 0.5, str(number))
        self.publisher = SnapshotPublisher(lambda: [self.out], max_series=10**9)
        self.engine = SimpleNamespace(
            snapshot=self.publisher.current, scheduler=SimpleNamespace(scraped=lambda *_, **__: None)
        )
        self.metrics = Metrics(cast(Engine, self.engine))

    async def publish(self) -> None:
        await self.publisher.publish()
        self.engine.snapshot = self.publisher.current

    async def body(self, accept: bytes = b"", query: bytes = b"") -> bytes:
        said: list[Message] = []

        async def send(message: Message) -> None:
            said.append(message)

        scope: Scope = {"method": "GET", "query_string": query, "client": ("x", 1)}
        assert await self.metrics.answer(scope, accept, b"", [], send) == 200
        headers, body = dict(said[0]["headers"]), cast(bytes, said[1]["body"])
        assert int(headers[b"content-length"]) == len(body)
        return body


@pytest.fixture
def unpackings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was unpacked so far. Bodies of more than 10 series count as large."""
    made: list[bytes] = []

    def counted(body: bytes) -> bytes:
        made.append(body)
        return unpacked(body)

    monkeypatch.setattr(metrics, "_MANY_SERIES", 10)
    monkeypatch.setattr(snapshot, "unpacked", counted)
    return made


@pytest.mark.parametrize("series", [5, 5000])
async def test_who_asks_meanwhile_gets_the_same_bytes(series: int, unpackings: list[bytes]) -> None:
    served = Served(series)
    await served.publish()
    bodies = await asyncio.gather(*(served.body() for _ in range(60)))
    bodies.append(await served.body())
    assert len(unpackings) == 1
    assert len({id(body) for body in bodies}) == 1
    assert bodies[0].count(b"\nvalue{") == series
    await served.publish()
    assert await served.body() != bodies[0], "of the next snapshot"
    assert len(unpackings) == 2


async def test_selections_wait_for_the_same_body(unpackings: list[bytes]) -> None:
    served = Served(5000)
    await served.publish()
    asked = (served.body(query=b"name[]=platform_exporter_snapshot_series") for _ in range(20))
    selected = await asyncio.gather(*asked, served.body())
    assert len(unpackings) == 1
    assert all(body.endswith(b"\nplatform_exporter_snapshot_series 0.0\n") for body in selected[:-1])


async def test_a_client_that_leaves_takes_the_body_from_nobody(
    unpackings: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    make = metrics._plain

    def slow(*of: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return make(*of)

    monkeypatch.setattr(metrics, "_plain", slow)
    served = Served(5000)
    await served.publish()
    leaves, stays = asyncio.create_task(served.body()), asyncio.create_task(served.body())
    await asyncio.to_thread(begun.wait, 30)
    leaves.cancel()
    await asyncio.wait({leaves})
    assert leaves.cancelled()
    go_on.set()
    assert (await stays).count(b"\nvalue{") == 5000
    assert len(unpackings) == 1


async def test_bodies_of_snapshots_that_are_over_are_forgotten(unpackings: list[bytes]) -> None:
    served = Served(5000)
    for _ in range(5):
        await served.publish()
        await asyncio.gather(served.body(), served.body(b"application/openmetrics-text"))
    gc.collect()
    large = [held for held in gc.get_objects() if isinstance(held, tuple) and len(held) == 2]
    bodies = {
        id(held[1]) for held in large if isinstance(held[1], bytes) and held[1].count(b"\nvalue{") == 5000
    }
    assert len(bodies) == 2, "one in each format"
