"""What the product checks about itself: database, Redis and its vendors, each within a time-out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import psycopg
import psycopg_pool
import redis

from exporter.demo.world.faults import VENDORS
from exporter.demo.world.store import PoolStats, Store

BUDGET_SECONDS = 1.2
ORDER = ("healthy", "degraded", "unhealthy")


@dataclass(frozen=True, slots=True)
class Check:
    """One component: `status` of `ORDER`, how long the check took, and what it found."""

    name: str
    status: str
    seconds: float
    message: str
    parts: dict[str, bool] = field(default_factory=dict)

    @property
    def milliseconds(self) -> int:
        """The check's duration as the documents give it."""
        return round(self.seconds * 1000)


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one moment; `overall` is the worst of them."""

    checks: tuple[Check, ...]
    pool: PoolStats
    taken: datetime

    @property
    def overall(self) -> str:
        """Return the worst status."""
        return max((check.status for check in self.checks), key=ORDER.index)

    def __getitem__(self, name: str) -> Check:
        """Return the check called `name`."""
        return next(check for check in self.checks if check.name == name)


class Health:
    """Runs the checks at the same time, so that a document costs as long as the slowest one."""

    def __init__(self, store: Store, vendors_url: str) -> None:
        self._store = store
        self._vendors_url = vendors_url
        # The vendors end connections that were idle for 5 s, which is how often somebody asks for a document.
        self._client = httpx.AsyncClient(
            timeout=BUDGET_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=20, keepalive_expiry=1.0),
        )

    async def close(self) -> None:
        """Close the connections to the vendors."""
        await self._client.aclose()

    async def report(self) -> Report:
        """Check everything; never raises and never takes much longer than `BUDGET_SECONDS`."""
        checks = await asyncio.gather(
            _timed("database", "Database", self._database, degraded_after=0.2, unhealthy_after=1.0),
            _timed("redis", "Redis", self._store.ping_cache, degraded_after=0.2, unhealthy_after=1.0),
            self._external_apis(),
        )
        return Report(checks=checks, pool=self._store.pool_stats(), taken=datetime.now(UTC))

    async def _database(self) -> None:
        async with self._store.transaction() as connection:
            await connection.execute("select 1")

    async def _external_apis(self) -> Check:
        started = time.perf_counter()
        answers = await asyncio.gather(*(self._vendor(name) for name in VENDORS))
        up = dict(zip(VENDORS, answers, strict=True))
        failing = len(VENDORS) - sum(answers)
        status = "healthy" if failing == 0 else "degraded" if failing <= 2 else "unhealthy"
        message = f"{sum(answers)}/{len(VENDORS)} external APIs are healthy"
        return Check("external_apis", status, time.perf_counter() - started, message, up)

    async def _vendor(self, name: str) -> bool:
        try:
            response = await self._client.get(f"{self._vendors_url}/{name}")
        except httpx.HTTPError:
            return False
        return response.is_success


async def _timed(
    name: str,
    title: str,
    check: Callable[[], Awaitable[None]],
    *,
    degraded_after: float,
    unhealthy_after: float,
) -> Check:
    started = time.perf_counter()
    task = asyncio.ensure_future(check())
    done, _ = await asyncio.wait({task}, timeout=BUDGET_SECONDS)
    seconds = time.perf_counter() - started
    if not done:
        # Cancelling is not waited for: a driver may itself wait for a server that is frozen.
        task.cancel()
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        return Check(name, "unhealthy", seconds, f"{title} did not answer within {BUDGET_SECONDS:.1f} s")
    error = task.exception()
    if error is not None:
        if not isinstance(error, psycopg.Error | psycopg_pool.PoolTimeout | redis.RedisError | OSError):
            raise error
        return Check(name, "unhealthy", seconds, f"{title} failed: {type(error).__name__}")
    status = (
        "healthy" if seconds < degraded_after else "degraded" if seconds < unhealthy_after else "unhealthy"
    )
    return Check(name, status, seconds, f"{title} is {status}. It took {seconds * 1000:.0f} ms")
