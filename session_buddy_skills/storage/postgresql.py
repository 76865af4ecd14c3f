"""PostgreSQL: one database that many servers share.

One connection of the pool writes, the others read. Transactions are of the level REPEATABLE READ,
so that what a writer decides by what it has read fails, and can be tried again, where another
server has changed that meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import gethostname
from typing import Any

import anyio
import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from session_buddy_skills.errors import (
    ConnectionLostError,
    DatabaseAccessError,
    DatabaseUnreachableError,
    OverloadedError,
    ReadOnlyDatabaseError,
    SchemaError,
    StorageError,
    shown,
)
from session_buddy_skills.storage.database import Parameters, Row
from session_buddy_skills.storage.postgresql_address import address_without_user, parameters_not_in
from session_buddy_skills.storage.postgresql_connection import (
    GRACE_SECONDS,
    PostgreSQLConnection,
    deadline,
)
from session_buddy_skills.storage.queries import load_queries, positional

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
        self.location = address_without_user(url)
        self._url = url
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._writer_turn = asyncio.Lock()
        self._reader_turns = asyncio.Semaphore(READERS)
        self._closed = False
        self._own_pids: set[int] = set()
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            kwargs={
                **parameters_not_in(url),
                "autocommit": True,
                "client_encoding": "UTF8",
                "connect_timeout": max(2, round(connect_timeout)),  # libpq takes no less
                "cursor_factory": AsyncRawCursor,
                "row_factory": dict_row,
                # A prepared statement saves 0.1 ms, and is lost from sight where one that it
                # travels with fails.
                "prepare_threshold": None,
                "fallback_application_name": f"session-buddy-skills {gethostname()}:{os.getpid()}",
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
            DatabaseAccessError: it does not let us in.
            DatabaseUnreachableError: no connection was made in time; the message says why.
            SchemaError: the schema that the address names does not exist.
        """
        database = cls(url, connect_timeout=connect_timeout, statement_timeout=statement_timeout)
        ready = False
        try:
            error = await database._attempt()
            if isinstance(error, DatabaseAccessError):
                raise error
            await database._pool.open(wait=True, timeout=connect_timeout)
            await database._look_at_schema()
            ready = True
        except PoolTimeout as timeout:
            raise await database._why_not_connected() from timeout
        finally:
            if not ready:
                with anyio.CancelScope(shield=True):
                    await database._pool.close()
        return database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._turn(self._reader_turns), self._transaction(_READ) as connection:
            yield connection

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        async with self.reading() as connection:
            return await connection.fetch(query, parameters)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._writer_turn, self._transaction(_WRITE) as connection:
            yield connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[PostgreSQLConnection]:
        async with self._writer_turn, self._transaction(_MIGRATE) as connection:
            lock_timeout = f"{self._statement_timeout * 1e3:.0f}ms"
            await connection.fetch("allow_migration", {"lock_timeout": lock_timeout})
            await connection.fetch("lock_schema")
            yield connection

    async def size_bytes(self) -> int:
        async with self.reading() as connection:
            [row] = await connection.fetch("database_size")
        return int(row["bytes"])

    async def others(self) -> list[str]:
        async with self.reading() as connection:
            rows = await connection.fetch("other_servers", {"own_pids": list(self._own_pids)})
        return [f"{row['name']} (pid {row['pid']} there)" for row in rows]

    async def backup(self, label: str) -> None:
        """Nothing: a PostgreSQL is copied by those who run it, for example with `pg_dump`."""

    async def release_memory(self) -> None:
        pass

    async def close(self) -> None:
        """Let go of the connections, once nobody uses them; what is asked afterwards is refused."""
        self._closed = True
        async with AsyncExitStack() as turns:
            turns.push_async_callback(self._pool.close)
            await turns.enter_async_context(self._writer_turn)
            for _ in range(READERS):
                await turns.enter_async_context(self._reader_turns)

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._statement_timeout):
                await turns.acquire()
        except TimeoutError as error:
            raise OverloadedError(
                f"all {READERS} connections that read {self.location} were busy for "
                f"{self._statement_timeout:g} s; send this again later."
            ) from error
        try:
            yield
        finally:
            turns.release()

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[PostgreSQLConnection]:
        raw = await self._connect()
        connection = PostgreSQLConnection(raw, self.location, self._statement_timeout)
        try:
            connection.begin(begin)
            yield connection
            await connection.commit()
        except (ConnectionLostError, ReadOnlyDatabaseError):
            # Its server is gone, or no longer the one to write to, and so for the others.
            await self._pool.drain()
            raise
        finally:
            # Not to be stopped half-way, however often the caller is cancelled.
            await asyncio.shield(self._give_back(raw, connection))

    async def _give_back(self, raw: AsyncConnection[Row], connection: PostgreSQLConnection) -> None:
        await connection.roll_back()
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
        error = await self._attempt()
        return error or DatabaseUnreachableError(
            f"{self.location} could not be reached, and has just come back."
        )

    async def _attempt(self) -> StorageError | None:
        """Connect apart from the pool; what went wrong."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                connection = await AsyncConnection.connect(self._url)
        except TimeoutError:
            return DatabaseUnreachableError(f"{self.location} cannot be reached: no answer.")
        except psycopg.Error as error:
            reason = _reason(error)
            if re.search(_KEEPS_OUT, reason):
                return DatabaseAccessError(f"{self.location} does not let us in: {reason}.")
            return DatabaseUnreachableError(f"{self.location} cannot be reached: {reason}.")
        await connection.close()
        return None

    async def _look_at_schema(self) -> None:
        async with self.reading() as connection:
            [row] = await connection.fetch("current_schema")
        if row["encoding"] != "UTF8":
            raise SchemaError(
                f"{self.location} has the encoding {row['encoding']}, not UTF8, which texts need; "
                "choose another database."
            )
        wanted = _first_name(row["search_path"])
        if row["name"] is None or wanted not in (row["name"], "$user"):
            raise SchemaError(
                f"{self.location} has no schema {shown(wanted)} that this user may use; make it "
                "with CREATE SCHEMA, and let this user create tables in it."
            )
        if row["name"] != "public":
            self.location += f" schema {row['name']}"

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        text, _ = positional(load_queries("postgresql")["configure_session"].text)
        milliseconds = f"{self._statement_timeout * 1e3:.0f}ms"
        async with deadline(connection, self._connect_timeout):
            await connection.execute(text.encode(), [milliseconds])
        self._own_pids.add(connection.info.backend_pid)


_KEEPS_OUT = (
    "authentication failed|no password supplied|does not exist|no pg_hba.conf entry|"
    "not permitted to log in|permission denied"
)
"""What libpq says, in English, where trying again does not help; it gives no SQLSTATE."""


def _first_name(search_path: str) -> str:
    """The first schema of a search path, as PostgreSQL reads it."""
    match = re.match(r'^\s*(?:"((?:[^"]|"")*)"|([^,]*))', search_path)
    quoted, plain = match.groups(default="") if match else ("", "")
    return quoted.replace('""', '"') or plain.strip().lower()


def _reason(error: psycopg.Error) -> str:
    """What libpq says, without its question whether a server is running there."""
    text = " ".join(str(error).split())
    return re.sub(r" Is the server running .*?\?", "", text).rstrip(".")
