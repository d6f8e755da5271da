"""A real Prometheus, the packaged one and the newest, reads from our text and OpenMetrics what was put in."""

import json
import math
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.engine.exposition import OPENMETRICS, TEXT, Part, Renderer
from exporter.engine.families import Collected, Exemplar, Family, FamilyType
from exporter.engine.packing import Packer
from tests.support.forky import forky_binary
from tests.support.process import free_port, running, wait_http, wait_until
from tests.support.programs import binary

NASTY = [
    "",
    "plain",
    'quo"te',
    "back\\slash",
    "new\nline",
    "tab\t",
    "ünï ✓ 日本",
    "a{b}=c,",
    "\\n",
    " spaces ",
]
NUMBERS = [0.0, -0.0, 1.0, -1.5, 1e300, 5e-324, 123456789.123456789, math.inf, -math.inf, math.nan, 2.0**53]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def made() -> Collected:
    """Return families of every type with every nasty label value and number."""
    rng, out = random.Random(42), Collected()
    kinds: tuple[FamilyType, ...] = ("gauge", "counter", "unknown")
    for number in range(40):
        kind, labels = kinds[number % 3], ("one", "two")[: number % 3]
        name = f"family_{number}_total" if kind == "counter" else f"family_{number}"
        family = Family(name, kind, rng.choice(NASTY) or "x", labels)
        numbers = NUMBERS if kind != "counter" else [value for value in NUMBERS if value >= 0]
        created = 1795168000.5 if kind == "counter" and number % 2 else None
        for _ in range(8 if labels else 1):
            texts = (rng.choice(NASTY) for _ in labels)
            out.set(family, rng.choice(numbers), *texts, created=created)
    exemplar = Exemplar((("trace_id", "4bf92f35"),), 0.3, 1795168000.0)
    took = Family("took_seconds", "histogram", "Time.", ("route",))
    out.observe(took, {0.5: 1, 1.0: 3, 2.5: 3, math.inf: 4}, 6.5, 'a"b', exemplars={1.0: exemplar})
    out.set(Family("build_info", "info", "Build.", ("version",)), 1, "1")
    out.set(Family("mode", "stateset", "Mode.", ("mode",)), 1, "on")
    return out


def expected(collected: Collected) -> Samples:
    """Return what Prometheus must hold: an empty label is no label, `le` is a number in its own spelling."""
    found: Samples = {}
    for family, samples in collected:
        for key, value in samples.items():
            name, names, values = family.name, family.labels, key
            if family.type == "histogram":
                name, values = name + key[0], key[1:]
                names = (*names, "le") if key[0] == "_bucket" else names
            pairs = zip(names, values, strict=True)
            found[name, frozenset((label, text) for label, text in pairs if text)] = value
    return found


@contextmanager
def served(bodies: dict[str, tuple[str, bytes]]) -> Iterator[int]:
    """Serve path → (content type, body); a path that ends in gzip is of a body that is compressed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, body = bodies[self.path]
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            if self.path.endswith("gzip"):
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("suite", ["bookworm", "forky"])
def test_same_samples(suite: str, tmp_path: Path) -> None:
    collected = made()
    rendered = Renderer().render(
        [
            (family, [Part(samples, collected.created.get(family, {}), collected.exemplars.get(family, {}))])
            for family, samples in collected
        ]
    )
    text, openmetrics = Packer().pack(rendered.text_pieces, rendered.openmetrics_pieces)
    bodies = {
        "/text": (TEXT, rendered.text),
        "/text-gzip": (TEXT, text),
        "/openmetrics": (OPENMETRICS, rendered.openmetrics),
        "/openmetrics-gzip": (OPENMETRICS, openmetrics),
    }
    program = binary("prometheus") if suite == "bookworm" else forky_binary("prometheus")
    port = free_port()
    with served(bodies) as target:
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {
                    "job_name": path[1:],
                    "metrics_path": path,
                    "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                }
                for path in bodies
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        command: list[str | Path] = [
            program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with running(command, tmp_path / "log"):
            url = f"http://127.0.0.1:{port}"
            wait_http(f"{url}/-/ready", log=tmp_path / "log")
            for path in bodies:
                wait_until(lambda: query(url, f'up{{job="{path[1:]}"}} == 1'), 20, f"scrape of {path}")  # noqa: B023
                held = {
                    key: value for key, value in query(url, f'{{job="{path[1:]}"}}').items() if ours(key[0])
                }
                wanted = {spelt(key): value for key, value in expected(collected).items()}
                assert {spelt(key) for key in held if not key[0].endswith("_created")} == wanted.keys()
                for key, value in held.items():
                    if not key[0].endswith("_created"):
                        want = wanted[spelt(key)]
                        assert value == want or (math.isnan(value) and math.isnan(want)), key
                if path.startswith("/openmetrics"):
                    begun = {key[0]: value for key, value in held.items() if key[0].endswith("_created")}
                    assert len(begun) > 5, "counters tell when they began"
                    assert set(begun.values()) == {1795168000.5}


def ours(name: str) -> bool:
    return name.startswith(("family_", "took_", "build_info", "mode"))


def spelt(key: tuple[str, frozenset[tuple[str, str]]]) -> tuple[str, frozenset[tuple[str, str]]]:
    """Write `le` as a number does: Prometheus 3 has its own spelling."""
    name, labels = key
    return name, frozenset((label, str(float(text)) if label == "le" else text) for label, text in labels)


def query(url: str, expression: str) -> Samples:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, trust_env=False).json()
    found: Samples = {}
    for sample in answer["data"]["result"]:
        labels = {
            key: value
            for key, value in sample["metric"].items()
            if key not in ("__name__", "job", "instance")
        }
        found[sample["metric"]["__name__"], frozenset(labels.items())] = float(sample["value"][1])
    return found
