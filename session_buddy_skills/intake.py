"""Requests into writes: ids, times, hashed names, and what the caller stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from session_buddy_skills.git_metrics import GitMetricsRequest
from session_buddy_skills.models import (
    BatchRequest,
    CompleteRequest,
    Invocation,
    Outcome,
    RecordRequest,
    TrackRequest,
)
from session_buddy_skills.requests import Request
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.ledger import End, Put, end_times
from session_buddy_skills.storage.user_key import UserHasher, load_user_key

Shown = Mapping[UUID, Sequence[str]]
"""Skills that were recommended, best first, by the id of the recommendation."""


class Intake:
    """Turns requests into writes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, request: TrackRequest, shown: Shown) -> Put:
        """The start of an invocation; `shown` has what its recommendation showed."""
        return self._put(request, Outcome.PENDING, shown)

    def end(self, request: CompleteRequest) -> End:
        """The end of an invocation, reported as it happens."""
        return End(
            invocation_id=request.invocation_id,
            session_id=request.session_id,
            skill_name=request.skill_name,
            stated=self._stated(request, request.resolved_outcome),
            received_at=datetime.now(UTC),
        )

    def git_metrics(self, request: GitMetricsRequest) -> Row | None:
        """A row of git metrics; None where nothing was measured."""
        measured = request.metrics.model_dump()
        if all(value is None for value in measured.values()):
            return None
        return measured | {
            "metrics_id": request.metrics_id or uuid7(),
            "session_id": request.session_id,
            "recorded_at": datetime.now(UTC),
        }

    def batch(self, request: BatchRequest, shown: Shown) -> tuple[Put, ...]:
        """Whole invocations; `shown` has what their recommendations showed."""
        return tuple(self._put(one, one.resolved_outcome, shown) for one in request.invocations)

    def whole(self, request: RecordRequest) -> Invocation:
        """An invocation as it is stored, with nothing known but what the request says."""
        return self._put(request, request.resolved_outcome, {}).invocation

    def _put(self, request: TrackRequest | RecordRequest, outcome: Outcome, shown: Shown) -> Put:
        stated = self._stated(request, outcome)
        known = stated.copy()
        followed = request.recommendation_id
        if followed is not None and (names := shown.get(followed)):
            # Chosen from a list, it has its place there, and the others were passed over.
            others = tuple(name for name in names if name != request.skill_name)
            known.setdefault("alternatives_considered", others)
            if request.skill_name in names:
                known.setdefault("selection_rank", names.index(request.skill_name) + 1)
        if new_id := "invocation_id" not in stated:
            known["invocation_id"] = uuid7()
        if "invoked_at" not in stated:
            # What is told of afterwards ended by now, and so began its duration ago.
            ago = timedelta(seconds=stated.get("duration_seconds", 0))
            known["invoked_at"] = datetime.now(UTC) - ago
        if outcome is not Outcome.PENDING:
            known["ended_at"], known["duration_seconds"] = end_times(
                known["invoked_at"], known.get("ended_at"), known.get("duration_seconds")
            )
        return Put(Invocation(**known), stated, new_id)

    def _stated(self, request: Request, outcome: Outcome) -> dict[str, Any]:
        """What the request states, in the form in which it is stored."""
        stated = request.stated()
        stated["outcome"] = outcome
        stated.pop("completed", None)
        for name in ("alternatives_considered", "follow_up_actions"):
            if items := stated.get(name):
                stated[name] = tuple(items)
            elif items is not None:
                stated[name] = ()
        if "user" in stated:
            stated["user"] = self.hash_user(stated["user"])
        if hashed := stated.pop("user_hash", None):
            stated["user"] = hashed
        return stated

    @cached_property
    def hash_user(self) -> UserHasher:
        """Turns a user's name into what is kept of it."""
        key = self._settings.user_key
        if key is not None:
            return UserHasher(key.get_secret_value().encode())
        return UserHasher(load_user_key(self._settings.data_dir / "user.key"))
