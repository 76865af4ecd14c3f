"""Reports on what many sessions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from session_buddy_skills.analytics.association import Association, associate, relationship
from session_buddy_skills.analytics.multiplicity import benjamini_hochberg
from session_buddy_skills.community import DependenciesAnswer, DependenciesRequest, Dependency
from session_buddy_skills.reports import rate
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.workflow_reports import rows_of, scope, why_empty

Row = dict[str, Any]


class CommunityReports:
    """Every report on what is done in many sessions, once."""

    def __init__(self, store: InvocationStore) -> None:
        self._store = store

    async def dependencies(self, request: DependenciesRequest) -> DependenciesAnswer:
        """Skills that are used together; with a `reason` if there is nothing to tell."""
        parameters = scope(request) | {"skill_name": request.skill_name}
        rows, anything = await rows_of(self._store, "co_used_skills", parameters)
        found, left_out = dependencies(rows, request.min_lift, request.limit)
        reason = why_empty(found, anything, "below_threshold" if rows else "nothing_in_scope")
        return DependenciesAnswer(dependencies=found, pairs_left_out=left_out, reason=reason)


def dependencies(rows: Sequence[Row], min_lift: float, limit: int) -> tuple[list[Dependency], int]:
    """Pairs of at least that lift, by its lower bound, and how many there are beyond the limit."""
    if not rows:
        return [], 0
    both, with_a, with_b = (
        np.array([row[name] for row in rows], np.float64)
        for name in ("both_sessions", "a_sessions", "b_sessions")
    )
    association = associate(both, with_a, with_b, float(rows[0]["sessions"]))
    adjusted = benjamini_hochberg(association.p_value)
    kept = np.flatnonzero(association.lift >= min_lift).tolist()
    kept.sort(key=lambda n: (-association.low[n], -both[n], rows[n]["skill_a"], rows[n]["skill_b"]))
    shown = [_dependency(rows[n], association, n, float(adjusted[n])) for n in kept[:limit]]
    return shown, len(kept) - len(shown)


def _dependency(row: Row, association: Association, n: int, adjusted: float) -> Dependency:
    lift = float(association.lift[n])
    a_first, b_first = row["a_first"], row["b_first"]
    confidence = [rate(row["both_sessions"], row[name]) for name in ("a_sessions", "b_sessions")]
    return Dependency(
        skill_a=row["skill_a"],
        skill_b=row["skill_b"],
        co_occurrence_count=row["both_sessions"],
        sessions=row["sessions"],
        lift_score=lift,
        lift_low=float(association.low[n]),
        lift_high=float(association.high[n]),
        p_value=float(association.p_value[n]),
        adjusted_p_value=adjusted,
        relationship_type=relationship(lift, adjusted),
        confidence_a_to_b=confidence[0],
        confidence_b_to_a=confidence[1],
        a_first_count=a_first,
        b_first_count=b_first,
    )
