"""How work with git goes in a session, as crackerjack measures it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from session_buddy_skills.fields import Name
from session_buddy_skills.requests import Request

Amount = Annotated[float, Field(strict=True, ge=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Score = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
Branches = Annotated[int, Field(strict=True, ge=0, le=10**6)]


class GitMetrics(Request):
    """What was measured; null is what was not."""

    commit_velocity: Amount | None = Field(default=None, description="Commits per hour.")
    branch_count: Branches | None = Field(default=None, description="Branches.")
    merge_success_rate: Share | None = Field(
        default=None, description="Share of merges without conflicts, from 0 to 1."
    )
    conventional_compliance: Share | None = Field(
        default=None, description="Share of commits in the conventional form, from 0 to 1."
    )
    workflow_efficiency: Score | None = Field(
        default=None, description="crackerjack's score, from 0 to 100."
    )


class GitMetricsRequest(Request):
    """What was measured of a session."""

    session_id: Name = Field(description="The session.")
    metrics: GitMetrics = Field(description="What was measured; what was not is null or left out.")
    metrics_id: UUID | None = Field(
        default=None, description="Your own id (a UUIDv7), so that sending this again counts once."
    )


class GitMetricsReceipt(BaseModel):
    """What was stored."""

    session_id: str
    reason: Literal["nothing_measured"] | None = Field(
        default=None, description="Why nothing was stored."
    )

    @classmethod
    def of(cls, session_id: str, *, measured: bool) -> Self:
        """What is said of it."""
        return cls(session_id=session_id, reason=None if measured else "nothing_measured")


class SessionGitMetrics(BaseModel):
    """What was measured last of a session."""

    recorded_at: datetime
    commit_velocity: float | None = Field(description="Commits per hour.")
    branch_count: int | None
    merge_success_rate: float | None = Field(description="From 0 to 1.")
    conventional_compliance: float | None = Field(description="From 0 to 1.")
    workflow_efficiency: float | None = Field(description="From 0 to 100.")


class MeanGitMetrics(BaseModel):
    """Means over sessions, of what was measured last of each; null where nothing was."""

    sessions: int
    commit_velocity: float | None = Field(description="Commits per hour.")
    branch_count: float | None
    merge_success_rate: float | None = Field(description="From 0 to 1.")
    conventional_compliance: float | None = Field(description="From 0 to 1.")
    workflow_efficiency: float | None = Field(description="From 0 to 100.")
