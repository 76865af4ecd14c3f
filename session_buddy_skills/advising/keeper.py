"""Keeps what is known in step with what is recorded, off the path of every call."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID

from session_buddy_skills.advising.knowledge import TEXT_CHARS, Knowledge
from session_buddy_skills.advising.threads import in_background
from session_buddy_skills.models import Invocation, Outcome
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.evidence_store import EvidenceReader, EvidenceStore
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.writing import query_id

logger = logging.getLogger(__name__)

Request = tuple[UUID, str]
"""The id of a query, and its text as far as it is looked at."""
FAILED = (Outcome.FAILED, Outcome.ABANDONED)
PENDING_REQUESTS = 10_000
"""Invocations under way whose query is remembered; those of others are looked up."""
PAUSES_PER_READ = 20
"""How many times longer than reading everything anew the pause after it is."""
EVENTS_AT_ONCE = 1_000


class Keeper:
    """Reads all evidence once, and then takes in what this process writes."""

    def __init__(
        self, store: EvidenceStore, invocations: InvocationStore, tell: Callable[[], None]
    ) -> None:
        self.knowledge = Knowledge()
        self._tell = tell
        self._store = store
        self._invocations = invocations
        self._events: list[Written] = []
        self._observing = False
        self._catalog_changes = self._catalog_taken_in = 0
        self._mark: Row = {}
        self._next_read = 0.0
        self._pending: OrderedDict[UUID, Request] = OrderedDict()
        self.is_stale = False
        """Whether something was taken in that turned out otherwise, so that all is to be read."""
        self._fitted_version = -1
        self._next_fit = 0.0

    @property
    def waiting(self) -> int:
        """Invocations that are recorded and not taken in yet, and one for each other thing."""
        unfitted = self._fitted_version != self.knowledge.version
        return len(self._events) + (self._catalog_changes != self._catalog_taken_in) + unfitted

    def observe(self, written: Sequence[Written]) -> None:
        """Note what has just been written."""
        if self._observing:
            self._events.extend(one for one in written if one.changed)
            self._tell()

    def catalog_changed(self) -> None:
        """Note that descriptions may be others than before."""
        self._catalog_changes += 1
        self._tell()

    async def read_everything(self) -> None:
        """Know what is recorded at one moment; what is written from then on is observed.

        Raises:
            StorageError: it cannot be read.
        """
        start = time.monotonic()
        knowledge = self.knowledge.renewed()
        before: list[Written] = []
        mark: Row = {}
        read = False
        try:
            async with AsyncExitStack() as stack:

                async def begin() -> EvidenceReader:
                    nonlocal mark
                    connection = await stack.enter_async_context(self._store.database.reading())
                    reader = EvidenceReader(connection)
                    [mark] = await reader.rows("evidence_mark")
                    before[:], self._events[:] = self._events, []
                    self._observing = True
                    return reader

                # Between two commits, so that every write is either in what is read or observed.
                await self._read(await self._invocations.writer.between(begin), knowledge)
            await in_background(knowledge.fit_documents)
            read = True
        finally:
            if not read:
                self._events[:0] = before
        self.knowledge, self._mark, self.is_stale = knowledge, mark, False
        self._fitted_version = knowledge.version
        self._next_fit = 0.0
        self._next_read = time.monotonic() + PAUSES_PER_READ * (time.monotonic() - start)

    async def take_in(self) -> bool:
        """Take in some of what was observed; whether there was any."""
        if self._catalog_changes != self._catalog_taken_in:
            changes = self._catalog_changes
            rows = await self._store.fetch("evidence_skills")
            await in_background(lambda: self.knowledge.describe(rows))
            self._catalog_taken_in = changes
            self._next_fit = 0.0
            return True
        if not self._events:
            return False
        events = self._events[:EVENTS_AT_ONCE]
        found = await self._requests_of(events)
        await in_background(lambda: self._apply(events, found))
        del self._events[: len(events)]
        return True

    async def others_wrote(self) -> bool:
        """Whether another process has recorded something; asked at its own slow pace."""
        if time.monotonic() < self._next_read:
            return False
        before = self._expected_total()
        [mark] = await self._store.fetch("evidence_mark")
        if self._events or before != self._mark["total"]:
            # What was written meanwhile may be in the count, or not yet.
            return not before <= mark["total"] <= self._expected_total()
        return mark != self._mark

    def _expected_total(self) -> int:
        total: int = self._mark["total"] + sum(event.new for event in self._events)
        return total

    async def fit_documents(self) -> bool:
        """Make the documents' indexes anew where they have changed and it is time."""
        version = self.knowledge.version
        if version == self._fitted_version or time.monotonic() < self._next_fit:
            return False
        start = time.monotonic()
        await in_background(self.knowledge.fit_documents)
        self._fitted_version = version
        self._next_fit = time.monotonic() + PAUSES_PER_READ / 4 * (time.monotonic() - start)
        return True

    async def _read(self, reader: EvidenceReader, knowledge: Knowledge) -> None:
        uses = knowledge.uses
        rows = await reader.rows("evidence_skills")
        await in_background(lambda: knowledge.describe(rows))
        for row in await reader.rows("evidence_tallies"):
            uses.count(
                uses.skill(row["skill_name"]),
                row["completed"],
                row["failed"],
                row["workflow_phase"],
                row["project"],
                row["user_hash"],
            )
        for row in await reader.rows("evidence_durations"):
            uses.durations[uses.skill(row["skill_name"])].extend(row["durations"])
        async for rows in reader.pairs(TEXT_CHARS):
            await in_background(partial(_relate, knowledge, rows))
        for row in await reader.rows("evidence_passed_over"):
            text, skill = knowledge.number_of(row["query_id"]), uses.numbers.get(row["skill_name"])
            if text is not None and skill is not None:
                uses.pass_over(text, skill, row["times"])

    async def _requests_of(self, events: Sequence[Written]) -> dict[UUID, Request]:
        """The queries of invocations that have ended, where this process does not remember them."""
        ended = [
            one.invocation.invocation_id
            for one in events
            if not one.new and one.invocation.invocation_id not in self._pending
        ]
        if not ended:
            return {}
        keys = {"invocation_ids": [str(one) for one in ended]}
        rows = await self._store.fetch("queries_of", keys)
        return {row["invocation_id"]: _request(row["query_text"]) for row in rows}

    def _apply(self, events: Sequence[Written], found: dict[UUID, Request]) -> None:
        for event in events:
            one, was = event.invocation, event.was
            pending = one.outcome is Outcome.PENDING
            was_pending = was.outcome is Outcome.PENDING if was else not event.new
            self._mark["total"] += event.new
            self._mark["pending"] += pending - was_pending
            if event.new:
                request = _request(one.user_query) if one.user_query else None
            else:
                before = one.invocation_id if was is None else was.invocation_id
                request = self._pending.pop(before, None) or found.get(one.invocation_id)
            if was is not None and any(_counts(was)):
                # It was counted. How often it was better known since is nothing to count.
                differs = (was.skill_name, _counts(was)) != (one.skill_name, _counts(one))
                self.is_stale = self.is_stale or differs
            elif pending:
                self.knowledge.name_alone(one.skill_name)
                if request:
                    self._remember(one.invocation_id, request)
            else:
                self._end(one, request)

    def _remember(self, key: UUID, request: Request) -> None:
        self._pending[key] = request
        if len(self._pending) > PENDING_REQUESTS:
            self._pending.popitem(last=False)

    def _end(self, one: Invocation, request: Request | None) -> None:
        knowledge = self.knowledge
        skill = knowledge.name_alone(one.skill_name)
        if one.duration_seconds is not None:
            knowledge.uses.durations[skill].append(one.duration_seconds)
        counts = _counts(one)
        if not any(counts):
            return
        knowledge.uses.count(skill, *counts, one.workflow_phase, one.project, one.user)
        if request is None:
            return
        number = knowledge.relate(*request, skill, *counts)
        if one.outcome is Outcome.COMPLETED:
            for name in one.alternatives_considered:
                other = knowledge.uses.numbers.get(name)
                if other is not None and other != skill:
                    knowledge.uses.pass_over(number, other)


def _counts(one: Invocation) -> tuple[int, int]:
    """Whether it completed, and whether it did not."""
    return int(one.outcome is Outcome.COMPLETED), int(one.outcome in FAILED)


def _request(text: str) -> Request:
    return query_id(text), text[:TEXT_CHARS]


def _relate(knowledge: Knowledge, rows: Sequence[Row]) -> None:
    for row in rows:
        skill = knowledge.uses.skill(row["skill_name"])
        counts = (row["completed"], row["failed"])
        knowledge.relate(row["query_id"], row["text"], skill, *counts)
