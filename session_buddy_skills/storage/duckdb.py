"""DuckDB: one file, held by this process alone.

A cursor is a connection of its own, and two threads must never share one: reads borrow a cursor
from a small pool, and writes take turns on a single one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
import duckdb

from session_buddy_skills.errors import (
    DatabaseAccessError,
    DatabaseHeldError,
    NotADatabaseError,
    StorageError,
    StorageFullError,
)
from session_buddy_skills.storage.database import Parameters, Row
from session_buddy_skills.storage.queries import load_queries

READERS = 2
T = TypeVar("T")


class DuckDBConnection:
    """One cursor, used by one caller at a time.

    Crossing into a thread costs a third of a millisecond, as much as a small statement; so
    statements that return nothing wait until a result is needed or the transaction ends, and then
    cross together.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._cursor = cursor
        self._path = path
        self._queries = load_queries()
        self._queued: list[tuple[str, Parameters]] = []

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

    async def script(self, text: str) -> None:
        self._queued.append((text, {}))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._queued = [("BEGIN TRANSACTION", {})]
        committed = False
        try:
            yield
            self._queued.append(("COMMIT", {}))
            await self._in_thread(self._run_queued)
            committed = True
        finally:
            # After an error COMMIT would roll back and say nothing, so nothing is left to it.
            if not committed:
                with anyio.CancelScope(shield=True):
                    await self._in_thread(self._roll_back)

    def close(self) -> None:
        self._cursor.close()

    def _queue(self, query: str, parameters: Parameters | None) -> None:
        self._queued.append((self._queries[query].text, parameters or {}))

    def _run_queued(self) -> duckdb.DuckDBPyConnection:
        """Run what waits; the result is that of the last statement, and is yet to be fetched."""
        *before, (last, parameters) = self._queued
        self._queued = []
        for text, values in before:
            # Errors come with fetching, and an unfetched result would block the connection.
            self._cursor.execute(text, dict(values)).fetchall()
        return self._cursor.execute(last, dict(parameters))

    def _rows(self, values: list[tuple[object, ...]]) -> list[Row]:
        names = [column[0] for column in self._cursor.description or ()]
        return [dict(zip(names, value, strict=True)) for value in values]

    def _roll_back(self) -> None:
        # A commit that failed has ended its transaction already.
        self._queued = []
        try:
            self._cursor.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            if "no transaction is active" not in str(error):
                raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with _translated(self._path):
            return await anyio.to_thread.run_sync(work)


class DuckDBDatabase:
    """An open DuckDB file."""

    engine = "duckdb"

    def __init__(self, path: Path, memory_limit: str) -> None:
        self.path = path
        self.location = str(path)
        self._memory_limit = memory_limit
        self._writer_turn = asyncio.Lock()
        self._readers: asyncio.Queue[DuckDBConnection] = asyncio.Queue()

    @classmethod
    async def open(cls, path: Path, *, memory_limit: str = "1GB") -> DuckDBDatabase:
        """Open the file, or make it where there is none.

        Raises:
            DatabaseHeldError, DatabaseAccessError, NotADatabaseError, StorageFullError: as named.
        """
        database = cls(path, memory_limit)
        with _translated(path):
            await anyio.to_thread.run_sync(database._connect)
        return database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[DuckDBConnection]:
        connection = await self._readers.get()
        try:
            async with connection.transaction():
                yield connection
        finally:
            self._readers.put_nowait(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[DuckDBConnection]:
        async with self._writer_turn, self._writer.transaction():
            yield self._writer

    async def backup(self, label: str) -> str:
        """Copy the file beside itself, as `name.label.time.bak`; no reader may be active."""
        async with self._writer_turn:
            with _translated(self.path):
                return str(await anyio.to_thread.run_sync(self._copy, label))

    async def close(self) -> None:
        async with self._writer_turn:
            with _translated(self.path):
                await anyio.to_thread.run_sync(self._disconnect)

    def _connect(self) -> None:
        if not self.path.exists():
            _create(self.path)
        self._main = duckdb.connect(self.path, config={"memory_limit": self._memory_limit})
        cursors = [self._main.cursor() for _ in range(1 + READERS)]
        for cursor in cursors:
            cursor.execute("SET TimeZone = 'UTC'")
        # COPY, ATTACH and read_csv reach files and the network; nothing here needs them.
        self._main.execute("SET enable_external_access = false")
        self._main.execute("SET lock_configuration = true")
        self._writer, *readers = (DuckDBConnection(cursor, self.path) for cursor in cursors)
        for reader in readers:
            self._readers.put_nowait(reader)

    def _disconnect(self) -> None:
        while not self._readers.empty():
            self._readers.get_nowait().close()
        self._writer.close()
        self._main.close()

    def _copy(self, label: str) -> Path:
        # Closing writes the log into the file. Copying while it is open would drop its lock: POSIX
        # gives up a process's locks on a file when it closes any descriptor of that file.
        self._disconnect()
        try:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            target = self.path.with_name(f"{self.path.name}.{label}.{stamp}.bak")
            partial_copy = target.with_name(f"{target.name}.part")
            try:
                shutil.copyfile(self.path, partial_copy)
                with partial_copy.open("rb+") as copy:
                    os.fsync(copy.fileno())
                partial_copy.replace(target)
            finally:
                partial_copy.unlink(missing_ok=True)
            return target
        finally:
            self._connect()


def _create(path: Path) -> None:
    """Make an empty database, whole or not at all; of two that do so at once the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        duckdb.connect(draft).close()
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
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
    if "not a valid DuckDB database" in message or "Is a directory" in message:
        return NotADatabaseError(
            f"{path} is not a DuckDB database; it was left as it is. Choose another file."
        )
    if "Permission denied" in message or "Read-only file system" in message:
        return DatabaseAccessError(
            f"the database {path} may not be opened for writing; allow that or choose another file."
        )
    if "No space left" in message or "File too large" in message:
        return StorageFullError(
            f"the disk that holds {path} is full; nothing of this write was stored."
        )
    return StorageError(f"the database {path} answered: {' '.join(message.split())}")
