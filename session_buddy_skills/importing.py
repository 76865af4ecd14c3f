"""Takes histories in: each file is read whole before anything of it is written."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from anyio import to_thread
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import InputError
from session_buddy_skills.imports import (
    BadRecord,
    FileReport,
    ImportedInvocation,
    Importer,
    ImportReport,
    ImportRun,
    Kind,
    Options,
    Ordered,
    RefusedFile,
    Source,
    Undone,
    Validation,
)
from session_buddy_skills.intake import Intake
from session_buddy_skills.models import Outcome
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.import_store import ImportStore, Kept
from session_buddy_skills.validating import Comparing, Sums, digest

T = TypeVar("T")
RECORDS_AT_ONCE = 2_000
"""Records that are written in one transaction; callers that record wait a tenth of a second."""
REASONS_TOLD = 20
"""Bad records of a file that are told one by one."""


class Progress:
    """Hears how far an import is; does nothing with it."""

    def begin(self, total_bytes: int) -> None:
        """It begins, with so many bytes to read."""

    def at(self, done_bytes: int, records: int) -> None:
        """So many bytes are done, with so many records in them."""


@dataclass(slots=True)
class _Tally:
    """What was read, over all files."""

    records: int = 0
    skipped: int = 0
    kept: Kept = field(default_factory=Kept)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    files: list[FileReport] = field(default_factory=list)
    files_read: int = 0
    refused: list[RefusedFile] = field(default_factory=list)
    done_bytes: int = 0
    started: bool = False
    backup: str | None = None

    def see(self, one: ImportedInvocation) -> None:
        self.records += 1
        self.outcomes[one.resolved_outcome] += 1
        if one.invoked_at is not None:
            self.first = min(self.first or one.invoked_at, one.invoked_at)
            self.last = max(self.last or one.invoked_at, one.invoked_at)


class Importing:
    """Every use case of imports, once."""

    def __init__(self, store: ImportStore, intake: Intake) -> None:
        self._store = store
        self._intake = intake

    async def run(
        self, importer: Importer, order: Ordered, progress: Progress | None = None
    ) -> ImportReport:
        """Import files, or tell what would come.

        A file with a record that cannot be taken is refused whole, unless those are to be skipped.
        Interrupted, what was written stays, as a run that can be undone or gone on with.

        Raises:
            InputError: a path has nothing of this kind, or the time zone is not one.
        """
        options = order.options
        run = _Run(self._store, self._intake, order, progress or Progress())
        sources = (one for path in order.paths for one in importer.open(path, options))
        sizes = await to_thread.run_sync(lambda: [importer.size_bytes(one) for one in order.paths])
        run.progress.begin(sum(sizes))
        while (source := await to_thread.run_sync(next, sources, None)) is not None:
            await run.take(source)
        await run.end()
        return run.report()

    async def runs(self) -> list[ImportRun]:
        """All runs, newest first."""
        rows, files = await self._store.runs()
        return [
            ImportRun(**row, paths=[one["path"] for one in files.get(row["run_id"], [])[:3]])
            for row in rows
        ]

    async def validate(self, run_id: UUID, importers: Mapping[Kind, Importer]) -> Validation:
        """Hold the source of a run against what is stored of it, field by field.

        Raises:
            InputError: there is no such run, it was undone, or its source cannot be read.
        """
        row, files = await self._existing(run_id)
        stored, sums = await self._stored(run_id)
        zone = ZoneInfo(row["timezone"]) if row["timezone"] else None
        comparing = Comparing(stored, sums)
        for file in files:
            opened = importers[row["kind"]].open(
                Path(file["path"]), Options(zone, row["session_id"])
            )
            while (source := await to_thread.run_sync(next, opened, None)) is not None:
                records = source.records()
                while chunk := await to_thread.run_sync(_chunk, records):
                    good = [one for one in chunk if isinstance(one, ImportedInvocation)]
                    comparing.see([self._intake.imported(one) for one in good])
                comparing.file(source, file["digest"])
        return comparing.result(run_id)

    async def _stored(self, run_id: UUID) -> tuple[dict[UUID, bytes], Sums]:
        stored: dict[UUID, bytes] = {}
        sums = Sums()
        async for invocations in self._store.imported(run_id, size=RECORDS_AT_ONCE):
            for one in invocations:
                stored[one.invocation_id] = digest(one)
                sums.see(one)
        return stored, sums

    async def _existing(self, run_id: UUID) -> tuple[Row, list[Row]]:
        rows, files = await self._store.runs(run_id)
        if not rows:
            raise InputError(f"there is no import {run_id}; `import --list` shows them.")
        if rows[0]["status"] == "undone":
            raise InputError(f"the import {run_id} was undone on {rows[0]['ended_at']:%Y-%m-%d}.")
        return rows[0], files.get(run_id, [])

    async def undo(self, run_id: UUID) -> Undone:
        """Take out what a run has brought, and nothing else.

        Raises:
            InputError: there is no such run, or it was undone.
        """
        await self._existing(run_id)
        removed = await self._store.undo(run_id)
        return Undone(
            run_id=run_id,
            removed=removed.invocations,
            restored=removed.restored,
            kept=removed.kept,
            items=removed.items,
        )


class _Run:
    """One import while it is under way."""

    def __init__(
        self, store: ImportStore, intake: Intake, order: Ordered, progress: Progress
    ) -> None:
        self.progress = progress
        self._store = store
        self._intake = intake
        self._order = order
        self._run_id = uuid7()
        self._tally = _Tally()

    async def take(self, source: Source) -> None:
        """Import one file, or refuse it."""
        tally = self._tally
        tally.files_read += 1
        bad, count = await self._examine(source)
        if bad and not self._order.skip_invalid:
            reasons = [f"{one.place}: {one.reason}" for one in bad[:REASONS_TOLD]]
            more = len(bad) - len(reasons)
            refused = RefusedFile(path=str(source.path), reasons=reasons, more=more)
            tally.refused.append(refused)
        else:
            await self._keep(source, count, len(bad))
        tally.done_bytes += source.size_bytes
        self.progress.at(tally.done_bytes, tally.records)

    async def end(self) -> None:
        """Note that the run is whole."""
        if self._tally.started:
            await self._store.end(self._run_id, "finished")

    def report(self) -> ImportReport:
        """What it brought."""
        tally = self._tally
        return ImportReport(
            run_id=self._run_id if tally.started else None,
            kind=self._order.kind,
            dry_run=self._order.dry_run,
            timezone=self._order.zone,
            records=tally.records,
            added=tally.kept.added,
            completed=tally.kept.completed,
            unchanged=tally.kept.unchanged,
            skipped=tally.skipped,
            outcomes=dict(tally.outcomes),
            first_invoked=tally.first,
            last_invoked=tally.last,
            files=tally.files,
            files_read=tally.files_read,
            refused=tally.refused,
            backup=tally.backup,
        )

    async def _examine(self, source: Source) -> tuple[list[BadRecord], int]:
        """All bad records of a file, and how many good ones there are; nothing is written."""
        bad: list[BadRecord] = []
        count = 0
        records = itertools.chain(source.records(), source.items())
        while chunk := await to_thread.run_sync(_chunk, records):
            bad += [one for one in chunk if isinstance(one, BadRecord)]
            count += sum(isinstance(one, ImportedInvocation) for one in chunk)
        return bad, count

    async def _keep(self, source: Source, count: int, skipped: int) -> None:
        tally = self._tally
        kept = Kept()
        records = source.records()
        done = 0
        while chunk := await to_thread.run_sync(_chunk, records):
            good = [one for one in chunk if isinstance(one, ImportedInvocation)]
            for one in good:
                tally.see(one)
            some = await self._keep_some(good)
            kept.added += some.added
            kept.completed += some.completed
            kept.unchanged += some.unchanged
            done += len(good)
            share = source.size_bytes * done // max(count, 1)
            self.progress.at(tally.done_bytes + share, tally.records)
        items = 0
        if count and tally.started:
            await self._note_file(source)
        tally.skipped += skipped
        tally.kept.added += kept.added
        tally.kept.completed += kept.completed
        tally.kept.unchanged += kept.unchanged
        report = FileReport(
            path=str(source.path),
            records=count,
            added=kept.added,
            completed=kept.completed,
            unchanged=kept.unchanged,
            skipped=skipped,
            items=items,
            notes=source.notes,
            differences=source.differences(),
        )
        if count or skipped or items or source.notes:
            tally.files.append(report)

    async def _keep_some(self, good: list[ImportedInvocation]) -> Kept:
        if not good:
            return Kept()
        invocations = [self._intake.imported(one) for one in good]
        if self._order.dry_run:
            return await self._store.known(invocations)
        await self._start()
        return await self._store.keep(self._run_id, invocations)

    async def _start(self) -> None:
        """Begin to write, once."""
        if self._tally.started:
            return
        if not await self._store.any_run():
            self._tally.backup = await self._store.backup()
        await self._store.begin(
            {
                "run_id": self._run_id,
                "kind": self._order.kind,
                "timezone": self._order.timezone,
                "session_id": self._order.session_id,
                "skip_invalid": self._order.skip_invalid,
                "started_at": datetime.now(UTC),
            }
        )
        self._tally.started = True

    async def _note_file(self, source: Source) -> None:
        await self._store.note_file(
            {
                "run_id": self._run_id,
                "path": str(source.path),
                "digest": source.digest,
                "size_bytes": source.size_bytes,
                "imported_at": datetime.now(UTC),
            }
        )


def _chunk(records: Iterator[T]) -> list[T]:
    return list(itertools.islice(records, RECORDS_AT_ONCE))
