"""The OpenAPI document is valid and says what is served; the landing page shows what was dropped."""

import re
import time
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from exporter.engine.engine import Engine, build_sources
from exporter.engine.families import Family
from exporter.platform.load import load
from exporter.server.app import application
from exporter.server.front import Front
from exporter.server.webfile import WebFile


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path / "state"))
    file = tmp_path / "platform.yml"
    file.write_text(
        "platform: test\nsources: {health: {a: {url: 'http://127.0.0.1:1/', every: 5s}}}\ntitle: A & B\n"
    )
    return Engine(file, load(file))


@pytest.fixture
async def front(engine: Engine) -> Front:
    async def reload() -> None:
        raise RuntimeError("canary")

    return application(engine, WebFile(None), reload, lifecycle=True)


@pytest.fixture
async def client(front: Front) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://exporter")


async def test_the_document_is_openapi_3_1(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


async def test_every_path_but_metrics_and_the_document_itself_is_described(
    client: httpx.AsyncClient, front: Front
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    served = {(route.path, tuple(sorted(route.methods - {"HEAD"}))) for route in front._pages.routes}  # type: ignore[attr-defined]  # a Starlette
    described = {
        (path, tuple(sorted(method.upper() for method in methods))) for path, methods in paths.items()
    }
    assert served - described == {("/openapi.json", ("GET",))}
    assert described <= served
    identities = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(identities) == len(set(identities))


async def test_answers_are_as_described(client: httpx.AsyncClient, engine: Engine) -> None:
    engine.publisher.drop(Family("busy_total", "counter", "."), 3)
    document = (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path == "/-/reload":
                continue
            answer = await client.request(method, path)
            described = operation["responses"][str(answer.status_code)]
            media = answer.headers["content-type"].partition(";")[0]
            assert media in described["content"]
            schema: dict[str, Any] = {
                **described["content"][media]["schema"],
                "components": document["components"],
            }
            content = answer.json() if media == "application/json" else answer.text
            jsonschema.validate(content, schema)
            assert answer.headers["x-request-id"]


async def test_the_page_shows_what_was_dropped_and_fits_a_phone(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    page = (await client.get("/")).text
    assert "dropped" not in page
    assert "0 of at most 50,000 series" in page
    assert '<meta name="viewport" content="width=device-width' in page
    for number in range(12):
        engine.publisher.drop(Family(f"busy_{number}_total", "counter", "."), 1000 + number)
    page = re.sub(r"<[^>]+>", "", (await client.get("/")).text)
    assert "! 12,066 samples dropped so far: busy_11_total 1,011" in page
    assert "and 2 more." in page


async def test_a_defect_is_told_as_such_and_no_more(client: httpx.AsyncClient) -> None:
    answer = await client.post("/-/reload")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert (await client.get("/nowhere")).text == "Not here. Try /metrics or /.\n"


async def test_an_open_circuit_is_shown_to_people_and_programs(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    engine.scheduler.start(build_sources(engine.platform))
    runner = engine.scheduler.runners["health.a"]
    try:
        for _ in range(4):
            await runner.collect()
        runner.due = time.time() + 9.7
        (source,) = (await client.get("/api/v1/sources")).json()["sources"]
        assert (source["circuit"], source["failures_in_a_row"]) == ("open", 4)
        assert source["due_timestamp_seconds"] == runner.due
        page = re.sub(r"<[^>]+>", " ", (await client.get("/")).text)
        assert re.search(r"Circuit open after 4 failures in a row; probed again in (9|10)s\.", page)
    finally:
        await engine.scheduler.stop(list(engine.scheduler.runners))
