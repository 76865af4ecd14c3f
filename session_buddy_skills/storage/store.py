"""Invocations in and out of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from session_buddy_skills.models import Invocation
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.group_commit import Committed, GroupCommit
from session_buddy_skills.storage.ledger import Write, Written
from session_buddy_skills.storage.retrying import fetch, read, write_repeatably
from session_buddy_skills.storage.shared_read import SharedRead
from session_buddy_skills.storage.writing import commit_group

T = TypeVar("T")

ROWS_PER_COMMIT = 5_000
ROWS_PER_READ = 5_000


class InvocationStore:
    """Every read and write of invocations; writes share transactions."""

    def __init__(
        self,
        database: Database,
        *,
        max_waiting: int,
        on_written: Callable[[Sequence[Written]], None] = lambda _written: None,
    ) -> None:
        self.database = database
        self._on_written = on_written
        self.writer: GroupCommit[Write, list[Written]] = GroupCommit(
            self._commit,
            rows_per_commit=ROWS_PER_COMMIT,
            max_waiting=max_waiting,
        )
        self._totals = SharedRead(self._read_totals)

    async def _commit(self, writes: Sequence[Write]) -> Committed[list[Written]]:
        committed = await commit_group(self.database, writes)
        for result in committed.results:
            if isinstance(result, list):
                self._on_written(result)
        return committed

    async def write(self, write: Write) -> list[Written]:
        """Apply one write; it is on disk when this answers.

        Raises:
            InputError: it contradicts what is stored; nothing of it is kept.
            StorageError: the disk did not take it; nothing of it is kept.
        """
        return await self.writer.submit(write, len(write) if isinstance(write, tuple) else 1)

    async def record_git_metrics(self, row: Row) -> None:
        """Keep what was measured of a session; the same row twice is kept once."""

        async def work(connection: Connection) -> None:
            await connection.execute("insert_git_metrics", row)

        await write_repeatably(self.database, work)

    async def close(self) -> None:
        """Write what is waiting, then let go of the database."""
        await self.writer.close()
        await self.database.close()

    async def totals(self) -> Row:
        """How many invocations there are, and how many are pending."""
        return await self._totals.answer()

    async def _read_totals(self) -> Row:
        [totals] = await self.rows("count_pending")
        return totals

    async def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of one query on invocations, in `sql/`."""
        return await fetch(self.database, query, parameters)

    async def read(self, work: Callable[[InvocationReader], Awaitable[T]]) -> T:
        """What `work` makes of reads that all see the same state; it may be asked twice."""
        return await read(self.database, lambda connection: work(InvocationReader(connection)))


class InvocationReader:
    """Reads inside one transaction; rows are those of `sql/reading.sql` if not said otherwise."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def counts(self) -> Row:
        """Invocations by outcome, over everything."""
        [row] = await self._connection.fetch("count_invocations")
        return row

    async def session(self, session_id: str) -> tuple[list[Row], Row | None]:
        """One row per skill that the session used, most used first; its newest git metrics."""
        named = {"session_id": session_id}
        skills = await self._connection.fetch("skills_of_session", named)
        git = await self._connection.fetch("git_metrics_of_session", named)
        return skills, git[0] if git else None

    async def metrics(self, skill_name: str | None) -> list[Row]:
        """One row per skill, most used first; of one skill if named."""
        return await self._connection.fetch("metrics_of_skills", {"skill_name": skill_name})

    async def breakdown(self, skill_name: str | None) -> list[Row]:
        """Counts by skill, kind and value, most frequent first within a kind."""
        return await self._connection.fetch("breakdown_of_skills", {"skill_name": skill_name})

    async def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows of a query on invocations, in `sql/`."""
        return await self._connection.fetch(query, parameters)

    async def invocations(self) -> AsyncIterator[list[Invocation]]:
        """All invocations, oldest first, some thousands at a time."""
        async for rows in self._connection.stream("all_invocations", size=ROWS_PER_READ):
            yield [Invocation.from_row(row) for row in rows]
