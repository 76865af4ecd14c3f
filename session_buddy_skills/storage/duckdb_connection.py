"""A connection to DuckDB, and DuckDB's errors as ours."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import anyio
import duckdb
from pydantic import TypeAdapter

from session_buddy_skills.errors import (
    DatabaseAccessError,
    DatabaseHeldError,
    NotADatabaseError,
    ReadersInTheWayError,
    StorageError,
    StorageFullError,
)
from session_buddy_skills.models import CALL_FIELDS, Invocation
from session_buddy_skills.storage.database import Parameters, Row
from session_buddy_skills.storage.queries import load_queries
from session_buddy_skills.storage.threads import Threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)
T = TypeVar("T")
_INVOCATIONS = TypeAdapter(list[Invocation])
_AS_WRITTEN = {"insert_query", "insert_queries", "insert_invocation", "insert_invocations"}
"""Statements that are best run as they are: to look for a better plan takes a sixth of a call, and
with the one that DuckDB finds a thousand rows take half as long again."""


@dataclass(slots=True)
class _Queued:
    text: str
    parameters: dict[str, Any] | None = None
    """Those of a named query; None for a script, which may have many statements."""
    as_written: bool = False


_BEGIN = _Queued("BEGIN TRANSACTION")


class DuckDBConnection:
    """One cursor, used by one caller at a time; a second one, `plain`, does not optimize.

    Crossing into a thread costs a third of a millisecond, as much as a small statement; so
    statements that return nothing wait until a result is needed or the transaction ends, and then
    cross together.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        path: Path,
        threads: Threads,
        plain: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        self.invalid = False
        self._failed = False
        self.ended_at = 0.0
        self._threads = threads
        self._optimizing = self._cursor = cursor
        self._plain = plain or cursor
        self._path = path
        self._queries = load_queries("duckdb")
        self._parsed: dict[str, duckdb.Statement] = {}
        self._queued: list[_Queued] = []

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        self._queue(query, parameters)
        return await self._in_thread(lambda: self._rows(self._run_queued().fetchall()))

    async def stream(
        self, query: str, parameters: Parameters | None = None, *, size: int
    ) -> AsyncIterator[list[Row]]:
        self._queue(query, parameters)
        await self._in_thread(self._run_queued)
        while rows := await self._in_thread(lambda: self._rows(self._cursor.fetchmany(size))):
            yield rows

    async def execute(self, query: str, parameters: Parameters | None = None) -> None:
        self._queue(query, parameters)

    async def insert_invocations(
        self, rows: Sequence[Invocation], query_ids: Sequence[UUID | None]
    ) -> None:
        # One JSON array takes half the time of a list a column.
        text = _INVOCATIONS.dump_json(
            list(rows), exclude={"__all__": {"user_query", *CALL_FIELDS}}, exclude_none=True
        )
        keys = [None if key is None else str(key) for key in query_ids]
        self._queue("insert_invocations", {"rows": text.decode(), "query_ids": keys})

    async def insert_embeddings(
        self, text_ids: Sequence[UUID], model: str, vectors: NDArray[np.float32]
    ) -> None:
        keys = [str(key) for key in text_ids]
        rows = [row.tobytes() for row in vectors.astype(">f4")]
        parameters = {"text_ids": keys, "model": model, "embeddings": rows}
        self._queue("insert_embeddings", parameters)

    async def script(self, text: str) -> None:
        self._queued.append(_Queued(text))

    async def flush(self) -> None:
        """Run what waits."""
        if self._queued:
            await self._in_thread(lambda: self._run_queued().fetchall())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._queued = [_BEGIN]
        self._cursor = self._optimizing
        self._failed = committed = False
        try:
            yield
            if self._failed:
                raise StorageError(f"the database {self._path} has kept nothing of this.")
            self._queue_commit()
            await self.flush()
            committed = True
        finally:
            # After an error COMMIT would roll back and say nothing, so nothing is left to it.
            if not committed:
                with anyio.CancelScope(shield=True):
                    await self._undo()

    def close(self) -> None:
        self._optimizing.close()
        self._plain.close()

    def _queue_commit(self) -> None:
        if self._queued and self._queued[0] is _BEGIN:
            rest = self._queued[1:]
            if all(one.as_written for one in rest):
                self._cursor = self._plain
            # A lone statement is a transaction by itself, in a tenth less time.
            if len(rest) == 1 and rest[0].parameters is not None:
                self._queued = rest
                return
        self._queued.append(_Queued("COMMIT"))

    def _queue(self, query: str, parameters: Parameters | None) -> None:
        text, given = self._queries[query].text, dict(parameters or {})
        self._queued.append(_Queued(text, given, query in _AS_WRITTEN))

    def _run_queued(self) -> duckdb.DuckDBPyConnection:
        """Run what waits; the result is that of the last statement, and is yet to be fetched."""
        *before, last = self._queued
        self._queued = []
        for one in before:
            # Errors come with fetching, and an unfetched result would block the connection.
            self._run(one).fetchall()
        result = self._run(last)
        self.ended_at = time.perf_counter()
        return result

    def _run(self, one: _Queued) -> duckdb.DuckDBPyConnection:
        if one.parameters is None:
            return self._cursor.execute(one.text)
        # Parsing is a sixth of a small statement's time, so a named query is parsed once.
        if one.text not in self._parsed:
            [self._parsed[one.text]] = self._cursor.extract_statements(one.text)
        return self._cursor.execute(self._parsed[one.text], one.parameters)

    def _rows(self, values: list[tuple[object, ...]]) -> list[Row]:
        names = [column[0] for column in self._cursor.description or ()]
        return [dict(zip(names, value, strict=True)) for value in values]

    async def _undo(self) -> None:
        try:
            with translated(self._path):
                await self._threads.run(self._roll_back)
        except StorageError as error:
            # What broke the transaction is being raised; the file is opened anew.
            logger.error("a transaction could not be rolled back: %s", error)
            self.invalid = True

    def _roll_back(self) -> None:
        self._queued = []
        if self.invalid:
            return
        # A commit that failed has ended its transaction already.
        try:
            self._cursor.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            if "no transaction is active" not in str(error):
                raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with translated(self._path):
            try:
                return await self._threads.run(work, self._cursor.interrupt)
            except duckdb.Error as error:
                self._failed = True
                # Whatever was committed is safe, but this process must open the file anew.
                self.invalid = self.invalid or isinstance(error, duckdb.FatalException)
                raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what DuckDB or the file system raises as a `StorageError`."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise _named(path, str(error)) from error


