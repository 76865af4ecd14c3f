"""Every use case, once; tools, pages and commands are its faces."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from session_buddy_skills.analyses import Analyses
from session_buddy_skills.capturing import Capturing
from session_buddy_skills.catalog import (
    CatalogAnswer,
    CatalogRequest,
    CatalogSkill,
    Registered,
    RegisterRequest,
    Skill,
)
from session_buddy_skills.errors import SettingsError, StorageError
from session_buddy_skills.exporting import export_to_file, target_file
from session_buddy_skills.git_metrics import GitMetricsReceipt, GitMetricsRequest
from session_buddy_skills.importing import Importing
from session_buddy_skills.intake import Intake, Shown
from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.recommendations import (
    NextRequest,
    Recommendations,
    RecommendRequest,
    SimilarRequest,
    SimilarSkills,
)
from session_buddy_skills.reports import receipt, session_report, skill_reports
from session_buddy_skills.requests import checked
from session_buddy_skills.results import (
    BatchReceipt,
    EmbeddingHealth,
    Export,
    Health,
    Receipt,
    SessionSummary,
    SkillMetrics,
    SkillMetricsAnswer,
    WriteStatistics,
)
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.capture_store import CaptureStore
from session_buddy_skills.storage.catalog_store import CatalogStore
from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.import_store import ImportStore
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.opening import open_migrated
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.tracking import Run
from session_buddy_skills.version import VERSION

if TYPE_CHECKING:
    from session_buddy_skills.advising.recommender import Recommender

logger = logging.getLogger(__name__)


class Service:
    """Records invocations and answers from them. Made by `open_service`."""

    def __init__(self, settings: Settings, database: Database, schema_version: int) -> None:
        self._settings = settings
        self._database = database
        self._schema_version = schema_version
        self._version = VERSION
        self._started = time.monotonic()
        self._exporting = anyio.Lock()
        self._intake = Intake(settings)
        self._catalog = CatalogStore(database)
        self._store = InvocationStore(
            database, max_waiting=settings.max_pending_writes, on_written=self._observe
        )
        # Looked up at need: the first user makes the key.
        self._hash_user = lambda user: self._intake.hash_user(user)
        self.analyses = Analyses(self._store, self._hash_user)
        imports = ImportStore(self._store, self._observe)
        self.imports = Importing(imports, self._intake, settings.import_folders, settings.prompts)
        self.capture = Capturing(CaptureStore(self._store, self._observe), imports, self._intake)
        self._recommender: Recommender | None = None

    @property
    def location(self) -> str:
        """Where the database is, without what a password may be in."""
        return self._database.location

    @property
    def recommender(self) -> Recommender:
        """What recommends.

        Raises:
            SettingsError: this service was opened without.
        """
        if self._recommender is None:
            raise SettingsError("this service was opened without recommendations.")
        return self._recommender

    async def track_invocation(self, request: TrackRequest) -> Receipt:
        """Record that a use of a skill has started; it is on disk when this answers.

        Raises:
            ConflictError: the id is stored with other content.
        """
        shown = await self._shown([request])
        [written] = await self._store.write(self._intake.start(request, shown))
        return receipt(written.invocation, changed=written.changed)

    async def complete_invocation(self, request: CompleteRequest) -> Receipt:
        """Record how a use of a skill ended.

        Raises:
            UnknownInvocationError: there is none to end.
            ConflictError: it has ended with other content.
        """
        [written] = await self._store.write(self._intake.end(request))
        return receipt(written.invocation, changed=written.changed)

    async def record_invocations(self, request: BatchRequest) -> BatchReceipt:
        """Record whole invocations, all or none.

        Raises:
            ConflictError: one is stored with other content; none of the batch is kept.
        """
        shown = await self._shown(request.invocations)
        written = await self._store.write(self._intake.batch(request, shown))
        return BatchReceipt(
            recorded=sum(one.new for one in written),
            ended=sum(one.changed and not one.new for one in written),
            unchanged=sum(not one.changed for one in written),
            invocation_ids=[one.invocation.invocation_id for one in written],
        )

    def track(self, skill_name: str, *, session_id: str, **fields: Any) -> Run:
        """Track a piece of work: `async with service.track("pytest-run", session_id=…) as run:`.

        `fields` are those of `TrackRequest`.

        Raises:
            InputError: a field is not valid; the body does not run.
        """
        request = checked(TrackRequest, skill_name=skill_name, session_id=session_id, **fields)
        return Run(self.track_invocation, self.complete_invocation, request)

    async def session_summary(self, session_id: str) -> SessionSummary:
        """What one session did; with a `reason` if nothing is known of it."""
        rows, git = await self._store.read(lambda reader: reader.session(session_id))
        return session_report(session_id, rows, git)

    async def record_git_metrics(self, request: GitMetricsRequest) -> GitMetricsReceipt:
        """Keep what was measured of a session's work with git."""
        if row := self._intake.git_metrics(request):
            await self._store.record_git_metrics(row)
        return GitMetricsReceipt.of(request.session_id, measured=row is not None)

    async def skill_metrics(self, skill_name: str | None = None) -> SkillMetricsAnswer:
        """Metrics of one skill or of all, most used first; with a `reason` if there are none."""

        async def report(reader: InvocationReader) -> list[SkillMetrics]:
            rows = await reader.metrics(skill_name)
            return skill_reports(rows, await reader.breakdown(skill_name))

        if skills := await self._store.read(report):
            return SkillMetricsAnswer(skills=skills)
        return SkillMetricsAnswer(skills=[], reason="no_such_skill" if skill_name else "no_history")

    async def register_skills(self, request: RegisterRequest) -> Registered:
        """Put skills into the catalog, all or none, and take out those that are gone."""
        skills = [Skill.from_entry(entry) for entry in request.skills]
        changes = await self._catalog.register(
            skills, request.scanned, unreadable=request.unreadable
        )
        if self._recommender is not None:
            self._recommender.upkeep.keeper.catalog_changed()
        new = len(changes.added) + len(changes.returned)
        return Registered(
            added=new,
            changed=len(changes.changed),
            unchanged=len(request.skills) - new - len(changes.changed),
            removed=sorted({skill.skill_name for skill in changes.removed}),
        )

    async def list_skills(self, request: CatalogRequest) -> CatalogAnswer:
        """The catalog, by name; with a `reason` if it is empty."""
        rows = await self._catalog.skills(request.source)
        skills = [CatalogSkill.model_validate(row) for row in rows]
        return CatalogAnswer(skills=skills, reason=None if skills else "no_skills")

    async def recommend_skills(self, request: RecommendRequest) -> Recommendations:
        """The skills that fit a request, best first; with a `reason` if there are none."""
        return await self.recommender.recommend(request)

    async def similar_skills(self, request: SimilarRequest) -> SimilarSkills:
        """The skills that are like one, most alike first; with a `reason` if there are none."""
        return await self.recommender.similar(request)

    async def get_workflow_recommendations(self, request: NextRequest) -> Recommendations:
        """What usually comes next and works, after what a session did last."""
        return await self.recommender.next_steps(request)

    async def export_metrics(self, path: Path) -> Export:
        """Write everything recorded to a JSON file in an allowed folder, as one consistent state.

        Raises:
            InputError: the path is not one that may be written.
            StorageError: the file could not be written; an older one is left as it was.
        """
        target = target_file(path, self._settings.export_folders)
        # One at a time: an export holds a connection for as long as it takes.
        async with self._exporting:
            return await self._store.read(partial(export_to_file, target))

    async def health_check(self) -> Health:
        """Whether the database answers, and what it holds."""
        totals = await self._store.totals()
        writer = self._store.writer
        embedding = self._recommender.upkeep.health if self._recommender else EmbeddingHealth()
        return Health(
            version=self._version,
            engine=self._database.engine,
            database=self.location,
            schema_version=self._schema_version,
            invocations=totals["total_invocations"],
            pending_invocations=totals["pending_invocations"],
            uptime_seconds=round(time.monotonic() - self._started, 3),
            process_id=os.getpid(),
            **embedding.model_dump(),
            storage=WriteStatistics(
                writes=writer.writes,
                transactions=writer.transactions,
                waiting=writer.waiting,
                seconds_waited=round(writer.seconds_waited, 6),
            ),
        )

    def start_recommending(self) -> None:
        """Begin to take in what is recorded, in the background."""
        # Imported here, since it loads numpy, which a program that only records has no use for.
        from session_buddy_skills.advising.recommender import Recommender
        from session_buddy_skills.storage.evidence_store import EvidenceStore

        self._recommender = Recommender(
            self._settings, EvidenceStore(self._database), self._store, self._hash_user
        )
        self._recommender.upkeep.start()

    async def close(self) -> None:
        """Write what is waiting and let go of the database."""
        try:
            if self._recommender is not None:
                await self._recommender.close()
        finally:
            await self._store.close()

    def _observe(self, written: Sequence[Written]) -> None:
        if self._recommender is not None:
            self._recommender.upkeep.keeper.observe(written)

    async def _shown(self, requests: Sequence[TrackRequest]) -> Shown:
        """What was shown by the recommendations that these requests follow."""
        ids = {one.recommendation_id for one in requests if one.recommendation_id is not None}
        if self._recommender is None or not ids:
            return {}
        try:
            return await self._recommender.upkeep.log.shown(ids)
        except StorageError as error:
            logger.error("recorded without what was recommended: %s", error)
            return {}


@asynccontextmanager
async def open_service(
    settings: Settings | None = None, *, recommending: bool = True
) -> AsyncIterator[Service]:
    """The service on the database that the settings name, closed at the end.

    Without `recommending` it loads no model, and recommends nothing.

    Raises:
        StorageError: the database cannot be opened; see its subclasses.
    """
    settings = settings or Settings.load()
    service = Service(settings, *await open_migrated(settings))
    try:
        if recommending:
            service.start_recommending()
        yield service
    finally:
        with anyio.CancelScope(shield=True):
            await service.close()
