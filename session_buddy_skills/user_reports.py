"""Reports on users, who are known by keyed hashes alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
from anyio import to_thread

from session_buddy_skills.analytics.differences import newcombe_interval
from session_buddy_skills.analytics.neighbours import Suggestions, suggest
from session_buddy_skills.community import (
    Baseline,
    BaselinesAnswer,
    BaselinesRequest,
    CollaborativeAnswer,
    CollaborativeItem,
    CollaborativeRequest,
    Difference,
)
from session_buddy_skills.reports import rate
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.user_key import HashUser
from session_buddy_skills.workflow_reports import rows_of, span, why_empty

Row = dict[str, Any]


class UserReports:
    """Every report on users, once."""

    def __init__(self, store: InvocationStore, hash_user: HashUser) -> None:
        self._store = store
        self._hash_user = hash_user

    async def baselines(self, request: BaselinesRequest) -> BaselinesAnswer:
        """How each skill does over all users; with a `reason` if there is nothing to tell."""
        user = self._hash_user(request.user_id) if request.user_id else None
        parameters = span(request) | {"user": user}
        rows, anything = await rows_of(self._store, "baselines", parameters)
        found = baselines(rows, of_user=user is not None)
        if request.skill_name is not None:
            found = [one for one in found if one.skill_name == request.skill_name]
            if rows and not found:
                return BaselinesAnswer(baselines=[], reason="no_such_skill")
        return BaselinesAnswer(
            baselines=found, reason=why_empty(found, anything, "nothing_in_scope")
        )

    async def collaborative(self, request: CollaborativeRequest) -> CollaborativeAnswer:
        """Skills that the user has not used; with a `reason` if there are none."""
        user = self._hash_user(request.user_id)
        rows, anything = await rows_of(self._store, "skills_of_users", span(request))
        found = await to_thread.run_sync(collaborative, rows, user)
        reason = why_empty(found, anything, "below_threshold" if rows else "nothing_in_scope")
        return CollaborativeAnswer(recommendations=found[: request.limit], reason=reason)


def baselines(rows: list[Row], *, of_user: bool) -> list[Baseline]:
    """Skills over all users, most used first."""
    rates = [rate(row["completed_count"], row["decided_count"]) for row in rows]
    lows = sorted(one.low for one in rates if one is not None)
    found = []
    for row, whole in zip(rows, rates, strict=True):
        percentile = None
        if whole is not None:
            below, upto = bisect_left(lows, whole.low), bisect_right(lows, whole.low)
            # Half of the equal ones, the skill itself not being one of them.
            percentile = 100 * (below + (upto - below - 1) / 2) / max(1, len(lows) - 1)
        found.append(
            Baseline(
                skill_name=row["skill_name"],
                total_users=row["total_users"],
                total_invocations=row["total_invocations"],
                global_completion_rate=whole,
                typical_duration_seconds=row["p50_duration_seconds"],
                timed_invocations=row["timed_invocations"],
                commonest_phase=row["workflow_phase"],
                effectiveness_percentile=percentile,
                user_invocations=row["user_invocations"] if of_user else None,
                user_completion_rate=rate(row["user_completed"], row["user_decided"]),
                difference=_difference(row),
            )
        )
    return sorted(found, key=lambda one: (-one.total_invocations, one.skill_name))


def collaborative(rows: list[Row], user: str) -> list[CollaborativeItem]:
    """Skills that the user has not used: what neighbours do well with, then what is popular."""
    users = {name: n for n, name in enumerate(sorted({row["user_hash"] for row in rows}))}
    skills = {name: n for n, name in enumerate(sorted({row["skill_name"] for row in rows}))}
    completed, decided = np.zeros((2, len(users), len(skills)))
    for row in rows:
        place = users[row["user_hash"]], skills[row["skill_name"]]
        completed[place], decided[place] = row["completed_count"], row["decided_count"]
    suggestions = suggest(completed, decided, users.get(user))
    known = decided[users[user]] > 0 if user in users else np.zeros(len(skills), bool)
    found = [
        _item(name, n, suggestions, completed.sum(axis=0), decided.sum(axis=0))
        for name, n in skills.items()
        if not known[n]
    ]
    found = [one for one in found if one.score > 0]
    return sorted(found, key=lambda one: (one.source, -one.score, one.skill_name))


def _item(name: str, n: int, found: Suggestions, completed: Any, decided: Any) -> CollaborativeItem:
    if found.scores[n] > 0:
        return CollaborativeItem(
            skill_name=name,
            score=float(found.scores[n]),
            completion_rate=rate(int(found.completed[n]), int(found.decided[n])),
            neighbours=int(found.neighbours[n]),
            source="collaborative",
        )
    return CollaborativeItem(
        skill_name=name,
        score=float(found.popularity[n]),
        completion_rate=rate(int(completed[n]), int(decided[n])),
        neighbours=0,
        source="popularity",
    )


def _difference(row: Row) -> Difference | None:
    completed, n = row["user_completed"], row["user_decided"]
    others, others_n = row["completed_count"] - completed, row["decided_count"] - n
    if n == 0 or others_n == 0:
        return None
    low, high = newcombe_interval(completed, n, others, others_n)
    value = completed / n - others / others_n
    return Difference(value=value, low=low, high=high, n=n, others_n=others_n)
