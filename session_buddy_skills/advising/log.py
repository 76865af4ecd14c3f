"""What was recommended, remembered for what follows and kept off the path of the answer."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from session_buddy_skills.recommendations import Recommendations, RecommendRequest
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.writing import query_id

logger = logging.getLogger(__name__)

REMEMBERED = 1_000
"""Recommendations that are remembered; others are looked up."""
UNKEPT = 10_000
"""Most that wait for a database that takes none."""
KEPT_AT_ONCE = 50
"""A tenth of a second's work, in which nothing else is written."""
KEPT_AFTER_SECONDS = 0.5
"""How long one waits for others, with which it shares a transaction."""


class RecommendationLog:
    """Recommendations on their way to the disk, and the newest of them."""

    def __init__(self, store: EvidenceStore) -> None:
        self._store = store
        self._unkept: list[Row] = []
        self._newest: OrderedDict[UUID, list[str]] = OrderedDict()

    def note(
        self, answer: Recommendations, request: RecommendRequest, text: str, user: str | None
    ) -> None:
        """Remember what was answered; `keep` writes it."""
        names = [one.skill_name for one in answer.recommendations]
        self._newest[answer.recommendation_id] = names
        if len(self._newest) > REMEMBERED:
            self._newest.popitem(last=False)
        if len(self._unkept) >= UNKEPT:
            logger.error("%d recommendations wait for the disk; the oldest is not kept.", UNKEPT)
            del self._unkept[0]
        self._unkept.append(
            {
                "session_id": request.session_id,
                "recommendation_id": answer.recommendation_id,
                "recommended_at": datetime.now(UTC),
                "query_id": query_id(text) if text.strip() else None,
                "query_text": text,
                "model": answer.model,
                "mode": answer.mode,
                "skill_names": names,
                "reason": answer.reason,
                "workflow_phase": request.workflow_phase,
                "project": request.project,
                "user_hash": user,
            }
        )

    async def keep(self, *, at_once: bool = False) -> bool:
        """Write some of what is not kept yet, once it is many or has waited; whether it did."""
        some = self._unkept[:KEPT_AT_ONCE]
        if not some or not (at_once or len(some) == KEPT_AT_ONCE or self._oldest_is_due()):
            return False
        await self._store.keep_recommendations(some)
        del self._unkept[: len(some)]
        return True

    def _oldest_is_due(self) -> bool:
        oldest: datetime = self._unkept[0]["recommended_at"]
        return (datetime.now(UTC) - oldest).total_seconds() >= KEPT_AFTER_SECONDS

    async def shown(self, recommendation_ids: Collection[UUID]) -> dict[UUID, list[str]]:
        """The skills of recommendations, best first; nothing of those that are not known."""
        found = {key: self._newest[key] for key in recommendation_ids if key in self._newest}
        if missing := [str(key) for key in recommendation_ids if key not in found]:
            keys = {"recommendation_ids": missing}
            for row in await self._store.fetch("recommended_skills", keys):
                found[row["recommendation_id"]] = list(row["skill_names"])
        return found
