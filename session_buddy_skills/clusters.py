"""Groups of skills that are alike: what is asked, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from session_buddy_skills.fields import OptionalName
from session_buddy_skills.requests import Question
from session_buddy_skills.results import Mode


class ClustersRequest(Question):
    """A question about groups of skills."""

    skill_name: OptionalName = Field(
        default=None, description="The group of this skill alone. Default: all groups."
    )


class ClusterMember(BaseModel):
    """A skill in a group."""

    skill_name: str
    closeness: float = Field(description="Cosine with the centre of its group.")


class SkillCluster(BaseModel):
    """Skills that are alike, the closest to their centre first."""

    cluster_id: UUID = Field(
        description="Stays while the skills in common are half of those of then and now."
    )
    cluster_name: str = Field(description="Its three most telling words.")
    terms: list[str] = Field(description="Up to five words that tell it from the others.")
    created_at: datetime = Field(description="When there was first such a group.")
    skills: list[ClusterMember]


class ClustersAnswer(BaseModel):
    """The groups, the largest first."""

    clusters: list[SkillCluster]
    unclustered: list[str] = Field(
        description="Skills of which nothing is known yet that could be compared."
    )
    mode: Mode = Field(description="What skills were compared by.")
    model: str | None = Field(description="The model in use.")
    reason: Literal["no_skills", "no_such_skill", "not_ready"] | None = Field(
        default=None,
        description=(
            "Why the list is empty: no_skills; no_such_skill; not_ready, nothing is known yet of "
            "the skill, or of any."
        ),
    )
