"""The demo's world on a real PostgreSQL and Redis: business, health documents, faults, recovery."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from exporter.demo.names import ACCOUNT_TAG, CLOUDFLARE_PATH, CLOUDFLARE_TOKEN, HEARTBEAT_PATH, Ports
from exporter.demo.native.programs import own_command
from tests.support.postgres import PostgresCluster, postgres_cluster
from tests.support.process import quickest, running, wait_http, wait_until
from tests.support.programs import binary

BASE = 17_300
COMPONENTS = ["database", "redis", "external_apis"]


class World:
    """A running world and the server below it."""

    def __init__(self, ports: Ports, postgres: PostgresCluster) -> None:
        self.ports, self.postgres = ports, postgres

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return httpx.request(method, self.ports.url("api", path), json=body, timeout=30, trust_env=False)

    def broken(self, method: str, fault: str) -> list[str]:
        """Make (POST) or mend (DELETE) a fault; return what is broken then."""
        answer = self.ask(method, f"/demo/faults/{fault}")
        assert answer.is_success, answer.text
        return [name for name, on in answer.json().items() if on]

    def says(self, statement: str) -> bool:
        """Return whether the database says true to `select …`."""
        with psycopg.connect(self.postgres.dsn(), autocommit=True) as connection:
            return connection.execute(f"select {statement}".encode()).fetchone() == (True,)

    def health(self) -> dict[str, Any]:
        return dict(self.ask("GET", "/api/health").json()["data"])

    def statuses(self) -> dict[str, str]:
        return {check["name"]: check["status"] for check in self.health()["checks"]}

    def waiting(self) -> int:
        return int(self.ask("GET", "/api/health/db").json()["poolStats"]["waiting"])

    def wait_overall(self, status: str) -> None:
        wait_until(lambda: self.health()["overall"] == status, 60, f"health to be {status}")

    def invocations(self, script: str, status: str) -> int:
        query = """query { viewer { accounts(filter: {accountTag: "%s"}) { rows: workersInvocationsAdaptive(limit: 1,
          filter: {scriptName: "%s", status: "%s", datetime_geq: "%s"}) { sum { requests } } } } }"""
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        answer = httpx.post(
            self.ports.url("cloudflare", CLOUDFLARE_PATH),
            json={"query": query % (ACCOUNT_TAG, script, status, start)},
            headers={"Authorization": f"Bearer {CLOUDFLARE_TOKEN}"},
            trust_env=False,
        ).json()
        rows = answer["data"]["viewer"]["accounts"][0]["rows"]
        return int(rows[0]["sum"]["requests"]) if rows else 0


def environment(ports: Ports, postgres: PostgresCluster) -> dict[str, str]:
    return {
        "DEMO_PORT_BASE": str(ports.base),
        "DEMO_ADMIN_DATABASE_URL": postgres.dsn(),
        "DEMO_DATABASE_URL": postgres.dsn(user="product", password="product-password"),
        "DATABASE_URL": postgres.dsn(user="exporter", password="exporter-password"),
        "DEMO_REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
    }


@contextmanager
def running_world(ports: Ports, postgres: PostgresCluster, folder: Path) -> Iterator[World]:
    log = folder / "world.log"
    with running([*own_command(), "demo", "world"], log, env=environment(ports, postgres)):
        wait_http(ports.url("api", "/demo/ready"), log=log)
        yield World(ports, postgres)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, ports = tmp_path_factory.mktemp("world"), Ports(BASE)
    port = str(ports["redis"])
    redis: list[str | Path] = [binary("redis-server"), "--bind", "127.0.0.1", "--port", port, "--save", ""]
    with (
        postgres_cluster() as postgres,
        running(redis, folder / "redis.log", cwd=folder),
        running_world(ports, postgres, folder) as started,
    ):
        started.wait_overall("healthy")
        yield started


def test_the_four_health_documents_tell_the_same_in_their_own_shapes(world: World) -> None:
    listed = world.ask("GET", "/api/health").json()
    assert listed["success"] is True
    assert [check["name"] for check in listed["data"]["checks"]] == COMPONENTS
    assert {"duration", "message", "timestamp"} <= listed["data"]["checks"][0].keys()
    assert listed["data"]["pool"].keys() == {"active", "idle", "waiting"}
    assert listed["data"]["version"] == "1.0.0"
    assert listed["data"]["uptime"] > 0

    mapped = world.ask("GET", "/api/health/all").json()
    assert mapped["overall"] == "healthy"
    assert mapped["checks"].keys() == {"worker", "database", "integration"}
    assert mapped["checks"]["database"]["poolStats"].keys() == {"active", "idle", "waiting"}
    assert mapped["checks"]["integration"]["services"]["redis"] is True

    services = world.ask("GET", "/health")
    assert services.status_code == 200
    assert [entry["service"] for entry in services.json()["services"]] == COMPONENTS
    assert services.json()["services"][0]["details"]["latency"] >= 0

    plain = world.ask("GET", "/healthz/word-is-bond").json()
    assert plain["status"] == "healthy"
    assert list(plain["checks"]) == COMPONENTS


def test_a_customer_signs_up_calls_and_leaves(world: World) -> None:
    count = "select count(*) from organizations where cancelled_at is null and id = {}"
    customer = world.ask("POST", "/api/organizations", {"name": "Alder Legal", "plan": "team"}).json()
    call = world.ask("POST", "/api/calls", {"user_id": customer["user_id"]})
    assert call.status_code == 201
    ending = {"call_id": call.json()["id"], "status": "completed", "duration_seconds": 60}
    assert world.ask("POST", "/webhooks/telephony", ending).json()["status"] == "completed"
    assert world.ask("POST", "/webhooks/telephony", ending).status_code == 404
    assert world.ask("PUT", f"/api/organizations/{customer['id']}/plan", {"plan": "starter"}).is_success
    first = world.ask("GET", f"/api/organizations/{customer['id']}")
    again = world.ask("GET", f"/api/organizations/{customer['id']}")
    assert (first.headers["x-cache"], again.headers["x-cache"]) == ("miss", "hit")
    assert first.json() == again.json()
    assert first.json()["plan"] == "starter"
    with psycopg.connect(world.postgres.dsn()) as connection:
        rows = connection.execute(
            "select monthly_cents, ended_at is null from subscriptions where organization_id = %s order by id",
            (customer["id"],),
        )
        assert rows.fetchall()[-1] == (4900, True)
    assert world.ask("DELETE", f"/api/organizations/{customer['id']}").is_success
    assert world.ask("DELETE", f"/api/organizations/{customer['id']}").status_code == 404
    with psycopg.connect(world.postgres.dsn()) as connection:
        row = connection.execute(count.format(int(customer["id"])).encode()).fetchone()
    assert row == (0,)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/organizations", {"name": "x", "plan": "gold"}, 400),
        ("POST", "/api/organizations", None, 400),
        ("POST", "/api/calls", {"user_id": -1}, 404),
        ("POST", "/webhooks/telephony", {"call_id": 1, "status": "lost"}, 400),
        ("GET", "/api/organizations/999999999", None, 404),
    ],
)
def test_the_api_refuses_nonsense_without_failing(
    world: World, method: str, path: str, body: object, status: int
) -> None:
    assert world.ask(method, path, body).status_code == status


def test_the_exporters_role_reads_and_never_writes(world: World) -> None:
    with psycopg.connect(world.postgres.dsn(user="exporter", password="exporter-password")) as connection:
        assert connection.execute("select count(*) > 100 from calls").fetchone() == (True,)
        assert connection.execute("select count(*) > 0 from pg_stat_statements").fetchone() == (True,)
        connection.rollback()
        connection.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from calls")


def test_what_made_the_demo_is_no_statement_of_its_product(world: World) -> None:
    with psycopg.connect(world.postgres.dsn(user="exporter", password="exporter-password")) as connection:
        making = """
            select query from pg_stat_statements
            where pg_get_userbyid(userid) = 'product'
              and query ~* 'pg_stat_statements|create table|generate_series|analyze'
        """
        assert connection.execute(making).fetchall() == []


def test_customers_come_by_themselves(world: World) -> None:
    before = world.invocations("demo-api", "success")
    wait_until(lambda: world.invocations("demo-api", "success") > before + 5, 60, "customers")


def test_a_broken_api_throws_and_a_mended_one_does_not(world: World) -> None:
    before = world.invocations("demo-api", "scriptThrewException")
    assert world.broken("POST", "api") == ["api"]
    try:
        assert world.ask("GET", "/api/organizations").status_code == 500
        assert world.invocations("demo-api", "scriptThrewException") > before
    finally:
        assert world.broken("DELETE", "api") == []
    assert world.ask("GET", "/api/organizations").is_success


def test_failing_vendors_make_the_documents_unhealthy(world: World) -> None:
    world.ask("POST", "/demo/faults/health")
    try:
        assert world.health()["overall"] == "unhealthy"
        assert world.statuses()["external_apis"] == "unhealthy"
        assert world.ask("GET", "/health").status_code == 503
    finally:
        world.ask("DELETE", "/demo/faults/health")
    world.wait_overall("healthy")


SESSION = "exists (select from pg_stat_activity where application_name = 'demo-{}' and {})"


@pytest.mark.parametrize(
    ("fault", "sign"),
    [
        ("locked", SESSION.format("migration", "cardinality(pg_blocking_pids(pid)) > 0")),
        ("idle-in-transaction", SESSION.format("worker", "state = 'idle in transaction'")),
        ("slow-statement", SESSION.format("dashboard", "state = 'active'")),
        ("connections", "count(*) > 5 from pg_stat_activity where application_name = 'demo-leak'"),
        ("sequence", "last_value::float8 / 2147483647 > 0.94 from invoices_number_seq"),
        ("storage", "pg_total_relation_size('call_exports') > 110000000"),
    ],
)
def test_what_the_product_does_to_its_database_is_there_until_it_is_mended(
    world: World, fault: str, sign: str
) -> None:
    assert not world.says(sign)
    assert world.broken("POST", fault) == [fault]
    try:
        wait_until(lambda: world.says(sign), 60, fault)
        assert world.broken("POST", fault) == [fault]
    finally:
        assert world.broken("DELETE", fault) == []
    wait_until(lambda: not world.says(sign), 60, f"the end of {fault}")
    assert world.broken("DELETE", fault) == []
    world.wait_overall("healthy")


def test_a_deadlock_is_counted_by_the_server(world: World) -> None:
    before = world.ask("GET", "/demo/faults").json()["deadlock"]
    assert before is False
    world.broken("POST", "deadlock")
    wait_until(lambda: world.says("sum(deadlocks) = 1 from pg_stat_database"), 60, "the deadlock")
    assert world.broken("DELETE", "deadlock") == []


def test_a_slow_api_answers_late(world: World) -> None:
    world.broken("POST", "api-slow")
    try:
        answer = world.ask("GET", "/api/organizations")
        assert answer.is_success
        assert answer.elapsed.total_seconds() > 2
    finally:
        world.broken("DELETE", "api-slow")


def test_a_heartbeat_can_be_refused(world: World) -> None:
    def beat() -> int:
        url = world.ports.url("sinks", HEARTBEAT_PATH)
        return httpx.post(url, json={"status": "firing"}, timeout=10, trust_env=False).status_code

    world.broken("POST", "delivery")
    try:
        assert beat() == 500
    finally:
        world.broken("DELETE", "delivery")
    assert beat() == 200


def test_there_is_no_other_fault(world: World) -> None:
    assert world.ask("POST", "/demo/faults/everything").status_code == 404


def test_without_its_database_the_api_answers_errors_and_recovers_by_itself(world: World) -> None:
    world.postgres.stop()
    try:
        assert world.statuses()["database"] == "unhealthy"
        assert world.statuses()["redis"] == "healthy"
        assert world.ask("GET", "/health").status_code == 503
        assert world.ask("GET", "/api/organizations").status_code == 500
    finally:
        world.postgres.start()
    world.wait_overall("healthy")
    assert world.ask("GET", "/api/organizations").is_success


def test_the_api_recovers_from_an_outage_that_filled_the_queue_for_connections(world: World) -> None:
    world.postgres.stop()
    try:
        stopped = time.monotonic()
        wait_until(lambda: world.waiting() == 50, 120, "a full queue for connections")
        time.sleep(max(0.0, 40 - (time.monotonic() - stopped)))
    finally:
        world.postgres.start()
    world.wait_overall("healthy")
    assert all(world.ask("GET", "/api/organizations").is_success for _ in range(20))


def test_a_frozen_database_holds_up_neither_health_nor_customers(world: World) -> None:
    world.postgres.freeze()
    try:

        def health() -> float:
            answer = world.ask("GET", "/api/health")
            checks = {check["name"]: check["status"] for check in answer.json()["data"]["checks"]}
            assert checks["database"] == "unhealthy"
            return answer.elapsed.total_seconds()

        def customers() -> float:
            answer = world.ask("GET", "/api/organizations")
            assert answer.status_code in (500, 503)
            return answer.elapsed.total_seconds()

        assert quickest(2, health) < 2
        assert quickest(5, customers) < 5
    finally:
        world.postgres.thaw()
    world.wait_overall("healthy")


def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path, own_postgres: PostgresCluster) -> None:
    counts = []
    for base in (BASE + 200, BASE + 400):
        with running_world(Ports(base), own_postgres, tmp_path):
            (row,) = own_postgres.execute(
                "select count(*) from organizations where name not like 'Newcomer%'"
            )
            counts.append(row[0])
    assert counts == [240, 240]


def test_a_missing_database_is_named_with_its_remedy() -> None:
    done = subprocess.run(
        [*own_command(), "demo", "world"],
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DEMO_DATABASE_URL is not set: give the product's database" in done.stderr
