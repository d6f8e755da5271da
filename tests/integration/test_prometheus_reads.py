"""A real Prometheus, the packaged one and the newest, reads the same from our page as from prometheus-client's.

The page is the same each time; `--hypothesis-seed` draws another one, "random" any, and what fails names the seed.
"""

import json
import random
import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CLIENT_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.engine.exposition import OPENMETRICS, TEXT
from tests.support.exposed import Drawn, many, ours, theirs
from tests.support.forky import forky_binary
from tests.support.process import free_port, running, wait_until
from tests.support.programs import binary

FAMILIES = 300

PAIRS = {
    "text": "client-text",
    "text-gzip": "client-text",
    "openmetrics": "client-openmetrics",
    "openmetrics-gzip": "client-openmetrics",
}
"""Job that scrapes ours → job that scrapes prometheus-client's."""

Labels = frozenset[tuple[str, str]]


def rendered(page: list[Drawn]) -> dict[str, tuple[str, bytes]]:
    """Return content type and body of each job's page."""
    exposition = ours(page)
    text, openmetrics = exposition.gzip(openmetrics=False), exposition.gzip(openmetrics=True)
    client = theirs(page)
    return {
        "text": (TEXT, exposition.text),
        "text-gzip": (TEXT, text),
        "openmetrics": (OPENMETRICS, exposition.openmetrics),
        "openmetrics-gzip": (OPENMETRICS, openmetrics),
        "client-text": (CONTENT_TYPE_PLAIN_0_0_4, generate_latest(client)),
        "client-openmetrics": (CLIENT_OPENMETRICS, generate_openmetrics(client)),  # type: ignore[no-untyped-call]  # no hints there
    }


@contextmanager
def served(bodies: dict[str, tuple[str, bytes]]) -> Iterator[int]:
    """Serve job → (content type, body) under /job; a name that ends in gzip is of a body that is compressed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, body = bodies[self.path[1:]]
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


@contextmanager
def prometheus(program: Path, bodies: dict[str, tuple[str, bytes]], folder: Path) -> Iterator[str]:
    """Run Prometheus with a job for each body; yield its address when all were scraped."""
    with served(bodies) as target:
        jobs = [
            {
                "job_name": job,
                "metrics_path": f"/{job}",
                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
            }
            for job in bodies
        ]
        (folder / "prometheus.yml").write_text(
            json.dumps({"global": {"scrape_interval": "2s"}, "scrape_configs": jobs})
        )
        address = f"127.0.0.1:{free_port()}"
        command: list[str | Path] = [
            program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}", "--enable-feature=exemplar-storage",
        ]  # fmt: skip
        with running(command, folder / "log"):
            url = f"http://{address}"
            wait_until(lambda: scraped(url, len(bodies)), 120, "all pages to be scraped", log=folder / "log")
            yield url


def scraped(url: str, jobs: int) -> bool:
    """Tell whether each job was scraped. Fails for a page that Prometheus cannot read."""
    targets = ask(url, "targets")["activeTargets"]
    assert {target["scrapePool"]: target["lastError"] for target in targets if target["lastError"]} == {}
    return [target["health"] for target in targets] == ["up"] * jobs


def ask(url: str, path: str, **parameters: str) -> Any:
    answer = httpx.get(f"{url}/api/v1/{path}", params=parameters, trust_env=False, timeout=30)
    if answer.status_code == 503:
        raise httpx.ConnectError("not ready")
    return answer.raise_for_status().json()["data"]


def series(labels: dict[str, str]) -> Labels:
    """Return what is ours of a series' labels. `le` is a number, whatever its spelling, which Prometheus 3 changes."""
    return frozenset(
        (label, repr(float(text)) if label == "le" else text)
        for label, text in labels.items()
        if label not in ("job", "instance")
    )


def samples(url: str, job: str) -> dict[Labels, str]:
    """Return what is held of a job's page."""
    own = "up|scrape_(duration_seconds|samples_scraped|samples_post_metric_relabeling|series_added)"
    result = ask(url, "query", query=f'{{job="{job}",__name__!~"{own}"}}')["result"]
    found = {series(sample["metric"]): sample["value"][1] for sample in result}
    assert len(found) == len(result)
    return found


def exemplars(url: str, job: str, began: float) -> set[tuple[Labels, Labels, str, Hashable]]:
    """Return the exemplars of a job's page. Those without a time have got that of the scrape, after `began`."""
    answer = ask(url, "query_exemplars", query=f'{{job="{job}"}}', start="0", end=str(began + 3600))
    return {
        (
            series(each["seriesLabels"]),
            frozenset(exemplar["labels"].items()),
            exemplar["value"],
            exemplar["timestamp"] if exemplar["timestamp"] < began else "scrape",
        )
        for each in answer
        for exemplar in each["exemplars"]
    }


@pytest.fixture(scope="module")
def drawn(request: pytest.FixtureRequest) -> tuple[int, list[Drawn]]:
    """A page, and the seed that it was drawn with."""
    given = request.config.getoption("--hypothesis-seed") or 0
    number = random.randrange(2**32) if given == "random" else int(given)
    return number, many(number, FAMILIES)


@pytest.mark.parametrize("suite", ["bookworm", "forky"])
def test_ours_and_prometheus_clients_are_read_alike(
    suite: str, tmp_path: Path, drawn: tuple[int, list[Drawn]]
) -> None:
    number, page = drawn
    print(f"to draw this page again: --hypothesis-seed={number}")  # pytest shows it when the test fails
    began = time.time()
    program = binary("prometheus") if suite == "bookworm" else forky_binary("prometheus")
    with prometheus(program, rendered(page), tmp_path) as url:
        held = {job: samples(url, job) for job in (*PAIRS, *set(PAIRS.values()))}
        shown = {job: exemplars(url, job, began) for job in held if "openmetrics" in job}
    begun = {f"{each.name}_created" for each in page}
    # Ours has them in OpenMetrics alone: text 0.0.4 does not know them.
    held["client-text"] = {
        key: value for key, value in held["client-text"].items() if dict(key)["__name__"] not in begun
    }
    for job, client in PAIRS.items():
        assert different(held[job], held[client]) == {}, job
    for job in shown:
        assert shown[job] == shown["client-openmetrics"], job
    rows = [row for each in page for row in each.rows.values()]
    assert len(held["text"]) == ours(page).series
    assert len(held["openmetrics"]) == ours(page).series + sum(row.created is not None for row in rows)
    assert len(shown["openmetrics"]) == sum(len(row.exemplars) for row in rows) > 10


def different(
    one: dict[Labels, str], other: dict[Labels, str]
) -> dict[Labels, tuple[str | None, str | None]]:
    return {
        key: (one.get(key), other.get(key))
        for key in one.keys() | other.keys()
        if one.get(key) != other.get(key)
    }
