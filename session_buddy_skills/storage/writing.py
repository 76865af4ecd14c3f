"""A group of writes into the database, in one transaction.

A transaction that fails because of others is tried again: for some time where other servers' writes
are in its way, and once where the connection breaks. In that case it is not known whether it was
stored; so what it came to is looked for by its ids, and what is stored already stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from uuid import UUID

from pydantic import TypeAdapter

from session_buddy_skills.errors import (
    ConnectionLostError,
    InputError,
    StorageError,
)
from session_buddy_skills.models import CALL_FIELDS, END_FIELDS, Invocation
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.group_commit import Committed
from session_buddy_skills.storage.ledger import End, Ledger, Put, Write, Written
from session_buddy_skills.storage.retrying import write_among_others

_ROWS = TypeAdapter(list[Invocation])
_PLAIN = {field.name for field in fields(Invocation)} - {"user", "user_query", *CALL_FIELDS}
"""The fields that callers state and that are columns of the same name."""
_END = {"invocation_id", "outcome", *END_FIELDS} - {"follow_up_actions"}
_ACTIONS = {"invocation_id", "follow_up_actions"}
_CALL = {"session_id", "invocation_id", *CALL_FIELDS}

Result = list[Written] | InputError
"""What became of one write."""


async def commit_group(database: Database, writes: Sequence[Write]) -> Committed[list[Written]]:
    """Write a group, and answer what became of each once all of it is on disk.

    Raises:
        ContentionError: others were in the way too often; nothing is stored.
        ConnectionLostError: the connection broke and did not come back in time; the group is stored
            whole or not at all.
        StorageError: the database did not take it; nothing is stored.
    """
    results: list[Result] = []
    try:
        return await _commit_among_others(database, writes, results)
    except ConnectionLostError as lost:
        if not results:  # nothing was on its way yet
            return await _commit_among_others(database, writes, results)
        try:
            return await _commit_among_others(database, _again(writes), [], before=results)
        except StorageError as error:
            raise ConnectionLostError(f"{lost} Since then: {error}") from error


async def _commit_among_others(
    database: Database,
    writes: Sequence[Write],
    results: list[Result],
    before: Sequence[Result] = (),
) -> Committed[list[Written]]:
    """Write the group; `results` is filled before anything is sent.

    `before` is what the group came to the first time: now it is stored, whole, or nothing of it.
    """

    async def work(connection: Connection) -> None:
        results.clear()
        ledger = Ledger(await _stored(connection, writes, before))
        if before:
            pairs = zip(writes, before, strict=True)
            results.extend(_apply_again(ledger, write, first) for write, first in pairs)
        else:
            results.extend(_apply(ledger, write) for write in writes)
        await insert_rows(connection, ledger.inserted)
        await _end(connection, ledger.updated)
        await _set_actions(connection, ledger.acted_on)

    try:
        _, on_disk_at = await write_among_others(database, work)
    except ConnectionLostError as lost:
        if not results:
            raise
        raise ConnectionLostError(
            f"{lost} What was being written may be stored or not: send it again with the same "
            "invocation_id; without one, look first."
        ) from lost
    return Committed(results, on_disk_at)


def _again(writes: Sequence[Write]) -> list[Write]:
    """The writes as they may be sent again: ids that were new may be stored."""
    again: list[Write] = []
    for write in writes:
        if isinstance(write, Put):
            again.append(replace(write, new_id=False))
        elif isinstance(write, End):
            again.append(write)
        else:
            again.append(tuple(replace(put, new_id=False) for put in write))
    return again


def _apply_again(ledger: Ledger, write: Write, first: Result) -> Result:
    """What became of the write, now or the first time."""
    if isinstance(write, End):
        if isinstance(first, list):
            # Ended just so, it was this write that ended it; by name it would now end another.
            ended = first[0].invocation
            if ledger.holds(ended):
                return first
            # The first try may still be under way: of two that end one row, one has to give way.
            if ledger.is_pending(ended.invocation_id):
                write = replace(write, invocation_id=ended.invocation_id)
        return _apply(ledger, write)
    second = _apply(ledger, write)
    return first if isinstance(first, list) and isinstance(second, list) else second


def query_id(text: str) -> UUID:
    """The id of a query text: 128 bits of its BLAKE2b hash, in the form of a UUIDv8 (RFC 9562)."""
    digest = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())
    digest = digest & ~(0xF << 76) | 8 << 76
    return UUID(int=digest & ~(0x3 << 62) | 2 << 62)


def _apply(ledger: Ledger, write: Write) -> Result:
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


async def _stored(
    connection: Connection, writes: Sequence[Write], before: Sequence[Result]
) -> list[Invocation]:
    """The stored invocations that the writes may concern, or have concerned."""
    puts = [put for write in writes if not isinstance(write, End) for put in _puts(write)]
    ends = [write for write in writes if isinstance(write, End)]
    put_ids = {put.invocation.invocation_id for put in puts if not put.new_id}
    ids = put_ids | {end.invocation_id for end in ends if end.invocation_id}
    ids |= {
        one.invocation.invocation_id for some in before if isinstance(some, list) for one in some
    }
    uses = {(end.session_id, end.skill_name) for end in ends if end.invocation_id is None}
    rows: list[Row] = []
    if len(ids) == 1:
        rows += await connection.fetch("stored_one", {"invocation_id": ids.pop()})
    elif ids:
        rows += await connection.fetch("stored_by_id", {"invocation_ids": list(ids)})
    if uses:
        sessions, skills = zip(*uses, strict=True)
        rows += await connection.fetch(
            "stored_by_use", {"session_ids": list(sessions), "skill_names": list(skills)}
        )
    # Only a write that is sent again is compared with the stored text, so only then is it read.
    compared = [row for row in rows if row["invocation_id"] in put_ids]
    texts = await texts_of(connection, compared)
    unique = {row["invocation_id"]: row for row in rows}
    return [from_row(row, texts) for row in unique.values()]


def _puts(write: Put | tuple[Put, ...]) -> tuple[Put, ...]:
    return write if isinstance(write, tuple) else (write,)


async def stored_whole(connection: Connection, invocation_ids: Iterable[UUID]) -> list[Row]:
    """The rows of `stored_by_id`, with what is known of their calls."""
    rows = await connection.fetch("stored_by_id", {"invocation_ids": list(invocation_ids)})
    found = {"invocation_ids": [row["invocation_id"] for row in rows]}
    calls = await connection.fetch("calls_by_id", found) if rows else []
    told = {call["invocation_id"]: call for call in calls}
    return [row | told.get(row["invocation_id"], {}) for row in rows]


async def texts_of(connection: Connection, rows: Sequence[Row]) -> dict[UUID, str]:
    """The texts of the queries of stored rows, by their ids."""
    ids = list({row["query_id"] for row in rows} - {None})
    found = await connection.fetch("query_texts", {"query_ids": ids}) if ids else []
    return {row["query_id"]: row["query_text"] for row in found}


def from_row(row: Row, texts: dict[UUID, str]) -> Invocation:
    """A row of `stored_by_id` and the like as an invocation; the row is used up."""
    row["user_query"] = texts.get(row.pop("query_id"))
    row["user"] = row.pop("user_hash")
    return Invocation.from_row(row)


async def insert_rows(connection: Connection, rows: Sequence[Invocation]) -> None:
    """Store invocations that are not stored, and the texts of their queries."""
    ids = {row.user_query: query_id(row.user_query) for row in rows if row.user_query}
    await _insert_queries(connection, ids)
    query_ids = [ids[row.user_query] if row.user_query else None for row in rows]
    if len(rows) == 1:
        record = {name: getattr(rows[0], name) for name in _PLAIN}
        record |= {"user_hash": rows[0].user, "query_id": query_ids[0]}
        await connection.execute("insert_invocation", record)
    elif rows:
        await connection.insert_invocations(rows, query_ids)
    if calls := [row for row in rows if row.tells_of_its_call]:
        text = _ROWS.dump_json(calls, include={"__all__": _CALL}, exclude_none=True)
        await connection.execute("insert_calls", {"rows": text.decode()})


async def delete_rows(connection: Connection, invocation_ids: Sequence[UUID]) -> None:
    """Take out invocations; the texts of their queries stay."""
    for query in ("delete_invocations", "delete_calls"):
        await connection.execute(query, {"invocation_ids": list(invocation_ids)})


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


async def _set_actions(connection: Connection, rows: list[Invocation]) -> None:
    if rows:
        text = _ROWS.dump_json(rows, include={"__all__": _ACTIONS})
        await connection.execute("set_follow_up_actions", {"rows": text.decode()})
