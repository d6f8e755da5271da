"""Gives the demo's Prometheus a past before it starts."""

import asyncio
import time
from pathlib import Path

import httpx

from exporter.demo.history.backfill import Present, write
from exporter.demo.names import Ports
from exporter.demo.native import parts
from exporter.demo.native.state import State
from exporter.demo.native.supervisor import Supervisor

SECONDS_TO_BE_READ = 8.0
SECONDS_TO_IMPORT = 60.0
LONGEST_BLOCK = "39366h"
"""promtool reads the whole text once for each block, and cuts at multiples of this: so all is one, but for bad luck."""


async def backfill(
    promtool: Path, state: State, ports: Ports, platform: Path, supervisor: Supervisor
) -> float:
    """Write the past into the storage of a Prometheus that does not run yet; return the seconds it took."""
    from exporter.generate import catalogue  # Jsonnet, which `run` must not load with this command

    started = time.monotonic()
    present = Present(
        page=await _page(ports.url("exporter", "/metrics")),
        generated=state.generated,
        catalogue=catalogue(platform),
        instances={
            job: f"{parts.HOST}:{ports[part]}"
            for job, part in (
                ("platform-exporter", "exporter"),
                ("prometheus", "prometheus"),
                ("alertmanager", "alertmanager"),
            )
        },
    )
    text = state.root / "past.om"
    await asyncio.to_thread(write, present, text)
    command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics"]
    options: list[str | Path] = [f"--max-block-duration={LONGEST_BLOCK}", text, state.root / "prometheus"]
    await supervisor.run("history", [*command, *options], {}, SECONDS_TO_IMPORT)
    text.unlink()
    return time.monotonic() - started


async def _page(url: str) -> str:
    """Return the exporter's page once each database has been read; after a while, whatever there is."""
    deadline = time.monotonic() + SECONDS_TO_BE_READ
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        while True:
            page = (await client.get(url)).text
            waiting = [
                line
                for line in page.splitlines()
                if line.startswith('platform_exporter_source_up{source="postgres.')
                and not line.endswith(" 1.0")
            ]
            if not waiting or time.monotonic() > deadline:
                return page
            await asyncio.sleep(0.3)
