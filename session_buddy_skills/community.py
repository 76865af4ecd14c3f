"""What many sessions and users have in common: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from session_buddy_skills.fields import OptionalName
from session_buddy_skills.results import Rate
from session_buddy_skills.workflow import WHY_EMPTY, NoAnswer, ScopedRequest

Lift = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Listed = Annotated[int, Field(strict=True, ge=1, le=1_000)]
Relationship = Literal["strong", "moderate", "weak", "independent", "avoiding"]


class DependenciesRequest(ScopedRequest):
    """A question about skills that are used in the same sessions."""

    skill_name: OptionalName = Field(default=None, description="Pairs with this skill alone.")
    min_lift: Lift = Field(
        default=1.0, description="Least lift to tell of; 0 tells of pairs that avoid each other."
    )
    limit: Listed = Field(default=20, description="Most pairs to tell of.")


class Dependency(BaseModel):
    """Two skills that were used in the same session; skill_a is that asked for, or comes first."""

    skill_a: str
    skill_b: str
    co_occurrence_count: int = Field(description="Distinct sessions with both.")
    sessions: int = Field(description="Distinct sessions in all.")
    lift_score: float = Field(
        description="Share of sessions with both, over that of independent skills; 1 if they are."
    )
    lift_low: float = Field(description="Lower bound of the lift's 95 % interval.")
    lift_high: float = Field(description="Upper bound of the lift's 95 % interval.")
    p_value: float = Field(
        description="Of the log-likelihood ratio test: how likely at least this is by chance."
    )
    adjusted_p_value: float = Field(
        description="The same, adjusted for all pairs tested at once (Benjamini-Hochberg)."
    )
    relationship_type: Relationship = Field(
        description=(
            "independent unless adjusted_p_value < 0.05; else by the lift: strong from 3, moderate "
            "from 1.5, weak above 1, avoiding below."
        )
    )
    confidence_a_to_b: Rate = Field(description="Share of the sessions with a that have b.")
    confidence_b_to_a: Rate = Field(description="Share of the sessions with b that have a.")
    a_first_count: int = Field(description="Sessions with both in which a was first used first.")
    b_first_count: int = Field(description="Sessions with both in which b was first used first.")


class DependenciesAnswer(BaseModel):
    """Pairs by the lower bound of their lift, highest first."""

    dependencies: list[Dependency]
    pairs_left_out: int = Field(default=0, description="Pairs beyond the limit.")
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)
