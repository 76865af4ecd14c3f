"""Imports in and out of the database: what each run brought, so that it can be taken out again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from session_buddy_skills.models import Invocation
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.import_plan import ENDING, INVOCATION, Kept, note, plan_of
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.retrying import read, write_in_turn
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.writing import (
    delete_rows,
    from_row,
    insert_rows,
    stored_whole,
    texts_of,
)

T = TypeVar("T")


@dataclass(slots=True)
class Removed:
    """What was taken out."""

    invocations: int = 0
    restored: int = 0
    kept: int = 0
    items: int = 0


class ImportStore:
    """Reads and writes runs, and what they bring."""

    def __init__(
        self,
        store: InvocationStore,
        on_written: Callable[[Sequence[Written]], None] = lambda _written: None,
    ) -> None:
        self._store = store
        self._database: Database = store.database
        self._on_written = on_written

    async def any_run(self) -> bool:
        """Whether anything was ever imported."""
        [row] = await self._fetch("count_imports")
        return bool(row["imports"])

    async def names_in_catalog(self) -> list[str]:
        """Names of all skills that are described."""
        return [row["skill_name"] for row in await self._fetch("names_in_catalog")]

    async def stored(self, invocation_ids: Sequence[UUID]) -> list[Invocation]:
        """These invocations, as far as they are stored."""

        async def work(connection: Connection) -> list[Invocation]:
            rows = await stored_whole(connection, invocation_ids)
            texts = await texts_of(connection, rows)
            return [from_row(row, texts) for row in rows]

        return await read(self._database, work)

    async def backup(self) -> str | None:
        """Copy the database before the first import; None where others keep copies."""
        return await self._store.writer.between(lambda: self._database.backup("import"))

    async def runs(self, run_id: UUID | None = None) -> tuple[list[Row], dict[UUID, list[Row]]]:
        """Runs, newest first, and the files of each."""

        async def work(connection: Connection) -> tuple[list[Row], dict[UUID, list[Row]]]:
            rows = await connection.fetch("imports", {"run_id": run_id})
            files: dict[UUID, list[Row]] = {}
            for file in await connection.fetch("import_files", {"run_id": run_id}):
                files.setdefault(file["run_id"], []).append(file)
            return rows, files

        return await read(self._database, work)

    async def begin(self, run: Row) -> None:
        """Note that a run begins."""
        await self._write(lambda connection: connection.execute("insert_import", run))

    async def end(self, run_id: UUID, status: str) -> None:
        """Note how a run ended."""
        row = {"run_id": run_id, "status": status, "ended_at": datetime.now(UTC)}
        await self._write(lambda connection: connection.execute("end_import", row))

    async def known(self, invocations: Sequence[Invocation], formers: Mapping[UUID, UUID]) -> Kept:
        """What `keep` would do."""

        async def work(connection: Connection) -> Kept:
            plan = await plan_of(connection, invocations, formers)
            return plan.counts

        return await read(self._database, work)

    async def keep(
        self, file: Row, invocations: Sequence[Invocation], formers: Mapping[UUID, UUID]
    ) -> Kept:
        """Store what is not stored, and the ends of what was stored without one.

        What is stored otherwise stays as it is; what is stored under a former id bears the new one
        from then on. `file` is a row of `skill_import_file`. All of it or nothing; in between
        nothing else is written.
        """
        written: list[Written] = []

        async def work(connection: Connection) -> Kept:
            plan = await plan_of(connection, invocations, formers)
            written[:] = plan.written
            if plan.gone:
                await delete_rows(connection, plan.gone)
            await insert_rows(connection, plan.rows)
            await note(connection, file["run_id"], plan)
            await connection.execute("insert_import_file", file)
            return plan.counts

        kept = await self._store.writer.between(
            lambda: write_in_turn(self._database, "imports", work)
        )
        self._on_written(written)
        return kept

    async def keep_items(self, file: Row, items: Sequence[tuple[str, Sequence[str], Row]]) -> int:
        """Add rows of other tables that are not there, likewise; how many there were.

        Each is a relation, the columns of its key, and the row.
        """

        async def work(connection: Connection) -> int:
            added = 0
            for relation, key, row in items:
                new = bool(await connection.fetch(f"import_{relation}", row))
                added += new
                noted = {"run_id": file["run_id"], "relation": relation}
                noted["item_key"] = json.dumps({name: row[name] for name in key})
                await connection.execute("insert_import_item" if new else "find_import_item", noted)
            await connection.execute("insert_import_file", file)
            return added

        return await self._write(work)

    async def undo(self, run_id: UUID) -> Removed:
        """Take out what only this run has brought; all of it or nothing."""

        async def work(connection: Connection) -> Removed:
            rows = await connection.fetch("removable_invocations", {"run_id": run_id})
            [run] = await connection.fetch("imports", {"run_id": run_id})
            removed = Removed()
            removed.kept = run["added"] + run["completed"] - len(rows)
            befores = {
                row["invocation_id"]: row["before"] for row in rows if row["change"] == "completed"
            }
            removed.restored = len(befores)
            removed.invocations = len(rows) - len(befores)
            restored = await _without_end(connection, befores)
            await delete_rows(connection, [row["invocation_id"] for row in rows])
            await insert_rows(connection, restored)
            await _forget_queries(connection, [row["query_id"] for row in rows if row["query_id"]])
            removed.items = await _remove_items(connection, run_id)
            await connection.execute("hand_over_records", {"run_id": run_id})
            await connection.execute("hand_over_items", {"run_id": run_id})
            await connection.execute("delete_import_records", {"run_id": run_id})
            await connection.execute("delete_import_items", {"run_id": run_id})
            ended = {"run_id": run_id, "status": "undone", "ended_at": datetime.now(UTC)}
            await connection.execute("end_import", ended)
            return removed

        return await self._store.writer.between(
            lambda: write_in_turn(self._database, "imports", work)
        )

    async def imported(self, run_id: UUID, *, size: int) -> AsyncIterator[list[Invocation]]:
        """What a run brought or found, as it is stored, some at a time."""
        async with self._database.reading() as connection:
            stream = connection.stream("imported_invocations", {"run_id": run_id}, size=size)
            async for rows in stream:
                yield [Invocation.from_row(row) for row in rows]

    async def _fetch(self, query: str) -> list[Row]:
        return await read(self._database, lambda connection: connection.fetch(query))

    async def _write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return await write_in_turn(self._database, "imports", work)


async def _without_end(connection: Connection, befores: dict[UUID, str]) -> list[Invocation]:
    """Invocations without what an import told of their end, and with what was added since."""
    if not befores:
        return []
    rows = await stored_whole(connection, befores)
    texts = await texts_of(connection, rows)
    restored = []
    for row in rows:
        stored = from_row(row, texts)
        before = INVOCATION.validate_json(befores[stored.invocation_id])
        restored.append(replace(stored, **{name: getattr(before, name) for name in ENDING}))
    return restored


async def _forget_queries(connection: Connection, query_ids: Sequence[UUID]) -> None:
    """Take out texts that nothing refers to any more, and their vectors."""
    ids = {"query_ids": list(dict.fromkeys(query_ids))}
    unused = [row["query_id"] for row in await connection.fetch("unused_queries", ids)]
    await connection.execute("delete_embeddings", {"query_ids": unused})
    await connection.execute("delete_queries", {"query_ids": unused})


async def _remove_items(connection: Connection, run_id: UUID) -> int:
    rows = await connection.fetch("import_items", {"run_id": run_id})
    for row in rows:
        await connection.execute(f"forget_{row['relation']}", json.loads(row["item_key"]))
    return len(rows)
