"""A connection to PostgreSQL, and its errors as ours."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import PipelineAborted
from psycopg.pq import PipelineStatus, TransactionStatus

from session_buddy_skills.errors import (
    ConnectionLostError,
    ContentionError,
    DatabaseAccessError,
    OverloadedError,
    ReadOnlyDatabaseError,
    SchemaError,
    StatementTimeoutError,
    StorageError,
    StorageFullError,
)
from session_buddy_skills.models import Invocation
from session_buddy_skills.storage.database import Parameters, Row
from session_buddy_skills.storage.queries import load_queries, positional

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_SECONDS = 2.0
"""How much longer than PostgreSQL itself a caller waits for it to give a statement up."""

_COLUMNS = {
    "invocation_id": "uuid",
    "session_id": "text",
    "skill_name": "text",
    "invoked_at": "timestamptz",
    "ended_at": "timestamptz",
    "outcome": "text",
    "duration_seconds": "float8",
    "selection_rank": "int4",
    "error_type": "text",
    "workflow_path": "text",
    "workflow_phase": "text",
    "workflow_step_id": "text",
    "project": "text",
    "user": "text",
    "source": "text",
    "rating": "int4",
    "recommendation_id": "uuid",
}
"""Fields and their types, in the order of `insert_invocations`."""
_LISTS_AND_QUERY = ("text[]", "text[]", "uuid")
_values = attrgetter(*_COLUMNS)


class PostgreSQLConnection:
    """One connection, used by one caller at a time.

    Statements that return nothing wait until a result is needed or the transaction ends, and then
    travel together, since each journey costs as much as a small statement.
    """

    def __init__(
        self, connection: AsyncConnection[Row], location: str, statement_timeout: float
    ) -> None:
        self.ended_at = 0.0
        self._streams = itertools.count(1)
        self._connection = connection
        self._location = location
        self._statement_timeout = statement_timeout
        self._queries = load_queries("postgresql")
        self._queued: list[tuple[str, list[Any]]] = []

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        self._queue(query, parameters)
        return await self._rows()

    async def stream(
        self, query: str, parameters: Parameters | None = None, *, size: int
    ) -> AsyncIterator[list[Row]]:
        # The cursor ends with the transaction, also where nobody reads to the end.
        text, values = self._positional(query, parameters)
        cursor = f"stream_{next(self._streams)}"
        self._queued.append((f"DECLARE {cursor} NO SCROLL CURSOR FOR {text}", values))
        while True:
            self._queued.append((f"FETCH FORWARD {size} FROM {cursor}", []))
            rows = await self._rows()
            if not rows:
                return
            yield rows

    async def execute(self, query: str, parameters: Parameters | None = None) -> None:
        self._queue(query, parameters)

    async def insert_invocations(
        self, rows: Sequence[Invocation], query_ids: Sequence[UUID | None]
    ) -> None:
        await self.flush()
        await self._in_time(self._copy(rows, query_ids))

    async def insert_embeddings(
        self, text_ids: Sequence[UUID], model: str, vectors: NDArray[np.float32]
    ) -> None:
        numbers = {"embeddings": vectors.ravel().tolist(), "dimensions": vectors.shape[1]}
        self._queue("insert_embeddings", {"text_ids": list(text_ids), "model": model} | numbers)

    async def script(self, text: str) -> None:
        await self.flush()
        # A change of the schema takes as long as it takes.
        with translated(self._location):
            await self._connection.execute(text.encode())

    async def flush(self) -> None:
        """Run what waits."""
        if self._queued:
            await self._run_queued()

    def begin(self, statement: str) -> None:
        """Begin a transaction, with the first statement of it."""
        self._queued = [(statement, [])]

    async def commit(self) -> None:
        """End the transaction; it is on disk when this returns."""
        self._queued.append(("COMMIT", []))
        cursor = await self._run_queued()
        if cursor.statusmessage != "COMMIT":
            raise StorageError(f"{self._location} has rolled back what was to be stored.")
        self.ended_at = time.perf_counter()

    async def roll_back(self) -> None:
        """Leave nothing of the transaction, and the connection fit for another or closed."""
        self._queued = []
        raw = self._connection
        try:
            if raw.info.pipeline_status is PipelineStatus.OFF and not raw.closed:
                if raw.info.transaction_status is not TransactionStatus.IDLE:
                    await self._in_time(raw.execute("ROLLBACK"))
                return
        except StorageError as error:
            # What broke the transaction is being raised; the server forgets it with the connection.
            logger.info("closing a connection that cannot be rolled back: %s", error)
        await raw.close()

    def _queue(self, query: str, parameters: Parameters | None) -> None:
        self._queued.append(self._positional(query, parameters))

    def _positional(self, query: str, parameters: Parameters | None) -> tuple[str, list[Any]]:
        text, names = positional(self._queries[query].text)
        given: Mapping[str, Any] = parameters or {}
        # A tuple would be a composite value.
        values = (given[name] for name in names)
        return text, [list(value) if isinstance(value, tuple) else value for value in values]

    async def _rows(self) -> list[Row]:
        cursor = await self._run_queued()
        return await self._in_time(cursor.fetchall())

    async def _run_queued(self) -> AsyncCursor[Row]:
        """Run what waits; the result is that of the last statement."""
        queued, self._queued = self._queued, []
        return await self._in_time(self._run(queued), statements=len(queued))

    async def _run(self, queued: list[tuple[str, list[Any]]]) -> AsyncCursor[Row]:
        async with self._connection.pipeline():
            cursors = [
                await self._connection.execute(text.encode(), values) for text, values in queued
            ]
        return cursors[-1]

    async def _copy(self, rows: Sequence[Invocation], query_ids: Sequence[UUID | None]) -> None:
        copy_in = self._queries["insert_invocations"].text.encode()
        async with self._connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            copy.set_types([*_COLUMNS.values(), *_LISTS_AND_QUERY])
            for row, query_id in zip(rows, query_ids, strict=True):
                lists = (list(row.alternatives_considered), list(row.follow_up_actions))
                await copy.write_row((*_values(row), *lists, query_id))

    async def _in_time(self, work: Awaitable[T], *, statements: int = 1) -> T:
        seconds = self._statement_timeout * statements + GRACE_SECONDS
        with translated(self._location):
            async with deadline(self._connection, seconds):
                return await work


@asynccontextmanager
async def deadline(connection: AsyncConnection[Any], seconds: float) -> AsyncIterator[None]:
    """Break the connection off where it does not answer for so long.

    To cancel what waits would make the driver ask the server, which does not answer, for more.

    Raises:
        psycopg.OperationalError: it was broken off.
    """
    broken_off = False

    def break_off() -> None:
        nonlocal broken_off
        if connection.closed:
            return
        broken_off = True
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(seconds, break_off)
    try:
        yield
    except psycopg.OperationalError as error:
        if broken_off:
            raise psycopg.OperationalError(f"no answer for {seconds:g} s") from error
        raise
    finally:
        timer.cancel()


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Raise what the driver raises as a `StorageError`."""
    try:
        yield
    except psycopg.Error as error:
        raise _named(location, error) from error


