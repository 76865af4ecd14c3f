"""Invocations in and out of the database."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from uuid import UUID

from pydantic import TypeAdapter

from session_buddy_skills.errors import InputError
from session_buddy_skills.models import END_FIELDS, Invocation
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.group_commit import Committed, GroupCommit
from session_buddy_skills.storage.ledger import End, Ledger, Put, Write, Written

ROWS_PER_COMMIT = 5_000
ROWS_PER_READ = 5_000

_ROWS = TypeAdapter(list[Invocation])
_PLAIN = {field.name for field in fields(Invocation)} - {"user", "user_query"}
"""The fields that are columns of the same name."""
_END = {"invocation_id", "outcome", *END_FIELDS}


class InvocationStore:
    """Every read and write of invocations; writes share transactions."""

    def __init__(self, database: Database, *, max_waiting: int) -> None:
        self.database = database
        self.writer: GroupCommit[Write, list[Written]] = GroupCommit(
            self._commit, rows_per_commit=ROWS_PER_COMMIT, max_waiting=max_waiting
        )

    async def write(self, write: Write) -> list[Written]:
        """Apply one write; it is on disk when this answers.

        Raises:
            InputError: it contradicts what is stored; nothing of it is kept.
            StorageError: the disk did not take it; nothing of it is kept.
        """
        return await self.writer.submit(write, len(write) if isinstance(write, tuple) else 1)

    async def close(self) -> None:
        """Write what is waiting, then let go of the database."""
        await self.writer.close()
        await self.database.close()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[InvocationReader]:
        """Reads that all see the same state."""
        async with self.database.reading() as connection:
            yield InvocationReader(connection)

    async def _commit(self, writes: Sequence[Write]) -> Committed[list[Written]]:
        async with self.database.writing() as connection:
            ledger = Ledger(await _stored(connection, writes))
            results = [_apply(ledger, write) for write in writes]
            await _insert(connection, ledger.inserted)
            await _end(connection, ledger.updated)
        return Committed(results, connection.ended_at)


class InvocationReader:
    """Reads inside one transaction; rows are those of `sql/reading.sql`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def counts(self) -> Row:
        """Invocations by outcome, over everything."""
        [row] = await self._connection.fetch("count_invocations")
        return row

    async def skills_of_session(self, session_id: str) -> list[Row]:
        """One row per skill that the session used, most used first."""
        return await self._connection.fetch("skills_of_session", {"session_id": session_id})

    async def metrics(self, skill_name: str | None) -> list[Row]:
        """One row per skill, most used first; of one skill if named."""
        return await self._connection.fetch("metrics_of_skills", {"skill_name": skill_name})

    async def breakdown(self, skill_name: str | None) -> list[Row]:
        """Counts by skill, kind and value, most frequent first within a kind."""
        return await self._connection.fetch("breakdown_of_skills", {"skill_name": skill_name})

    async def invocations(self) -> AsyncIterator[list[Invocation]]:
        """All invocations, oldest first, some thousands at a time."""
        async for rows in self._connection.stream("all_invocations", size=ROWS_PER_READ):
            yield [Invocation.from_row(row) for row in rows]


def query_id(text: str) -> UUID:
    """The id of a query text: 128 bits of its BLAKE2b hash, in the form of a UUIDv8 (RFC 9562)."""
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())
    digest = digest & ~(0xF << 76) | 8 << 76
    return UUID(int=digest & ~(0x3 << 62) | 2 << 62)


def _apply(ledger: Ledger, write: Write) -> list[Written] | InputError:
    try:
        match write:
            case Put():
                return [ledger.put(write)]
            case End():
                return [ledger.end(write)]
            case _:
                return ledger.put_all(write)
    except InputError as refused:
        return refused


async def _stored(connection: Connection, writes: Sequence[Write]) -> list[Invocation]:
    """The stored invocations that the writes may concern."""
    puts = [put for write in writes if not isinstance(write, End) for put in _puts(write)]
    ends = [write for write in writes if isinstance(write, End)]
    put_ids = {put.invocation.invocation_id for put in puts if not put.new_id}
    ids = put_ids | {end.invocation_id for end in ends if end.invocation_id}
    uses = {(end.session_id, end.skill_name) for end in ends if end.invocation_id is None}
    rows: list[Row] = []
    if ids:
        rows += await connection.fetch("stored_by_id", {"invocation_ids": list(ids)})
    if uses:
        sessions, skills = zip(*uses, strict=True)
        rows += await connection.fetch(
            "stored_by_use", {"session_ids": list(sessions), "skill_names": list(skills)}
        )
    # Only a write that is sent again is compared with the stored text, so only then is it read.
    compared = {row["query_id"] for row in rows if row["invocation_id"] in put_ids} - {None}
    texts: dict[UUID, str] = {}
    if compared:
        found = await connection.fetch("query_texts", {"query_ids": list(compared)})
        texts = {row["query_id"]: row["query_text"] for row in found}
    unique = {row["invocation_id"]: row for row in rows}
    return [_from_row(row, texts) for row in unique.values()]


def _puts(write: Put | tuple[Put, ...]) -> tuple[Put, ...]:
    return write if isinstance(write, tuple) else (write,)


def _from_row(row: Row, texts: dict[UUID, str]) -> Invocation:
    row["user_query"] = texts.get(row.pop("query_id"))
    row["user"] = row.pop("user_hash")
    return Invocation.from_row(row)


async def _insert(connection: Connection, rows: list[Invocation]) -> None:
    ids = {row.user_query: query_id(row.user_query) for row in rows if row.user_query}
    await _insert_queries(connection, ids)
    query_ids = [str(ids[row.user_query]) if row.user_query else None for row in rows]
    if len(rows) == 1:
        record = {name: getattr(rows[0], name) for name in _PLAIN}
        record |= {"user_hash": rows[0].user, "query_id": query_ids[0]}
        await connection.execute("insert_invocation", record)
    elif rows:
        text = _ROWS.dump_json(rows, exclude={"__all__": {"user_query"}}, exclude_none=True)
        await connection.execute(
            "insert_invocations", {"rows": text.decode(), "query_ids": query_ids}
        )


async def _insert_queries(connection: Connection, ids: dict[str, UUID]) -> None:
    if len(ids) == 1:
        [(text, key)] = ids.items()
        await connection.execute("insert_query", {"query_id": key, "query_text": text})
    elif ids:
        lists = {"query_ids": [str(key) for key in ids.values()], "query_texts": list(ids)}
        await connection.execute("insert_queries", lists)


async def _end(connection: Connection, rows: list[Invocation]) -> None:
    if len(rows) == 1:
        record = {name: getattr(rows[0], name) for name in _END}
        await connection.execute("end_invocation", record)
    elif rows:
        text = _ROWS.dump_json(rows, include={"__all__": _END}, exclude_none=True)
        await connection.execute("end_invocations", {"rows": text.decode()})
