"""Looks for what must not be in a database."""

from __future__ import annotations

from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.store import InvocationReader

_FAULTS = {
    "duplicate_ids": "invocation {} is stored more than once",
    "duplicate_calls": "the call of invocation {} is stored more than once",
    "missing_queries": "invocation {} refers to a query that is not stored",
    "pending_with_an_end": "invocation {} is pending and has an end",
    "calls_of_nothing": "the call of invocation {} is stored, and the invocation is not",
}


async def find_faults(database: Database) -> tuple[int, list[str]]:
    """Read every invocation; how many there are, and up to ten faults of each kind.

    Raises:
        StorageError: a part of the database cannot be read.
    """
    async with database.reading() as connection:
        rows = 0
        async for invocations in InvocationReader(connection).invocations():
            rows += len(invocations)
        faults = [
            sentence.format(row["invocation_id"])
            for query, sentence in _FAULTS.items()
            for row in await connection.fetch(query)
        ]
    return rows, faults