def _named(path: Path, message: str) -> StorageError:
    """The driver's error as one of ours; DuckDB tells its causes apart by their text alone."""
    if held := re.search(r"Conflicting lock is held in (.*?) \(PID (\d+)", message):
        return DatabaseHeldError(
            f"the database {path} is held by another process ({held[1]}, process id {held[2]}); "
            "stop that process or choose another file."
        )
    if "Could not set lock" in message:
        return DatabaseHeldError(f"the database {path} is held by another process.")
    if "configuration has been locked" in message:
        return DatabaseHeldError(f"the database {path} is open in this process already.")
    if "Is a directory" in message:
        return NotADatabaseError(f"{path} is a folder, not a database; choose a file.")
    if "not a valid DuckDB database" in message:
        return NotADatabaseError(
            f"{path} is not a DuckDB database; it was left as it is. Choose another file."
        )
    if "Permission denied" in message or "Read-only file system" in message:
        return DatabaseAccessError(
            f"the database {path} may not be opened for writing; allow that or choose another file."
        )
    if "other write transactions active" in message:
        return ReadersInTheWayError(f"somebody reads what {path} held before its last updates.")
    if "No space left" in message or "File too large" in message:
        return StorageFullError(
            f"the disk that holds {path} is full; nothing of this write was stored."
        )
    return StorageError(f"the database {path} answered: {' '.join(message.split())}")
