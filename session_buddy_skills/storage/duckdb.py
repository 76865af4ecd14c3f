"""DuckDB: one file, held by this process alone.

A cursor is a connection of its own, and two threads must never share one: reads borrow a cursor
from a small pool, and writes take turns, on one thread, with two of which one does not optimize.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from session_buddy_skills.errors import ReadersInTheWayError, StorageError
from session_buddy_skills.storage.database import Parameters, Row
from session_buddy_skills.storage.duckdb_connection import DuckDBConnection, translated
from session_buddy_skills.storage.threads import Threads

logger = logging.getLogger(__name__)

READERS = 3
CHECKPOINT_BYTES = 16 * 2**20
"""The log is written into the file when it has grown by so much."""
LONGEST_LOG_BYTES = 256 * 2**20
"""Readers that are in the way are waited for then: a log is read anew at the next start."""


class DuckDBDatabase:
    """An open DuckDB file."""

    engine = "duckdb"

    def __init__(self, path: Path, memory_limit: str) -> None:
        self.path = path
        self.location = str(path)
        self._memory_limit = memory_limit
        self._log = path.with_name(f"{path.name}.wal")
        self._checkpoint_at = CHECKPOINT_BYTES
        self._closed = False
        self._threads = Threads(1)
        # A report takes all cores; a write beside it should not wait. DuckDB's own threads are
        # started by the thread that opens the file.
        self._reading_threads = Threads(READERS, yielding=True)
        self._writer_turn = asyncio.Lock()
        self._readers: asyncio.Queue[DuckDBConnection] = asyncio.Queue()

    @classmethod
    async def open(cls, path: Path, *, memory_limit: str = "1GB") -> DuckDBDatabase:
        """Open the file, or make it where there is none.

        Raises:
            DatabaseHeldError, DatabaseAccessError, NotADatabaseError, StorageFullError: as named.
        """
        database = cls(path, memory_limit)
        readers: list[DuckDBConnection] = []

        def connect() -> None:
            readers.extend(database._connect())

        try:
            with translated(path):
                await database._reading_threads.run(connect)
        except asyncio.CancelledError:
            if readers:
                database._disconnect(readers)
            raise
        for reader in readers:
            database._readers.put_nowait(reader)
        return database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[DuckDBConnection]:
        async with self._reader() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        async with self._reader() as connection:
            return await connection.fetch(query, parameters)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[DuckDBConnection]:
        connection = await self._readers.get()
        try:
            self._require_open()
            yield connection
        finally:
            self._readers.put_nowait(connection)
            if connection.invalid:
                async with self._writer_turn:
                    await self._open_anew()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[DuckDBConnection]:
        async with self._writer_turn:
            self._require_open()
            await self._checkpoint_when_due()
            try:
                async with self._writer.transaction():
                    yield self._writer
            finally:
                if self._writer.invalid:
                    await self._open_anew()

    # No other process has the file, so the schema is this one's alone.
    migrating = writing

    async def size_bytes(self) -> int:
        files = [file for file in (self.path, self._log) if file.exists()]
        return sum(file.stat().st_size for file in files)

    async def others(self) -> list[str]:
        return []

    async def backup(self, label: str) -> str:
        """Copy the file beside itself, as `name.label.time.bak`, once nobody reads."""
        async with self._writer_turn:
            self._require_open()
            async with self._all_readers() as readers:
                with translated(self.path):
                    return str(await self._threads.run(lambda: self._copy(label, readers)))

    async def release_memory(self) -> None:
        """Open the file anew, if nobody reads: DuckDB lets go of its pages in no other way."""
        async with self._writer_turn:
            self._require_open()
            if self._readers.qsize() < READERS:
                return
            self._writer.invalid = True
            await self._open_anew()

    async def close(self) -> None:
        """Let go of the file, once nobody reads; what is asked afterwards is refused."""
        async with self._writer_turn:
            if self._closed:
                return
            async with self._all_readers() as readers:
                self._closed = True
                with translated(self.path):
                    await self._threads.run(lambda: self._disconnect(readers))
            self._threads.close()
            self._reading_threads.close()

    def _require_open(self) -> None:
        if self._closed:
            raise StorageError(f"the database {self.path} is closed.")

    @asynccontextmanager
    async def _all_readers(self) -> AsyncIterator[list[DuckDBConnection]]:
        """Every reading connection; those that are in the list at the end are used from then on."""
        readers: list[DuckDBConnection] = []
        try:
            for _ in range(READERS):
                readers.append(await self._readers.get())
            yield readers
        finally:
            for reader in readers:
                self._readers.put_nowait(reader)

    async def _checkpoint_when_due(self) -> None:
        """Write the log into the file, apart from any commit.

        DuckDB would do so inside a commit, and where the disk is full would then report as failed
        what is already safe in the log.
        """
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            return
        if size < self._checkpoint_at:
            return
        try:
            try:
                await self._checkpoint()
            except ReadersInTheWayError:
                if size < LONGEST_LOG_BYTES:
                    return  # it is tried again before the next write
                async with self._all_readers():
                    await self._checkpoint()
            self._checkpoint_at = CHECKPOINT_BYTES
        except StorageError as error:
            logger.warning("the log is kept and grows, since it cannot be moved: %s", error)
            self._checkpoint_at = size + CHECKPOINT_BYTES
            if self._writer.invalid:
                await self._open_anew()

    async def _checkpoint(self) -> None:
        await self._writer.script("CHECKPOINT")
        await self._writer.flush()

    async def _open_anew(self) -> None:
        """After a fatal error, once nobody reads; the caller has the writer's turn."""
        async with self._all_readers() as readers:
            if not any(connection.invalid for connection in (self._writer, *readers)):
                return  # another caller was faster
            try:
                with translated(self.path):
                    await self._threads.run(lambda: self._disconnect(readers))
                    readers[:] = await self._reading_threads.run(self._connect)
            except StorageError as error:
                # The old connections answer with an error, and the next caller tries again.
                logger.error("the database could not be opened anew: %s", error)

    def _connect(self) -> list[DuckDBConnection]:
        """Open the file and the writing connection, and answer with those for reading."""
        if not self.path.exists():
            _create(self.path)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._memory_limit,
            "wal_autocheckpoint": "1TB",
        }
        self._main = duckdb.connect(self.path, config=config)
        plain, writing, *reading = (self._main.cursor() for _ in range(2 + READERS))
        for cursor in (plain, writing, *reading):
            cursor.execute("SET TimeZone = 'UTC'")
        plain.execute("PRAGMA disable_optimizer")
        # COPY, ATTACH and read_csv reach files and the network; nothing here needs them.
        self._main.execute("SET enable_external_access = false")
        self._main.execute("SET lock_configuration = true")
        self._writer = DuckDBConnection(writing, self.path, self._threads, plain)
        return [DuckDBConnection(one, self.path, self._reading_threads) for one in reading]

    def _disconnect(self, readers: Sequence[DuckDBConnection]) -> None:
        for connection in (*readers, self._writer):
            connection.close()
        self._main.close()

    def _copy(self, label: str, readers: list[DuckDBConnection]) -> Path:
        # Closing writes the log into the file. Copying while it is open would drop its lock: POSIX
        # gives up a process's locks on a file when it closes any descriptor of that file.
        self._disconnect(readers)
        try:
            if self._log.exists():
                raise StorageError(
                    f"{self.path} cannot be copied: its log {self._log.name} could not be written "
                    "into it. Make room on its disk first."
                )
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
            readers[:] = self._connect()


def _create(path: Path) -> None:
    """Make an empty database, whole or not at all; of two that do so at once the first wins."""
    # It has what users ask, which is for nobody else to read.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        duckdb.connect(draft).close()
        draft.chmod(0o600)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
