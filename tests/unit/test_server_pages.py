"""The OpenAPI document is valid and says what is served; the landing page shows what was dropped."""

import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from exporter.engine.engine import Engine, build_sources
from exporter.engine.families import Family
from exporter.platform.load import load
from exporter.server import landing
from exporter.server.app import application
from exporter.server.front import Front
from exporter.server.webfile import WebFile

HANDBOOK = Path("docs/web-config.md").read_text(encoding="utf-8")

WITH_PAGE = """
platform: test
services: {api: {title: API, question: "Does it answer?", signals: {health: api}}}
sources: {health: {api: {url: "http://127.0.0.1:1/", every: 5s}}}
alerting:
  status_page:
    {page: demo, api_key: "${env:PAGE_KEY}", token: "${env:PAGE_TOKEN}", components: {api: cmpapi}}
"""

CALL: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}/{}:{priority="p1", service="api"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "status-page",
    "groupLabels": {"service": "api", "priority": "p1"},
    "commonLabels": {"service": "api", "priority": "p1", "kind": "symptom"},
    "commonAnnotations": {"summary": "API does not answer"},
    "externalURL": "http://alertmanager:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HealthUnhealthy", "service": "api", "priority": "p1"},
            "annotations": {"summary": "API does not answer"},
            "startsAt": "2026-11-01T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": "e4a5dc1ab2a0d4a8",
        }
    ],
}
"""Alertmanager's webhook, version 4, as its documentation has it."""


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


async def test_every_path_is_in_the_handbook(client: httpx.AsyncClient) -> None:
    _, paths = HANDBOOK.split("## Paths")
    served = (await client.get("/openapi.json")).json()["paths"]
    assert [path for path in served if f"`{path}`" not in paths] == []


async def test_the_document_is_openapi_3_1(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


async def test_every_path_but_metrics_is_described(client: httpx.AsyncClient, front: Front) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    served = {(route.path, tuple(sorted(route.methods - {"HEAD"}))) for route in front._pages.routes}  # type: ignore[attr-defined]  # a Starlette
    described = {
        (path, tuple(sorted(method.upper() for method in methods))) for path, methods in paths.items()
    }
    assert described == served
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


async def test_what_the_document_says_of_the_status_page_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the document alone a client can be written: what it sends, and with which token."""
    monkeypatch.setenv("PLATFORM_STATE_DIR", str(tmp_path / "state"))
    for secret in ("PAGE_KEY", "PAGE_TOKEN"):
        monkeypatch.setenv(secret, f"canary-{secret}")
    (file := tmp_path / "platform.yml").write_text(WITH_PAGE)
    engine = Engine(file, load(file))
    page = next(source for source in build_sources(engine.platform) if source.name == "status_page")
    engine.scheduler.start([page])

    async def reload() -> None:
        raise RuntimeError("canary")

    front = application(engine, WebFile(None), reload)
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(front), base_url="http://exporter"
        ) as client:
            document = (await client.get("/openapi.json")).json()
            operation = document["paths"]["/api/v1/status-page"]["post"]
            [asked] = operation["security"]
            [scheme] = [document["components"]["securitySchemes"][name] for name in asked]
            assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
            [(media, body)] = operation["requestBody"]["content"].items()
            schema = {**body["schema"], "components": document["components"]}
            headers = {"Authorization": "Bearer canary-PAGE_TOKEN", "Content-Type": media}
            jsonschema.validate(CALL, schema)
            answer = await client.post("/api/v1/status-page", json=CALL, headers=headers)
            assert (answer.status_code, answer.text) == (200, "Taken.\n")
            for missing in ("groupLabels", "alerts"):
                call = {key: value for key, value in CALL.items() if key != missing}
                assert not jsonschema.Draft202012Validator(schema).is_valid(call)
                assert (
                    await client.post("/api/v1/status-page", json=call, headers=headers)
                ).status_code == 400
    finally:
        await engine.scheduler.stop(list(engine.scheduler.runners))


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
    client: httpx.AsyncClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.scheduler.start(build_sources(engine.platform))
    runner = engine.scheduler.runners["health.a"]
    try:
        for _ in range(4):
            await runner.collect()
        now = time.time()
        monkeypatch.setattr(landing, "time", SimpleNamespace(time=lambda: now))
        runner.due = now + 9.7
        (source,) = (await client.get("/api/v1/sources")).json()["sources"]
        assert (source["circuit"], source["failures_in_a_row"]) == ("open", 4)
        assert source["due_timestamp_seconds"] == runner.due
        page = re.sub(r"<[^>]+>", " ", (await client.get("/")).text)
        assert re.search(r"Circuit open after 4 failures in a row; probed again in 10s\.", page)
    finally:
        await engine.scheduler.stop(list(engine.scheduler.runners))
