"""Reports on what many sessions have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from anyio import to_thread

from session_buddy_skills.analytics.association import (
    SIGNIFICANT,
    Association,
    associate,
    relationship,
)
from session_buddy_skills.analytics.multiplicity import benjamini_hochberg
from session_buddy_skills.community import DependenciesAnswer, DependenciesRequest, Dependency
from session_buddy_skills.reports import share
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.workflow import NoAnswer
from session_buddy_skills.workflow_reports import scope, why_empty

Row = dict[str, Any]


ROWS_AT_ONCE = 4_000_000
"""About so many invocations have their sessions joined at once."""


class CommunityReports:
    """Every report on what is done in many sessions, once."""

    def __init__(self, store: InvocationStore) -> None:
        self._store = store

    async def dependencies(self, request: DependenciesRequest) -> DependenciesAnswer:
        """Skills that are used together; with a `reason` if there is nothing to tell."""
        asked = scope(request) | {"skill_name": request.skill_name}

        async def work(reader: InvocationReader) -> tuple[CoUse, int, bool]:
            recorded = (await reader.counts())["total_invocations"]
            used = CoUse()
            for after, upto in await _parts(reader, 1 + recorded // ROWS_AT_ONCE):
                used.add(
                    await reader.rows("co_used_skills", asked | {"after": after, "upto": upto})
                )
            name = request.skill_name
            known = name is None or name in used.skills or bool(await reader.metrics(name))
            return used, recorded, known

        used, recorded, known = await self._store.read(work)
        if recorded and not known:
            return DependenciesAnswer(dependencies=[], reason="no_such_skill")
        found, left_out = await to_thread.run_sync(dependencies, used, request)
        nothing: NoAnswer = "below_threshold" if used.pairs else "nothing_in_scope"
        reason = why_empty(found, recorded > 0, nothing)
        return DependenciesAnswer(dependencies=found, pairs_left_out=left_out, reason=reason)


async def _parts(reader: InvocationReader, parts: int) -> list[tuple[str | None, str | None]]:
    """Sessions in parts of the same size: the id before the first of each, and that of its last."""
    if parts == 1:
        return [(None, None)]
    rows = await reader.rows("last_sessions_of_parts", {"parts": parts})
    return list(pairwise([None, *(row["session_id"] for row in rows)]))


class CoUse:
    """In how many sessions skills and pairs of skills were used."""

    def __init__(self) -> None:
        self.total = 0
        self.skills: Counter[str] = Counter()
        self.pairs: dict[tuple[str, str], tuple[int, int, int]] = {}
        """Sessions with both; with the one first; with the other first."""

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows of `co_used_skills`, of a part of the sessions."""
        for row in rows:
            a, b, sessions = row["skill_a"], row["skill_b"], row["sessions"]
            if b is not None:
                both, a_first, b_first = self.pairs.get((a, b), (0, 0, 0))
                firsts = a_first + row["a_first"], b_first + row["b_first"]
                self.pairs[a, b] = both + sessions, *firsts
            elif a is not None:
                self.skills[a] += sessions
            else:
                self.total += sessions


def dependencies(used: CoUse, request: DependenciesRequest) -> tuple[list[Dependency], int]:
    """Pairs of enough lift, surest first, and how many there are beyond the limit.

    Tested are all pairs of skills, also those that never meet: chance picks among them all.
    """
    pairs = list(used.pairs)
    if not pairs:
        return [], 0
    both = np.array([used.pairs[pair][0] for pair in pairs], np.float64)
    with_a, with_b = (
        np.array([used.skills[pair[side]] for pair in pairs], np.float64) for side in (0, 1)
    )
    association = associate(both, with_a, with_b, float(used.total))
    skills = len(used.skills)
    tests = skills - 1 if request.skill_name else skills * (skills - 1) // 2
    adjusted = benjamini_hochberg(association.p_value, tests)
    chance = adjusted >= SIGNIFICANT
    kept = np.flatnonzero(association.lift >= request.min_lift).tolist()
    kept.sort(key=lambda n: (chance[n], -association.low[n], -both[n], pairs[n]))
    shown = [
        _dependency(used, pairs[n], association, n, float(adjusted[n]))
        for n in kept[: request.limit]
    ]
    return shown, len(kept) - len(shown)


def _dependency(
    used: CoUse, pair: tuple[str, str], association: Association, n: int, adjusted: float
) -> Dependency:
    both, a_first, b_first = used.pairs[pair]
    lift = float(association.lift[n])
    return Dependency(
        skill_a=pair[0],
        skill_b=pair[1],
        co_occurrence_count=both,
        sessions=used.total,
        lift_score=lift,
        lift_low=float(association.low[n]),
        lift_high=float(association.high[n]),
        p_value=float(association.p_value[n]),
        adjusted_p_value=adjusted,
        relationship_type=relationship(lift, adjusted),
        confidence_a_to_b=share(both, used.skills[pair[0]]),
        confidence_b_to_a=share(both, used.skills[pair[1]]),
        a_first_count=a_first,
        b_first_count=b_first,
    )
