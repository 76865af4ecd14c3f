"""What many sessions and users have in common: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from session_buddy_skills.fields import Name, OptionalName
from session_buddy_skills.results import Rate
from session_buddy_skills.workflow import WHY_EMPTY, NoAnswer, ScopedRequest, SpanRequest

Lift = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Listed = Annotated[int, Field(strict=True, ge=1, le=1_000)]
Relationship = Literal["strong", "moderate", "weak", "independent", "avoiding"]


class DependenciesRequest(ScopedRequest):
    """A question about skills that are used in the same sessions."""

    skill_name: OptionalName = Field(default=None, description="Pairs with this skill alone.")
    min_lift: Lift = Field(
        default=1.0,
        description=(
            "Least lift to tell of. 0 tells of pairs that seldom meet as well; those that never do "
            "are not told of."
        ),
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
        description="The same, allowing for all pairs of skills at once (Benjamini-Hochberg)."
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
    """Pairs that are not chance first, each by the lower bound of their lift."""

    dependencies: list[Dependency]
    pairs_left_out: int = Field(default=0, description="Pairs beyond the limit.")
    reason: NoAnswer | Literal["no_such_skill"] | None = Field(default=None, description=WHY_EMPTY)


class BaselinesRequest(SpanRequest):
    """A question about how skills do over all users."""

    user_id: OptionalName = Field(
        default=None, description="Also tell how far this user differs from the others."
    )
    skill_name: OptionalName = Field(default=None, description="One skill. Default: all of them.")


class Difference(BaseModel):
    """A difference of two shares, with its 95 % interval (Newcombe)."""

    value: float = Field(description="From -1 to 1; above 0 if this user completes more.")
    low: float
    high: float
    n: int = Field(description="Decided runs of this user.")
    others_n: int = Field(description="Decided runs of all others.")


class Baseline(BaseModel):
    """One skill over all users."""

    skill_name: str
    total_users: int = Field(description="Distinct users that are known.")
    total_invocations: int
    global_completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    typical_duration_seconds: float | None = Field(
        description="The median; null if no duration is known."
    )
    timed_invocations: int = Field(description="Runs with a known duration.")
    commonest_phase: str | None
    effectiveness_percentile: float | None = Field(
        description=(
            "From 0 to 100: the share of skills whose lower bound of the completion rate is lower, "
            "equal ones counting half; null without decided runs."
        )
    )
    user_invocations: int | None = Field(default=None, description="Of the user asked for.")
    user_completion_rate: Rate | None = Field(default=None, description="Of the user asked for.")
    difference: Difference | None = Field(
        default=None,
        description="The user's completion rate less that of all others; null if one has none.",
    )


class BaselinesAnswer(BaseModel):
    """Skills, most used first."""

    baselines: list[Baseline]
    reason: NoAnswer | Literal["no_such_skill"] | None = Field(default=None, description=WHY_EMPTY)


class CollaborativeRequest(SpanRequest):
    """A question about skills that a user may not know."""

    user_id: Name = Field(description="The user.")
    limit: Listed = Field(default=5, description="Most skills to tell of.")


class CollaborativeItem(BaseModel):
    """A skill that the user has not used."""

    skill_name: str
    score: float = Field(
        description=(
            "From 0 to 1. collaborative: the neighbours' lower bounds of the completion rate, each "
            "weighing by its likeness. popularity: the lower bound over all users, times the share "
            "of users that used it."
        )
    )
    completion_rate: Rate | None = Field(
        description="Over the neighbours' runs, or over all users' where the source is popularity."
    )
    neighbours: int = Field(description="Neighbours that used it; 0 for popularity.")
    source: Literal["collaborative", "popularity"]


class CollaborativeAnswer(BaseModel):
    """Skills that like users do well with, best first; then what is popular."""

    recommendations: list[CollaborativeItem]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)
