"""Groups of skills, made of what is known at the moment and stored where they have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import anyio
import numpy as np
from uuid_utils.compat import uuid7

from session_buddy_skills.advising.knowledge import Knowledge
from session_buddy_skills.advising.threads import in_thread
from session_buddy_skills.advising.upkeep import Upkeep
from session_buddy_skills.clusters import (
    ClusterMember,
    ClustersAnswer,
    ClustersRequest,
    SkillCluster,
)
from session_buddy_skills.recommend.clusters import (
    SHORTEST,
    Vectors,
    grouped,
    lengths,
    names_of,
    same_as_before,
    telling_terms,
)
from session_buddy_skills.recommend.discriminant import Discriminant
from session_buddy_skills.recommend.lexical import LexicalIndex
from session_buddy_skills.storage.cluster_store import Cluster, ClusterStore, by_id
from session_buddy_skills.storage.database import Database

CLOSENESS_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Basis:
    """What groups are made of; both parts are replaced as a whole, never changed."""

    words: LexicalIndex
    discriminant: Discriminant | None
    gone: frozenset[int]

    def is_that(self, other: _Basis | None) -> bool:
        """Whether it is the same at the same moment."""
        return (
            other is not None
            and self.words is other.words
            and self.discriminant is other.discriminant
            and self.gone == other.gone
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """Skills that are alike, before it is known which group they were."""

    name: str
    terms: list[str]
    members: dict[str, float]
    """Their closeness."""


class Clustering:
    """Answers with groups of skills, which stay the same while the skills do."""

    def __init__(self, upkeep: Upkeep, database: Database) -> None:
        self._upkeep = upkeep
        self._store = ClusterStore(database)
        self._lock = anyio.Lock()
        self._basis: _Basis | None = None
        self._made: list[Cluster] = []

    async def answer(self, request: ClustersRequest) -> ClustersAnswer:
        """The groups, or that of one skill; with a `reason` if there is none."""
        await self._upkeep.until_loaded()
        knowledge, model = self._upkeep.knowledge, self._upkeep.model
        fitted = model.space.fitted.discriminant if model else None
        name = model.embedder.model if model and fitted else None
        async with self._lock:
            clusters = await self._current(knowledge, fitted, name)
        names = {knowledge.uses.names[skill] for skill in _present(knowledge)}
        unclustered = names - {member for one in clusters for member in one.members}
        wanted = request.skill_name
        if wanted is not None:
            clusters = [one for one in clusters if wanted in one.members]
            unclustered &= {wanted}
        reason: Literal["no_skills", "no_such_skill", "not_ready"] | None = None
        if not clusters:
            reason = "not_ready" if unclustered else "no_such_skill" if wanted else "no_skills"
        return ClustersAnswer(
            clusters=[_told(one) for one in clusters],
            unclustered=sorted(unclustered),
            mode=model.embedder.mode if model and fitted else "lexical",
            model=name,
            reason=reason,
        )

    async def _current(
        self, knowledge: Knowledge, fitted: Discriminant | None, model: str | None
    ) -> list[Cluster]:
        """The groups of what is known now, stored where they are others than before."""
        basis = _Basis(knowledge.indexes[0], fitted, frozenset(knowledge.gone))
        stored = await self._store.clusters(model)
        # Another server may have stored others since, of the same skills or of newer ones.
        if not basis.is_that(self._basis) or by_id(stored) != by_id(self._made):
            groups = await in_thread(lambda: _groups(knowledge, basis))
            made = await self._store.renew(model, partial(_identified, groups, model))
            self._made, self._basis = _largest_first(made), basis
        return self._made


def _largest_first(clusters: Sequence[Cluster]) -> list[Cluster]:
    return sorted(clusters, key=lambda one: (-len(one.members), min(one.members)))


def _present(knowledge: Knowledge) -> list[int]:
    """Skills that are described, if by their name alone, and not gone."""
    return [skill for skill in list(knowledge.descriptions) if skill not in knowledge.gone]


def _groups(knowledge: Knowledge, basis: _Basis) -> list[_Group]:
    """The skills in groups, the largest first."""
    names = knowledge.uses.names
    skills = np.array(sorted(_present(knowledge), key=lambda skill: names[skill]), np.intp)
    words = basis.words.matrix(len(names))
    vectors: Vectors = words
    if basis.discriminant is not None:
        vectors = basis.discriminant.means
        skills = skills[skills < len(vectors)]
    skills = skills[lengths(vectors)[skills] > SHORTEST]
    if not len(skills):
        return []
    grouping = grouped(vectors[skills])
    terms = telling_terms(words[skills], grouping.labels, list(basis.words.vocabulary))
    members: list[dict[str, float]] = [{} for _ in terms]
    for skill, group, close in zip(skills, grouping.labels, grouping.closeness, strict=True):
        members[group][names[skill]] = round(float(close), CLOSENESS_DIGITS)
    return [_Group(*one) for one in zip(names_of(terms), terms, members, strict=True)]


def _identified(
    groups: Sequence[_Group], model: str | None, stored: Sequence[Cluster]
) -> list[Cluster]:
    """The groups with the ids that they had; one that is what it was is the stored one."""
    before = by_id(stored)
    same = same_as_before(
        {key: one.members for key, one in before.items()}, [one.members for one in groups]
    )
    now = datetime.now(UTC)
    made = []
    for number, group in enumerate(groups):
        old = before[same[number]] if number in same else None
        new = Cluster(
            cluster_id=old.cluster_id if old else uuid7(),
            cluster_name=group.name,
            terms=group.terms,
            model=model,
            created_at=old.created_at if old else now,
            changed_at=old.changed_at if old else now,
            members=group.members,
        )
        made.append(new if old in (None, new) else replace(new, changed_at=now))
    return made


def _told(cluster: Cluster) -> SkillCluster:
    closest = sorted(cluster.members.items(), key=lambda one: (-one[1], one[0]))
    return SkillCluster(
        cluster_id=cluster.cluster_id,
        cluster_name=cluster.cluster_name,
        terms=cluster.terms,
        created_at=cluster.created_at,
        skills=[ClusterMember(skill_name=name, closeness=close) for name, close in closest],
    )
