"""What `break` and `mend` do to a running demo."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from exporter.demo.errors import DemoError
from exporter.demo.native.state import RunningDemo


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what it is in words, how it is made and how it is mended."""

    broken: str
    mended: str
    make: Callable[[RunningDemo], None]
    mend: Callable[[RunningDemo], None]


def _stop_database(demo: RunningDemo) -> None:
    if demo.cluster.is_running():
        demo.cluster.stop()


def _start_database(demo: RunningDemo) -> None:
    if not demo.cluster.is_running():
        demo.cluster.start()


def _switch(name: str, method: str) -> Callable[[RunningDemo], None]:
    def ask(demo: RunningDemo) -> None:
        url = demo.ports.url("api", f"/demo/faults/{name}")
        try:
            httpx.request(method, url, timeout=5.0, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise DemoError(f"the demo's API does not answer at {url}: {type(error).__name__}") from error

    return ask


FAULTS = {
    "database": Fault(
        "The database is stopped; the API answers with errors.",
        "The database runs.",
        _stop_database,
        _start_database,
    ),
    "api": Fault(
        "The API answers 500 to its customers.",
        "The API works.",
        _switch("api", "POST"),
        _switch("api", "DELETE"),
    ),
    "health": Fault(
        "Three of the product's four vendors fail; its health document says unhealthy.",
        "The product's vendors work.",
        _switch("health", "POST"),
        _switch("health", "DELETE"),
    ),
}
