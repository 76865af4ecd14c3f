"""What an engine gives to the rest of storage, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from session_buddy_skills.models import Invocation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = dict[str, Any]
Parameters = Mapping[str, Any]


class Connection(Protocol):
    """One connection, used by one caller at a time, inside one transaction."""

    ended_at: float
    """When its last statement, after a transaction its COMMIT, was done; `time.perf_counter()`."""

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        """All rows of the named query."""

    def stream(
        self, query: str, parameters: Parameters | None = None, *, size: int
    ) -> AsyncIterator[list[Row]]:
        """The rows of the named query, `size` at a time."""

    async def execute(self, query: str, parameters: Parameters | None = None) -> None:
        """Run the named query for its effect, by the next fetch or the end of the transaction."""

    async def insert_invocations(
        self, rows: Sequence[Invocation], query_ids: Sequence[UUID | None]
    ) -> None:
        """Store many invocations, each with the id of its query, likewise."""

    async def insert_embeddings(
        self, text_ids: Sequence[UUID], model: str, vectors: NDArray[np.float32]
    ) -> None:
        """Store (n, d) vectors of n texts, those that are not stored yet, likewise."""

    async def script(self, text: str) -> None:
        """Run the statements of a migration, likewise."""


class Database(Protocol):
    """An open database.

    Every method raises a `StorageError` of `errors.py` and no error of its driver.
    """

    engine: str
    location: str

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that sees one state of the database throughout.

        Raises:
            ConnectionLostError: the connection broke; the same may be asked again.
        """

    async def fetch(self, query: str, parameters: Parameters | None = None) -> list[Row]:
        """All rows of the named query, which sees one state of the database by itself.

        Raises:
            ConnectionLostError: the connection broke; the same may be asked again.
        """

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """The one writing connection: commits at the end, rolls back on an error.

        What it reads is one state of the database, on which its writes rest.

        Raises:
            ContentionError: another process changed what this one was to change; nothing is
                stored, and the same may be tried again.
            ConnectionLostError: the connection broke; all of it is stored or nothing.
        """

    def migrating(self) -> AbstractAsyncContextManager[Connection]:
        """A writing connection that has the schema to itself, among all processes."""

    async def size_bytes(self) -> int:
        """How much room the database takes."""

    async def others(self) -> list[str]:
        """What the other processes that have it open are called."""

    async def backup(self, label: str) -> str | None:
        """Copy the whole database; where the copy is, or None where others keep copies."""

    async def release_memory(self) -> None:
        """Give back what is held of data that was read, where this process holds it."""

    async def close(self) -> None:
        """Let go of the database; what was committed is on disk already."""
