"""Imports of histories: made, held against their sources, and taken out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from anyio import to_thread

from session_buddy_skills.errors import InputError
from session_buddy_skills.exporting import inside
from session_buddy_skills.import_reports import ImportReport, ImportRun, Undone, Validation
from session_buddy_skills.import_run import RECORDS_AT_ONCE, Progress, Run, chunk_of
from session_buddy_skills.imports import (
    ImportedInvocation,
    Importer,
    ImportRequest,
    Kind,
    Options,
    Ordered,
    full_names,
)
from session_buddy_skills.intake import Intake
from session_buddy_skills.requests import checked
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.import_store import ImportStore
from session_buddy_skills.validating import Comparing, Sums, digest


class Importing:
    """Every use case of imports, once."""

    def __init__(
        self, store: ImportStore, intake: Intake, folders: Sequence[Path], prompts: str
    ) -> None:
        self._store = store
        self._intake = intake
        self._folders = folders
        self._prompts = prompts

    async def run(
        self, importer: Importer, order: Ordered, progress: Progress | None = None
    ) -> ImportReport:
        """Import files, or tell what would come.

        A file with a record that cannot be taken is refused whole, unless those are to be skipped.
        Interrupted, what was written stays, as a run that can be undone or gone on with.

        Of a path that has nothing of this kind the report tells as of a file that is refused.
        """
        full = full_names(await self._store.names_in_catalog())
        options = replace(order.options, full_names=full, prompts=self._prompts)
        run = Run(self._store, self._intake, order, progress or Progress())
        sizes = await to_thread.run_sync(lambda: [importer.size_bytes(one) for one in order.paths])
        await run.progress.begin(sum(sizes))
        for path in order.paths:
            await run.take_all(path, importer.open(path, options))
        await run.end()
        return run.report()

    async def run_inside(
        self, importer: Importer, request: ImportRequest, progress: Progress
    ) -> ImportReport:
        """Import what lies in an allowed folder.

        Raises:
            InputError: the path is not one that may be read, or nothing of it could be taken.
        """
        path = inside(Path(request.path), self._folders)
        order = checked(Ordered, paths=[path], **request.model_dump(exclude={"path"}))
        report = await self.run(importer, order, progress)
        if report.refused and not report.files:
            raise InputError(report.refused[0].sentence)
        return report

    async def runs(self) -> list[ImportRun]:
        """All runs, newest first."""
        rows, files = await self._store.runs()
        return [
            ImportRun(**row, paths=[one["path"] for one in files.get(row["run_id"], [])[:3]])
            for row in rows
        ]

    async def validate(
        self,
        run_id: UUID,
        importers: Mapping[Kind, Importer],
        progress: Progress | None = None,
    ) -> Validation:
        """Hold the source of a run against what is stored of it, field by field.

        Raises:
            InputError: there is no such run, or it was undone.
        """
        row, files = await self._existing(run_id)
        stored, sums = await self._stored(run_id)
        zone = ZoneInfo(row["timezone"]) if row["timezone"] else None
        comparing = Comparing(stored, sums)
        full = full_names(await self._store.names_in_catalog())
        options = Options(zone, row["session_id"], full, self._prompts)
        progress, done = progress or Progress(), 0
        await progress.begin(sum(file["size_bytes"] for file in files))
        for file in files:
            try:
                opened = importers[row["kind"]].open(Path(file["path"]), options)
                while (source := await to_thread.run_sync(next, opened, None)) is not None:
                    records = source.records()
                    while chunk := await to_thread.run_sync(chunk_of, records):
                        good = [one for one in chunk if isinstance(one, ImportedInvocation)]
                        comparing.see(map(self._intake.whole, good))
                        await progress.at(done, comparing.records)
                    comparing.file(source, file["digest"])
            except InputError as error:
                comparing.cannot_read(str(error))
            done += file["size_bytes"]
            await progress.at(done, comparing.records)
        return comparing.result(run_id, await self._store.stored(list(comparing.odd)))

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
