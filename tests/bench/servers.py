"""The servers that are measured, as processes: ours, prometheus-client's, nginx with the same bytes as a file."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Scraper
from tests.bench.ours import SOURCES
from tests.support.forky import forky_command
from tests.support.process import free_port, running, wait_until

ROOT = Path(__file__).parents[2]

_NGINX_LIBRARIES = ("libc6", "libcrypt1", "libpcre2-8-0", "libssl3t64", "libzstd1", "zlib1g")

_NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; user root;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; default_type text/plain;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, and its process."""

    port: int
    pid: int
    path: str = "/metrics"


@contextmanager
def ours(
    series: int, *, every: float = 1.0, hanging: int = 0, failing: int = 0, lock: bool = False
) -> Iterator[Server]:
    """Run the exporter with made-up sources."""
    figures = (str(figure) for figure in (series, every, hanging, failing))
    with _python("tests.bench.ours", *figures, *(["lock"] if lock else [])) as server:
        names = [f"bench_{source}_0_seconds" for source in range(SOURCES)]
        wait_until(lambda: _answers(server, *names), 30, "our exporter")
        yield server


@contextmanager
def prometheus_client(series: int) -> Iterator[Server]:
    """Run prometheus-client's start_http_server over the same families."""
    with _python("tests.bench.peer_prometheus_client", str(series)) as server:
        wait_until(lambda: _answers(server, "bench_0_0_seconds"), 30, "prometheus-client")
        yield server


@contextmanager
def nginx(body: bytes) -> Iterator[Server]:
    """Run nginx over a file that holds `body`."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "metrics").write_bytes(body)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
        command = [*_nginx(folder), "-e", folder / "error.log", "-c", folder / "nginx.conf"]
        with running(command, folder / "log") as process:
            server = Server(port, process.pid)
            wait_until(lambda: _answers(server), 10, "nginx", log=folder / "log")
            yield server


def nginx_version() -> str:
    """Return its version, as it says it."""
    with tempfile.TemporaryDirectory() as name:
        said = subprocess.run([*_nginx(Path(name)), "-v"], capture_output=True, text=True, check=True).stderr
    return said.partition("nginx/")[2].split()[0]


def _nginx(folder: Path) -> list[str | Path]:
    return forky_command("nginx", _NGINX_LIBRARIES, folder)


@contextmanager
def _python(module: str, *arguments: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", module, str(port), *arguments]
        with running(command, Path(folder) / "log", cwd=ROOT) as process:
            yield Server(port, process.pid)


def _answers(server: Server, *texts: str) -> bool:
    scraper = Scraper(server.port, server.path)
    try:
        body = scraper.scrape()
        return all(text.encode() in body for text in texts)
    finally:
        scraper.close()
