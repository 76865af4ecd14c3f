"""What an engine gives to the rest of storage, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

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

    async def script(self, text: str) -> None:
        """Run the statements of a migration, likewise."""


class Database(Protocol):
    """An open database.

    Every method raises a `StorageError` of `errors.py` and no error of its driver.
    """

    engine: str
    location: str

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that sees one state of the database throughout."""

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """The one writing connection: commits at the end, rolls back on an error."""

    async def backup(self, label: str) -> str | None:
        """Copy the whole database; where the copy is, or None where others keep copies."""

    async def close(self) -> None:
        """Let go of the database; what was committed is on disk already."""
