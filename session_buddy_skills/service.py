"""Every use case, once; tools, pages and commands are its faces."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import InputError
from session_buddy_skills.exporting import export_to_file, target_file
from session_buddy_skills.models import (
    BatchRequest,
    CompleteRequest,
    Invocation,
    Outcome,
    RecordRequest,
    Request,
    TrackRequest,
)
from session_buddy_skills.reports import session_report, skill_reports
from session_buddy_skills.results import (
    BatchReceipt,
    Export,
    Health,
    Receipt,
    SessionSummary,
    SkillMetricsAnswer,
    WriteStatistics,
)
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.ledger import End, Put, Written, end_times
from session_buddy_skills.storage.opening import open_migrated
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.user_key import UserHasher, load_user_key

R = TypeVar("R", bound=Request)


class Run:
    """A piece of work that is being tracked; what is set here goes with its end."""

    def __init__(self, receipt: Receipt) -> None:
        self.invocation_id = receipt.invocation_id
        self.outcome: Outcome = Outcome.COMPLETED
        self.follow_up_actions: list[str] = []
        self.rating: int | None = None


class Service:
    """Records invocations and answers from them. Made by `open_service`."""

    def __init__(self, settings: Settings, database: Database, schema_version: int) -> None:
        self._settings = settings
        self._database = database
        self._schema_version = schema_version
        self._started = time.monotonic()
        self._store = InvocationStore(database, max_waiting=settings.max_pending_writes)

    async def track_invocation(self, request: TrackRequest) -> Receipt:
        """Record that a use of a skill has started; it is on disk when this answers.

        Raises:
            ConflictError: the id is stored with other content.
        """
        [written] = await self._store.write(self._put(request, Outcome.PENDING))
        return _receipt(written)

    async def complete_invocation(self, request: CompleteRequest) -> Receipt:
        """Record how a use of a skill ended.

        Raises:
            UnknownInvocationError: there is none to end.
            ConflictError: it has ended with other content.
        """
        stated = self._stated(request)
        stated["outcome"] = request.resolved_outcome
        [written] = await self._store.write(
            End(
                invocation_id=request.invocation_id,
                session_id=request.session_id,
                skill_name=request.skill_name,
                stated=stated,
                received_at=datetime.now(UTC),
            )
        )
        return _receipt(written)

    async def record_invocations(self, request: BatchRequest) -> BatchReceipt:
        """Record whole invocations, all or none.

        Raises:
            ConflictError: one is stored with other content; none of the batch is kept.
        """
        puts = tuple(
            self._put(invocation, invocation.resolved_outcome) for invocation in request.invocations
        )
        written = await self._store.write(puts)
        return BatchReceipt(
            recorded=sum(one.new for one in written),
            ended=sum(one.changed and not one.new for one in written),
            unchanged=sum(not one.changed for one in written),
            invocation_ids=[one.invocation.invocation_id for one in written],
        )

    @asynccontextmanager
    async def track(self, skill_name: str, *, session_id: str, **fields: Any) -> AsyncIterator[Run]:
        """Track the body: completed at its end, failed with the exception's type on an exception.

        `fields` are those of `TrackRequest`. A cancelled body is recorded as abandoned.

        Raises:
            InputError: a field is not valid; the body does not run.
        """
        request = checked(TrackRequest, skill_name=skill_name, session_id=session_id, **fields)
        run = Run(await self.track_invocation(request))
        error: BaseException | None = None
        try:
            yield run
        except BaseException as raised:
            error = raised
            raise
        finally:
            await self._end_run(run, error)

    async def session_summary(self, session_id: str) -> SessionSummary:
        """What one session did; with a `reason` if nothing is known of it."""
        async with self._store.reader() as reader:
            return session_report(session_id, await reader.skills_of_session(session_id))

    async def skill_metrics(self, skill_name: str | None = None) -> SkillMetricsAnswer:
        """Metrics of one skill or of all, most used first; with a `reason` if there are none."""
        async with self._store.reader() as reader:
            rows = await reader.metrics(skill_name)
            skills = skill_reports(rows, await reader.breakdown(skill_name))
        if skills:
            return SkillMetricsAnswer(skills=skills)
        return SkillMetricsAnswer(skills=[], reason="no_such_skill" if skill_name else "no_history")

    async def export_metrics(self, path: Path) -> Export:
        """Write everything recorded to a JSON file in an allowed folder, as one consistent state.

        Raises:
            InputError: the path is not one that may be written.
            StorageError: the file could not be written; an older one is left as it was.
        """
        target = target_file(path, self._settings.export_folders)
        async with self._store.reader() as reader:
            return await export_to_file(target, reader)

    async def health_check(self) -> Health:
        """Whether the database answers, and what it holds."""
        async with self._store.reader() as reader:
            counts = await reader.counts()
        writer = self._store.writer
        return Health(
            version=version("session-buddy-skills"),
            engine=self._database.engine,
            database=self._database.location,
            schema_version=self._schema_version,
            invocations=counts["total_invocations"],
            pending_invocations=counts["pending_invocations"],
            uptime_seconds=round(time.monotonic() - self._started, 3),
            storage=WriteStatistics(
                writes=writer.writes,
                transactions=writer.transactions,
                waiting=writer.waiting,
                seconds_waited=round(writer.seconds_waited, 6),
            ),
        )

    async def close(self) -> None:
        """Write what is waiting and let go of the database."""
        await self._store.close()

    @cached_property
    def _hash_user(self) -> UserHasher:
        key = self._settings.user_key
        if key is not None:
            return UserHasher(key.get_secret_value().encode())
        return UserHasher(load_user_key(self._settings.data_dir / "user.key"))

    def _stated(self, request: Request) -> dict[str, Any]:
        """What the request states, in the form in which it is stored."""
        stated = request.stated()
        stated.pop("completed", None)
        for name in ("alternatives_considered", "follow_up_actions"):
            if name in stated:
                stated[name] = tuple(stated[name])
        if "user" in stated:
            stated["user"] = self._hash_user(stated["user"])
        return stated

    def _put(self, request: TrackRequest | RecordRequest, outcome: Outcome) -> Put:
        stated = self._stated(request)
        stated["outcome"] = outcome
        new_id = "invocation_id" not in stated
        known: dict[str, Any] = {"invocation_id": uuid7(), "invoked_at": datetime.now(UTC)} | stated
        if outcome is not Outcome.PENDING:
            known["ended_at"], known["duration_seconds"] = end_times(
                known["invoked_at"], known.get("ended_at"), known.get("duration_seconds")
            )
        return Put(Invocation(**known), stated, new_id)

    async def _end_run(self, run: Run, error: BaseException | None) -> None:
        outcome = run.outcome
        if error is not None:
            outcome = Outcome.FAILED if isinstance(error, Exception) else Outcome.ABANDONED
        await self.complete_invocation(
            checked(
                CompleteRequest,
                invocation_id=run.invocation_id,
                outcome=outcome,
                error_type=_type_name(error) if outcome is Outcome.FAILED and error else None,
                follow_up_actions=run.follow_up_actions,
                rating=run.rating,
            )
        )


@asynccontextmanager
async def open_service(settings: Settings | None = None) -> AsyncIterator[Service]:
    """The service on the database that the settings name, closed at the end.

    Raises:
        StorageError: the database cannot be opened; see its subclasses.
    """
    settings = settings or Settings.load()
    service = Service(settings, *await open_migrated(settings))
    try:
        yield service
    finally:
        await service.close()


def checked(request: type[R], **fields: Any) -> R:
    """A request of these fields.

    Raises:
        InputError: a field is not valid; the message says which and what would be.
    """
    try:
        return request.model_validate(fields)
    except ValidationError as error:
        raise InputError.from_validation(error) from error


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _receipt(written: Written) -> Receipt:
    stored = written.invocation
    return Receipt(
        invocation_id=stored.invocation_id,
        session_id=stored.session_id,
        skill_name=stored.skill_name,
        outcome=stored.outcome,
        invoked_at=stored.invoked_at,
        duration_seconds=stored.duration_seconds,
        changed=written.changed,
    )
