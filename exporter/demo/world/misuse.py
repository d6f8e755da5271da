"""What the product does to its own database by mistake: each is begun and ended by a switch, over real sessions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import psycopg
from psycopg.rows import TupleRow

Session = psycopg.AsyncConnection[TupleRow]

NEARLY_ALL_NUMBERS = 2_040_109_466  # 95 % of what an integer column can count
EXPORT_ROWS, EXPORT_LENGTH = 14_000, 8_000
SLOW_REPORT = """
    select o.plan, count(*) from calls as c
    join organizations as o on o.id = c.organization_id, pg_sleep(1.5) as slow
    where c.started_at > now() - interval '1 day' group by o.plan"""


async def _session(url: str, name: str) -> Session:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=5, application_name=f"demo-{name}"
    )


@asynccontextmanager
async def _in_background(session: Session, *statements: str) -> AsyncIterator[None]:
    """Run statements in another task, which is ended, its session with it, on leaving."""

    async def run() -> None:
        for statement in statements:
            await session.execute(statement.encode())

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()  # psycopg cancels the statement in the server too
        # It may have ended by itself meanwhile, with the database.
        with suppress(asyncio.CancelledError, psycopg.Error):
            await task


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """A report holds a table, a migration waits for it, and customers wait behind the migration."""
    async with await _session(url, "report") as report, await _session(url, "migration") as migration:
        await report.execute("begin")
        await report.execute("lock table support_tickets in access share mode")
        async with (
            _in_background(report, "select pg_sleep(86400)"),
            _in_background(migration, "alter table support_tickets alter column subject set not null"),
        ):
            yield


@asynccontextmanager
async def connections(url: str) -> AsyncIterator[None]:
    """A leak: sessions are opened, and never given back, until the server refuses one."""
    async with AsyncExitStack() as stack:
        with suppress(psycopg.OperationalError):  # "too many clients already", or the role's own limit
            while True:
                await stack.enter_async_context(await _session(url, "leak"))
        yield


@asynccontextmanager
async def deadlock(url: str) -> AsyncIterator[None]:
    """Two transactions touch two rows in opposite order; the server ends one of them."""
    async with await _session(url, "one") as one, await _session(url, "two") as two:
        cursor = await one.execute("select id from organizations order by id limit 2")
        (first,), (second,) = await cursor.fetchall()
        touch = "update organizations set name = name where id = %s"
        for session, row in ((one, first), (two, second)):
            await session.execute("begin")
            await session.execute(touch, [row])
        ends = await asyncio.gather(
            one.execute(touch, [second]), two.execute(touch, [first]), return_exceptions=True
        )
        failed = [end for end in ends if isinstance(end, BaseException)]
        for error in failed:
            if not isinstance(error, psycopg.errors.DeadlockDetected):
                raise error
        for session in (one, two):
            await session.execute("rollback")
    yield


@asynccontextmanager
async def slow_statement(url: str) -> AsyncIterator[None]:
    """Somebody opens a report again and again whose statement takes long."""
    async with await _session(url, "dashboard") as session, _in_background(session, *[SLOW_REPORT] * 10_000):
        yield


@asynccontextmanager
async def idle_in_transaction(url: str) -> AsyncIterator[None]:
    """A worker begins a transaction, reads, and then waits for something else without an end."""
    async with await _session(url, "worker") as session:
        await session.execute("begin")
        await session.execute("select count(*) from organizations")
        yield


@asynccontextmanager
async def sequence(url: str) -> AsyncIterator[None]:
    """The numbers of an old table's integer column come to their end."""
    move = "select setval('invoices_number_seq', %s)"
    async with await _session(url, "numbers") as session:
        await session.execute(move, [NEARLY_ALL_NUMBERS])
    yield
    async with await _session(url, "numbers") as session:
        await session.execute(move, [1])


@asynccontextmanager
async def storage(url: str) -> AsyncIterator[None]:
    """Exports are written into the database, and nobody ever removes one: over 100 MB."""
    async with await _session(url, "exports") as session:
        await session.execute(
            "insert into call_exports (content) select repeat('x', %s) from generate_series(1, %s)",
            [EXPORT_LENGTH, EXPORT_ROWS],
        )
    yield
    async with await _session(url, "exports") as session:
        await session.execute("truncate call_exports")


MISUSES: dict[str, Callable[[str], AbstractAsyncContextManager[None]]] = {
    "locked": locked,
    "connections": connections,
    "deadlock": deadlock,
    "slow-statement": slow_statement,
    "idle-in-transaction": idle_in_transaction,
    "sequence": sequence,
    "storage": storage,
}


class Misuse:
    """The mistakes that are being made now."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: dict[str, AsyncExitStack] = {}

    def __contains__(self, name: str) -> bool:
        """Return whether one of `MISUSES` is being made."""
        return name in self._running

    async def begin(self, name: str) -> None:
        """Begin one, if it is not being made already. Raises psycopg.Error when the database does not let it."""
        if name not in self._running:
            stack = AsyncExitStack()
            self._running[name] = stack
            try:
                await stack.enter_async_context(MISUSES[name](self._url))
            except BaseException:
                del self._running[name]
                raise

    async def end(self, name: str) -> None:
        """End one. Raises psycopg.Error when the database does not let it be undone."""
        if (stack := self._running.pop(name, None)) is not None:
            await stack.aclose()

    async def close(self) -> None:
        """End them all; a database that is away has ended their sessions already."""
        for name in tuple(self._running):
            with suppress(psycopg.Error):
                await self.end(name)
