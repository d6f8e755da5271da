"""The platforms whose dashboards are looked at: every platform file, and the demo with parts missing or multiplied."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.generate import catalogue
from exporter.generate.mixin import tree
from tests.support.dashboards import Json, dashboards

PLATFORMS = Path(__file__).parents[3] / "platforms"
DEMO = PLATFORMS / "demo.yml"


def _without(kind: str) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        found["sources"] = [source for source in found["sources"] if source["kind"] != kind]

    return change


def _probed(found: Json) -> None:
    """No Worker: the service is known through its health document alone."""
    _without("cloudflare_workers")(found)
    for service in found["services"]:
        service["signals"] = [{"kind": "health", "target": "api"}]


def _all_workers(found: Json) -> None:
    """All Workers of the account: none is named."""
    for source in found["sources"]:
        if source["kind"] == "cloudflare_workers":
            source["scripts"] = []


def _without_queries(found: Json) -> None:
    found["queries"], found["kpis"] = [], []


def _without_services(found: Json) -> None:
    found["services"] = []


def _periods(found: Json) -> None:
    """A second service level, whose period is shorter: it has one window, and pages at a tenth of the pace."""
    first = found["services"][0]["slos"][0]
    fast = first["tiers"][0] | {"factor": "1.44", "threshold": "0.00144"}
    found["services"][0]["slos"].append(
        first
        | {"slo": "api-short", "title": "API of three days", "tiers": [fast]}
        | {"period": "3d", "period_days": "3"}
    )


def _grown(found: Json) -> None:
    """Five services, two databases and health endpoints, a pooler, machines, a quota: more than one line holds."""
    service = found["services"][0]
    for name in ("web", "voice", "mail", "billing"):
        extra = copy.deepcopy(service)
        extra |= {"name": name, "title": name.title(), "question": f"Can customers use {name}?"}
        extra["slos"] = extra["slos"][:1]
        extra["slos"][0] |= {
            "slo": f"{name}-availability",
            "service": name,
            "title": f"{name.title()} availability",
        }
        found["services"].append(extra)
    endpoint = next(source for source in found["sources"] if source["kind"] == "health")
    found["sources"].append(
        endpoint | {"source": "health.web", "target": "web", "title": "Website (EU)", "service": "web"}
    )
    database = next(source for source in found["sources"] if source["kind"] == "postgres")
    found["sources"].append(
        database | {"source": "postgres.archive", "target": "archive", "title": "Archive database"}
    )
    found["sources"].append(
        database | {"source": "pgbouncer.main", "kind": "pgbouncer", "target": "main", "title": "Pooler"}
    )
    found["quotas"] = [
        {
            "name": "requests",
            "title": "Requests",
            "used": "sum(increase(cloudflare_workers_requests_total[1d]))",
            "limit": "100000",
            "written": "100000 a day",
            "resets": "daily",
        }
    ]
    found["monitoring"]["node_exporters"] = ["node:9100"]
    kpi = found["kpis"][0]
    found["kpis"] += [
        kpi | {"kpi": "failed-calls", "title": "Failed calls", "op": "<=", "target": "0.02"},
        kpi | {"kpi": "third", "title": "Third"},
    ]


VARIANTS: dict[str, Callable[[Json], None]] = {
    "without Workers": _probed,
    "all Workers": _all_workers,
    "without Postgres": _without("postgres"),
    "without health": _without("health"),
    "without queries": _without_queries,
    "without services": _without_services,
    "periods": _periods,
    "grown": _grown,
}


@pytest.fixture(scope="session")
def demo() -> Json:
    """The catalogue of the demo; whoever changes it makes a copy."""
    return catalogue(DEMO)


@pytest.fixture(scope="session")
def generated(demo: Json) -> Json:
    """Everything that is generated for the demo."""
    return tree(demo)


@pytest.fixture(scope="session", params=[*(path.stem for path in sorted(PLATFORMS.glob("*.yml"))), *VARIANTS])
def variant(request: pytest.FixtureRequest, demo: Json) -> Json:
    """A catalogue; `file` names the platform file that declares its metrics."""
    if request.param not in VARIANTS:
        return catalogue(PLATFORMS / f"{request.param}.yml")
    found = copy.deepcopy(demo)
    VARIANTS[request.param](found)
    return found


@pytest.fixture(scope="session")
def files(variant: Json) -> Json:
    """Everything that is generated for the variant."""
    return tree(variant)


@pytest.fixture(scope="session")
def boards(files: Json) -> list[Json]:
    """Its dashboards."""
    return dashboards(files)
