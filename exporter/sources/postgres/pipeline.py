"""Many statements in one round trip, each alone in its failure.

libpq's pipeline mode, used directly: psycopg's own waits for the answers at every synchronisation point, and raises at
the first error. Here everything is sent at once, and answers are taken as they come, so that those that arrived before
a deadline are not lost.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

Segment = Sequence[bytes]
"""Statements that succeed or fail together; the answer is that of the last one."""

_ERRORS = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a segment gave: a result or an error, and the seconds since the answer before it."""

    result: PGresult | None
    error: psycopg.Error | None
    seconds: float


class Lost(psycopg.OperationalError):
    """The connection was lost. `answers` are those that came before; the next segment was being answered."""

    def __init__(self, answers: list[Answer], cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.answers = answers
        self.sqlstate = cause.sqlstate


async def ask(
    connection: psycopg.AsyncConnection[Any], segments: Sequence[Segment], deadline: float
) -> list[Answer]:
    """Send all segments at once and return their answers, in order; fewer if `deadline` (monotonic clock) comes first.

    After that the connection is of no use and must be closed. The same holds when this is cancelled.

    Raises:
        Lost: the connection is lost.
    """
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    answers: list[Answer] = []
    began = time.monotonic()
    result: PGresult | None = None
    error: psycopg.Error | None = None
    try:
        async with asyncio.timeout(deadline - began):
            _send(pgconn, segments)
            async for found in _results(pgconn):
                if found.status == ExecStatus.PIPELINE_SYNC:
                    now = time.monotonic()
                    answers.append(Answer(None if error else result, error, now - began))
                    began, result, error = now, None, None
                    if len(answers) == len(segments):
                        break
                elif found.status in _ERRORS:
                    error = error or _error(found)
                elif found.status != ExecStatus.PIPELINE_ABORTED:
                    result = found
    except TimeoutError:
        return answers
    except psycopg.OperationalError as lost:
        raise Lost(answers, error or lost) from lost  # the server's last words say more than the broken pipe
    pgconn.exit_pipeline_mode()
    return answers


def _send(pgconn: PGconn, segments: Sequence[Segment]) -> None:
    """Hand all segments to libpq, which sends what the socket takes."""
    try:
        for segment in segments:
            for statement in segment:
                pgconn.send_query_params(statement, None)
            pgconn.pipeline_sync()
    except psycopg.OperationalError:
        if pgconn.status != ConnStatus.BAD:
            raise
        # The other side hung up meanwhile, as a pooler without its server does: why is among the results.


async def _results(pgconn: PGconn) -> AsyncIterator[PGresult]:
    """Yield results as they arrive, while what is left to send is sent; those that came before a loss as well."""
    lost: psycopg.OperationalError | None = None
    while lost is None:
        try:
            unsent = bool(pgconn.flush())
            await _ready(pgconn.socket, unsent)
            pgconn.consume_input()
        except psycopg.OperationalError as error:
            lost = error
        ends = 0
        while (
            ends < 2 and not pgconn.is_busy()
        ):  # one None ends a statement, a second one says that nothing is left
            found = pgconn.get_result()
            ends = 0 if found is not None else ends + 1
            if found is not None:
                yield found
    raise lost


async def _ready(socket: int, writing: bool) -> None:
    """Wait until the socket can be read, or written if there is something to write."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    loop.add_reader(socket, wake)
    if writing:
        loop.add_writer(socket, wake)
    try:
        await woken
    finally:
        loop.remove_reader(socket)
        if writing:
            loop.remove_writer(socket)


def _error(result: PGresult) -> psycopg.Error:
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode(
        errors="replace"
    )
    try:
        return psycopg.errors.lookup(state)(message)
    except KeyError:
        return psycopg.DatabaseError(message)
