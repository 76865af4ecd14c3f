"""One import while it is under way: each file is read whole before anything of it is written."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from anyio import to_thread
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import InputError
from session_buddy_skills.import_reports import FileReport, ImportReport, RefusedFile
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Item, Ordered, Source
from session_buddy_skills.intake import Intake
from session_buddy_skills.models import Invocation, Outcome
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.import_plan import Kept
from session_buddy_skills.storage.import_store import ImportStore

T = TypeVar("T")
RECORDS_AT_ONCE = 5_000
"""Records that are written in one transaction; callers that record wait a fifth of a second."""
HELD_AT_MOST = 200_000
"""Invocations of a file that are held in memory between reading and writing, some 200 MB."""
REASONS_TOLD = 20
"""Bad records of a file that are told one by one."""


class Progress:
    """Hears how far an import is; does nothing with it."""

    async def begin(self, total_bytes: int) -> None:
        """It begins, with so many bytes to read."""

    async def at(self, done_bytes: int, records: int) -> None:
        """So many bytes are done, and so many records were read, of files not yet done as well."""


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
    items: int = 0
    noted: Counter[str] = field(default_factory=Counter)
    started: bool = False
    backup: str | None = None

    def see(self, invocations: Iterable[Invocation]) -> None:
        """Count some more."""
        for one in invocations:
            self.records += 1
            self.outcomes[one.outcome] += 1
            self.first = min(self.first or one.invoked_at, one.invoked_at)
            self.last = max(self.last or one.invoked_at, one.invoked_at)


@dataclass(slots=True)
class _Read:
    """What a file was found to have, before anything of it is written."""

    bad: list[BadRecord] = field(default_factory=list)
    count: int = 0
    """Records that can be taken."""
    taken: int = 0
    """Records of whatever kind that `invocations` are of."""
    invocations: list[Invocation] = field(default_factory=list)
    """The first of them; of a file with more, the others are read again."""


OTHERWISE = (
    "records are stored already with another time or session, and stay so: undo that import first"
)


def reasons_of(bad: Sequence[BadRecord]) -> tuple[list[str], int]:
    """Bad records with their places and reasons, and how many more there are."""
    reasons = [f"{one.place}: {one.reason}" for one in bad[:REASONS_TOLD]]
    return reasons, len(bad) - len(reasons)


class Run:
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
        self._examined = 0

    async def take_all(self, path: Path, sources: Iterator[Source]) -> None:
        """Import each source; one that cannot be read holds up no other."""
        more = True
        while more:
            try:
                if more := (source := await to_thread.run_sync(next, sources, None)) is not None:
                    await self._take(source)
            except InputError as error:
                self._tally.refused.append(RefusedFile(path=str(path), reasons=[str(error)]))
            finally:
                gc.unfreeze()

    async def _take(self, source: Source) -> None:
        tally = self._tally
        tally.files_read += 1
        gc.freeze()  # A document in memory is not looked through again and again.
        read = await self._examine(source)
        if read.bad and not self._order.skip_invalid:
            reasons, more = reasons_of(read.bad)
            refused = RefusedFile(path=str(source.path), reasons=reasons, more=more)
            tally.refused.append(refused)
        else:
            await self._keep(source, read)
        tally.done_bytes += source.size_bytes
        await self.progress.at(tally.done_bytes, self._examined)

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
            items=tally.items,
            noted=dict(tally.noted.most_common()),
            backup=tally.backup,
        )

    async def _examine(self, source: Source) -> _Read:
        """Read all of a file; nothing is written."""
        read = _Read()
        records = itertools.chain(source.records(), source.items())
        before = self._examined
        while await to_thread.run_sync(self._examine_some, records, read):
            self._examined = before + read.count
            await self.progress.at(self._tally.done_bytes, self._examined)
        return read

    def _examine_some(
        self, records: Iterator[ImportedInvocation | Item | BadRecord], read: _Read
    ) -> bool:
        chunk = chunk_of(records)
        good = [one for one in chunk if isinstance(one, ImportedInvocation)]
        read.bad += [one for one in chunk if isinstance(one, BadRecord)]
        all_held = len(read.invocations) == read.count
        if all_held and read.count + len(good) <= HELD_AT_MOST:
            read.invocations += map(self._intake.whole, good)
            read.taken += len(chunk)
        read.count += len(good)
        return bool(chunk)

    def _rest(self, source: Source, read: _Read) -> Iterator[Invocation]:
        """All of the file's invocations; what was held is let go of on the way."""
        for at in range(0, len(read.invocations), RECORDS_AT_ONCE):
            yield from read.invocations[at : at + RECORDS_AT_ONCE]
        if len(read.invocations) < read.count:
            for one in itertools.islice(source.records(), read.taken, None):
                if isinstance(one, ImportedInvocation):
                    yield self._intake.whole(one)

    async def _keep(self, source: Source, read: _Read) -> None:
        tally = self._tally
        kept = Kept()
        count, skipped = read.count, len(read.bad)
        invocations = self._rest(source, read)
        done = 0
        while chunk := await to_thread.run_sync(chunk_of, invocations):
            tally.see(chunk)
            some = await self._keep_some(source, chunk)
            kept.added += some.added
            kept.completed += some.completed
            kept.unchanged += some.unchanged
            kept.differing += some.differing
            done += len(chunk)
            share = source.size_bytes * done // max(count, 1)
            await self.progress.at(tally.done_bytes + share, self._examined)
        items = await self._keep_items(source)
        tally.noted += source.noted
        if kept.differing:
            tally.noted[OTHERWISE] += kept.differing
        tally.items += items
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
            left_out=reasons_of(read.bad)[0],
            differences=await to_thread.run_sync(source.differences),
        )
        if count or skipped or items:
            tally.files.append(report)

    async def _keep_some(self, source: Source, invocations: list[Invocation]) -> Kept:
        if self._order.dry_run:
            return await self._store.known(invocations, source.formers)
        await self._start()
        return await self._store.keep(self._file(source), invocations, source.formers)

    async def _keep_items(self, source: Source) -> int:
        rows = source.items()
        added = 0
        while chunk := await to_thread.run_sync(chunk_of, rows):
            items = [self._item(one) for one in chunk if isinstance(one, Item)]
            if items and not self._order.dry_run:
                await self._start()
                added += await self._store.keep_items(self._file(source), items)
        return added

    def _item(self, item: Item) -> tuple[str, tuple[str, ...], Row]:
        row = dict(item.row)
        if "user" in row:
            row["user_hash"] = self._intake.hash_user(row.pop("user"))
        return item.relation, item.key, row

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

    def _file(self, source: Source) -> Row:
        return {
            "run_id": self._run_id,
            "path": str(source.path),
            "digest": source.digest,
            "size_bytes": source.size_bytes,
            "imported_at": datetime.now(UTC),
        }


def chunk_of(records: Iterator[T]) -> list[T]:
    """The next records, as many as are written at once; empty at the end."""
    return list(itertools.islice(records, RECORDS_AT_ONCE))