_TIMED_OUT = {"57014", "55P03"}
_CONFLICTS = {"40001", "40P01", "23505"}
_FORBIDDEN = {"42501", "28000", "28P01"}
_READ_ONLY = {"25006"}
_FULL = {"53100"}
_NO_ROOM = {"53200", "53300", "53400"}
_GONE = {"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04"}


def _named(location: str, error: psycopg.Error) -> StorageError:
    """The driver's error as one of ours, by its SQLSTATE (PostgreSQL manual, appendix A)."""
    # Of statements that travel together, those after a failed one are aborted: the first says why.
    while isinstance(error, PipelineAborted) and isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    state = error.sqlstate
    detail = _first_line(error)
    if state in _CONFLICTS:
        return ContentionError(
            f"{location} refused this beside what others have written: {detail}; nothing of it was "
            "stored."
        )
    if state in _TIMED_OUT:
        return StatementTimeoutError(
            f"{location} took too long, or waited too long for a lock; nothing of this was stored. "
            "Send it again later."
        )
    if state in _FULL:
        return StorageFullError(f"the disk of {location} is full; nothing of this was stored.")
    if state in _NO_ROOM:
        return OverloadedError(f"{location} has no room: {detail}. Send this again later.")
    if 'extension "vector"' in detail:
        return SchemaError(
            f"{location} has no pgvector: {detail}. Install it on that server, and let a superuser "
            "run CREATE EXTENSION vector in this database."
        )
    if state in _READ_ONLY:
        return ReadOnlyDatabaseError(f"{location} takes no writes: {detail}.")
    if state in _FORBIDDEN:
        return DatabaseAccessError(f"{location} does not allow that: {detail}.")
    if state in _GONE or (state or "").startswith("08"):
        return ConnectionLostError(f"the connection to {location} was lost: {detail}.")
    if state is None and isinstance(error, psycopg.OperationalError):
        return ConnectionLostError(f"the connection to {location} was lost: {detail}.")
    return StorageError(f"{location} answered: {detail}.")


def _first_line(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
