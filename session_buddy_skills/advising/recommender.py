"""Recommendations: asked of what is known, which is kept in step off the path of every call."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray
from uuid_utils.compat import uuid7

from session_buddy_skills.advising.clustering import Clustering
from session_buddy_skills.advising.explaining import (
    Context,
    Nearest,
    best,
    explained,
    lower_bounds,
    numbered,
    scored,
)
from session_buddy_skills.advising.fitting import embedded_and_ranked, gated, ranked
from session_buddy_skills.advising.knowledge import TEXT_CHARS, Knowledge
from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.advising.steps import Steps, known_steps
from session_buddy_skills.advising.suggesting import Suggestion, suggested
from session_buddy_skills.advising.threads import in_thread
from session_buddy_skills.advising.upkeep import Upkeep
from session_buddy_skills.errors import EmbedderError, StorageError
from session_buddy_skills.limits import QUERY_CHARS
from session_buddy_skills.recommend.ranking import Fit
from session_buddy_skills.recommend.space import profile_cosines
from session_buddy_skills.recommend.uses import Pairs
from session_buddy_skills.recommendations import (
    DEFAULT_LIMIT,
    DEFAULT_PHASE_WEIGHT,
    NextRequest,
    Reason,
    Recommendations,
    RecommendRequest,
    SimilarRequest,
    SimilarSkill,
    SimilarSkills,
)
from session_buddy_skills.reports import rate
from session_buddy_skills.results import Mode
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.user_key import HashUser

logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]


class Recommender:
    """Answers from memory, which `upkeep` keeps in step with the record."""

    def __init__(
        self,
        settings: Settings,
        store: EvidenceStore,
        invocations: InvocationStore,
        hash_user: HashUser,
    ) -> None:
        self.upkeep = Upkeep(settings, store, invocations)
        self._hash_user = hash_user
        self.steps = Steps(store)
        self.clustering = Clustering(self.upkeep, store.database)

    async def recommend(self, request: RecommendRequest) -> Recommendations:
        """The skills that fit a request, best first."""
        await self.upkeep.until_loaded()
        text = (request.user_query or "")[:QUERY_CHARS]
        context = await self._context(request, asked=bool(text.strip()))
        # Together, and after everything that is waited for, so that they belong to each other.
        knowledge, model = self.upkeep.knowledge, self.upkeep.model
        numbers = knowledge.uses.numbers
        left_out = knowledge.gone | {
            numbers[name] for name in request.exclude or () if name in numbers
        }
        self.upkeep.requests += 1
        try:
            fit, pairs = await self._fit(text, knowledge, model, left_out)
        finally:
            self.upkeep.requests -= 1
        scores, reason = gated(scored(knowledge, fit, context), fit, request, context)
        chosen = best(scores, knowledge, left_out, request.limit or DEFAULT_LIMIT)
        near = Nearest.ended(pairs, fit)
        items = [
            explained(skill, float(scores[skill]), knowledge, fit, context, near)
            for skill in chosen
        ]
        if len(left_out) >= len(knowledge.descriptions):
            reason = "all_excluded" if knowledge.descriptions else "no_skills"
        confidence = float(bool(items)) if context.alone else fit.confidence
        words_alone = model is None or (fit.similarity is None and bool(text.strip()))
        answer = Recommendations(
            recommendation_id=uuid7(),
            recommendations=items,
            confidence=round(confidence if knowledge.descriptions else 0.0, 6),
            mode="lexical" if words_alone or model is None else model.embedder.mode,
            model=model.embedder.model if model else None,
            reason=None if items else reason,
        )
        self.upkeep.log.note(answer, request, text, context.user)
        return answer

    async def suggest(self, text: str) -> Suggestion | None:
        """The skill that is worth naming unasked for a request, if any is; this leaves no trace."""
        await self.upkeep.until_loaded()
        knowledge = self.upkeep.knowledge
        fit, pairs = await self._fit(text[:QUERY_CHARS], knowledge, self.upkeep.model, ())
        return suggested(knowledge, fit, pairs, knowledge.gone)

    async def similar(self, request: SimilarRequest) -> SimilarSkills:
        """The skills that are like one."""
        await self.upkeep.until_loaded()
        knowledge, model = self.upkeep.knowledge, self.upkeep.model
        number = knowledge.uses.numbers.get(request.skill_name)
        fitted = model.space.fitted.discriminant if model else None
        items: list[SimilarSkill] = []
        mode: Mode = "lexical"
        if number is not None:
            cosines = None
            if model is not None and fitted is not None and number < len(fitted.means):
                cosines, mode = profile_cosines(fitted.means, number), model.embedder.mode
            if cosines is None:
                cosines = knowledge.indexes[0].cosines(number, len(knowledge.uses.names))
            known = np.where(cosines > 0, cosines, -np.inf)
            limit = request.limit or DEFAULT_LIMIT
            chosen = best(known, knowledge, knowledge.gone | {number}, limit)
            for skill in chosen:
                tally = knowledge.uses.tally(skill)
                items.append(
                    SimilarSkill(
                        skill_name=knowledge.uses.names[skill],
                        similarity_score=round(float(cosines[skill]), 6),
                        completion_rate=rate(tally.completed, tally.settled),
                    )
                )
        reason: Reason = "no_such_skill" if number is None else "below_threshold"
        return SimilarSkills(
            skill_name=request.skill_name,
            skills=items,
            mode=mode,
            model=model.embedder.model if model and mode != "lexical" else None,
            reason=None if items else reason,
        )

    async def next_steps(self, request: NextRequest) -> Recommendations:
        """What usually comes next and works, after what the session did last."""
        await self.upkeep.until_loaded()
        knowledge, model = self.upkeep.knowledge, self.upkeep.model
        last, steps = await self.steps.of(request.session_id, fresh=True)
        bounds = lower_bounds(numbered(steps, knowledge), len(knowledge.uses.names))
        context = Context(after=last, next_steps=steps, alone=True)
        found = np.where(bounds > 0, bounds, -np.inf)
        chosen = best(found, knowledge, knowledge.gone, request.limit or DEFAULT_LIMIT)
        fit = Fit(bounds, None, 1.0)
        items = [
            explained(skill, float(bounds[skill]), knowledge, fit, context, None)
            for skill in chosen
        ]
        answer = Recommendations(
            recommendation_id=uuid7(),
            recommendations=items,
            confidence=float(bool(items)),
            mode=model.embedder.mode if model else "lexical",
            model=model.embedder.model if model else None,
            reason=None if items else "no_history",
        )
        asked = RecommendRequest(session_id=request.session_id)
        self.upkeep.log.note(answer, asked, "", None)
        return answer

    async def close(self) -> None:
        """Stop all that goes on in the background, and keep what was recommended."""
        await self.steps.close()
        await self.upkeep.close()

    async def _fit(
        self, text: str, knowledge: Knowledge, model: LiveModel | None, left_out: Collection[int]
    ) -> tuple[Fit, Pairs]:
        """How each skill fits the text, and the pairs that this rests on."""
        rank = partial(ranked, text, knowledge, left_out)
        if model is None or not text.strip():
            return await in_thread(rank)
        try:
            if not model.finder.asks_database:
                # In one go: each crossing into a thread costs as much as a search.
                return await in_thread(lambda: embedded_and_ranked(text, model, rank))
            vector = (await in_thread(lambda: model.embedder.embed([text[:TEXT_CHARS]])))[0]
            near = await model.finder.near_by_database(vector)
            return await in_thread(lambda: rank(model, vector, near))
        except (EmbedderError, StorageError) as error:
            logger.error("answering from words alone: %s", error)
            return await in_thread(rank)

    async def _context(self, request: RecommendRequest, *, asked: bool) -> Context:
        session_alone = not asked and not request.workflow_phase
        last, steps = await known_steps(self.steps, request.session_id, needed=session_alone)
        weight = DEFAULT_PHASE_WEIGHT if request.phase_weight is None else request.phase_weight
        if not asked or not request.workflow_phase:
            weight = float(bool(request.workflow_phase))
        return Context(
            phase=request.workflow_phase,
            phase_weight=weight,
            project=request.project,
            user=self._hash_user(request.user_id) if request.user_id else None,
            after=last,
            next_steps=steps,
            alone=weight == 1 or not asked,
        )
