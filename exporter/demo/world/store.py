"""The product's connections: a Postgres pool that comes back by itself, and Redis as a cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis.asyncio
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Connection = psycopg.AsyncConnection[DictRow]

CACHE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PoolStats:
    """How the pool is used at this moment, in connections and (waiting) in requests."""

    active: int
    idle: int
    waiting: int


class Store:
    """Postgres and Redis of the product. Opening never waits for either, so that the API starts without them."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        # After an outage the pool must not sit out a long back-off: it gives up on a connection after a
        # second and begins anew. Requests that wait do not make it try again once the queue of them is full.
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": 2,
                "application_name": "demo-api",
                "options": "-c statement_timeout=2s",
            },
            min_size=2,
            max_size=8,
            timeout=1.0,
            max_waiting=50,
            reconnect_timeout=1.0,
            reconnect_failed=_try_again,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        self._redis = redis.asyncio.Redis.from_url(
            redis_url, socket_timeout=0.5, socket_connect_timeout=0.5, decode_responses=True
        )

    async def open(self) -> None:
        """Begin to connect, in the background."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(timeout=2.0)
        await self._redis.aclose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection for one transaction.

        Raises psycopg_pool.PoolTimeout or psycopg.OperationalError while the database is away.
        """
        async with self._pool.connection() as connection:
            yield connection

    async def rows(self, query: str, parameters: dict[str, Any]) -> list[DictRow]:
        """Run one statement in a transaction of its own and return its rows."""
        async with self.transaction() as connection:
            cursor = await connection.execute(query, parameters)
            return list(await cursor.fetchall())

    def pool_stats(self) -> PoolStats:
        """Return the pool's use."""
        stats = self._pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return PoolStats(active=max(0, size - idle), idle=idle, waiting=stats.get("requests_waiting", 0))

    async def cached(self, key: str) -> str | None:
        """Return a cached document; a cache that is away is a miss."""
        try:
            value = await self._redis.get(key)
        except redis.RedisError:
            return None
        return None if value is None else str(value)

    async def remember(self, key: str, document: str) -> None:
        """Cache a document for half a minute; a cache that is away costs nothing but speed."""
        try:
            await self._redis.set(key, document, ex=CACHE_SECONDS)
        except redis.RedisError:
            return

    async def ping_cache(self) -> None:
        """Write, read and delete a key. Raises redis.RedisError."""
        await self._redis.set("health:probe", "1", ex=10)
        await self._redis.get("health:probe")
        await self._redis.delete("health:probe")


async def _try_again(pool: AsyncConnectionPool[Connection]) -> None:
    await pool.check()
