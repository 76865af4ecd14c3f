"""PostgreSQL: one database that many servers share.

One connection of the pool writes, the others read. Transactions are of the level REPEATABLE READ,
so that what a writer decides by what it has read fails, and can be tried again, where another
server has changed that meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from session_buddy_skills.errors import (
    ConnectionLostError,
    DatabaseUnreachableError,
    OverloadedError,
    SettingsError,
    StorageError,
)
from session_buddy_skills.settings import PREFIX
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.postgresql_connection import (
    GRACE_SECONDS,
    PostgreSQLConnection,
    positional,
    translated,
)
from session_buddy_skills.storage.queries import load_queries

READERS = 3

_WRITE = "BEGIN ISOLATION LEVEL REPEATABLE READ"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What was committed while this waited for its turn must be seen.
_MIGRATE = "BEGIN ISOLATION LEVEL READ COMMITTED"


class PostgreSQLDatabase:
    """A pool of connections to one database."""

    engine = "postgresql"

    def __init__(self, url: str, *, connect_timeout: float, statement_timeout: float) -> None:
        """A database that is not open yet.

        Raises:
            SettingsError: the address is not valid.
        """
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise SettingsError(
                f"{PREFIX}DATABASE is not a PostgreSQL address: {str(error).strip()}."
            ) from error
        host, port = parts.get("host") or "localhost", parts.get("port") or 5432
        self.location = f"postgresql://{host}:{port}/{parts.get('dbname', '')}"
        self._url = url
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._writer_turn = asyncio.Lock()
        self._reader_turns = asyncio.Semaphore(READERS)
        self._closed = False
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "cursor_factory": AsyncRawCursor,
                "row_factory": dict_row,
                # A prepared statement saves 0.1 ms, and is lost from sight where one that it
                # travels with fails.
                "prepare_threshold": None,
                "fallback_application_name": "session-buddy-skills",
            },
            min_size=1,
            max_size=1 + READERS,
            open=False,
            configure=self._configure,
            name=self.location,
            timeout=connect_timeout,
            # Whoever asks next connects anew; waiting longer and longer would outlast an outage.
            reconnect_timeout=connect_timeout,
        )

    @classmethod
    async def open(
        cls, url: str, *, connect_timeout: float = 5, statement_timeout: float = 30
    ) -> PostgreSQLDatabase:
        """Connect, waiting for a server that is just starting.

        Args:
            connect_timeout: seconds that anyone waits for a connection.
            statement_timeout: seconds that one statement may take.

        Raises:
            SettingsError: the address is not valid.
            DatabaseUnreachableError: no connection was made in time; the message says why.
        """
        database = cls(url, connect_timeout=connect_timeout, statement_timeout=statement_timeout)
        try:
            await database._pool.open(wait=True, timeout=connect_timeout)
        except PoolTimeout as error:
            raise await database._why_not_connected() from error
        return database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._turn(self._reader_turns), self._transaction(_READ) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._writer_turn, self._transaction(_WRITE) as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._writer_turn, self._transaction(_MIGRATE, in_time=False) as connection:
            lock_timeout = f"{self._statement_timeout * 1e3:.0f}ms"
            await connection.fetch("allow_migration", {"lock_timeout": lock_timeout})
            await connection.fetch("lock_schema")
            yield connection

    async def size_bytes(self) -> int:
        async with self.reading() as connection:
            [row] = await connection.fetch("database_size")
        return int(row["bytes"])

    async def backup(self, label: str) -> None:
        """Nothing: a PostgreSQL is copied by those who run it, for example with `pg_dump`."""

    async def close(self) -> None:
        """Let go of the connections, once nobody uses them; what is asked afterwards is refused."""
        self._closed = True
        async with self._writer_turn, asyncio.TaskGroup() as turns:
            for _ in range(READERS):
                turns.create_task(self._reader_turns.acquire())
        for _ in range(READERS):
            self._reader_turns.release()
        await self._pool.close()

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._connect_timeout):
                await turns.acquire()
        except TimeoutError as error:
            raise OverloadedError(
                f"all {READERS} connections that read {self.location} were busy for "
                f"{self._connect_timeout:g} s; send this again later."
            ) from error
        try:
            yield
        finally:
            turns.release()

    @asynccontextmanager
    async def _transaction(
        self, begin: str, *, in_time: bool = True
    ) -> AsyncIterator[PostgreSQLConnection]:
        raw = await self._connect()
        try:
            seconds = self._statement_timeout + GRACE_SECONDS if in_time else None
            connection = PostgreSQLConnection(raw, self.location, seconds)
            async with connection.transaction(begin):
                yield connection
        except ConnectionLostError:
            # Its server is gone, and with it most likely every other connection.
            await self._pool.drain()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._pool.putconn(raw)

    async def _connect(self) -> AsyncConnection[Row]:
        if self._closed:
            raise StorageError(f"the database {self.location} is closed.")
        try:
            return await self._pool.getconn()
        except PoolClosed as error:
            raise StorageError(f"the database {self.location} is closed.") from error
        except PoolTimeout as error:
            raise await self._why_not_connected() from error

    async def _why_not_connected(self) -> StorageError:
        """The pool says only that time is up; one more attempt says why."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                connection = await AsyncConnection.connect(self._url)
        except TimeoutError:
            reason = "it does not answer"
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
        else:
            await connection.close()
            reason = "it has just come back"
        return DatabaseUnreachableError(
            f"{self.location} cannot be reached: {reason}. Send this again later."
        )

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        text, _ = positional(load_queries("postgresql")["configure_session"].text)
        milliseconds = f"{self._statement_timeout * 1e3:.0f}ms"
        with translated(self.location):
            await connection.execute(text.encode(), [milliseconds])
