"""Recommendations: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from session_buddy_skills.fields import Name, OptionalName, blank_is_none, no_nul
from session_buddy_skills.limits import LIST_ITEMS, RECOMMENDED_SKILLS, REQUEST_CHARS
from session_buddy_skills.requests import Request
from session_buddy_skills.results import Mode, Rate

Limit = Annotated[int, Field(strict=True, ge=1, le=RECOMMENDED_SKILLS)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
LongQuery = Annotated[
    Annotated[str, StringConstraints(max_length=REQUEST_CHARS), AfterValidator(no_nul)] | None,
    BeforeValidator(blank_is_none),
]
Reason = Literal[
    "no_skills", "empty_query", "below_threshold", "all_excluded", "no_such_skill", "no_history"
]

DEFAULT_LIMIT = 5
DEFAULT_PHASE_WEIGHT = 0.3


class RecommendRequest(Request):
    """A request that a skill is looked for."""

    user_query: LongQuery = Field(
        default=None,
        description="What the user asks for, in their words; the first 20,000 characters count.",
    )
    limit: Limit | None = Field(default=None, description="Most skills to recommend. Default: 5.")
    workflow_phase: OptionalName = Field(
        default=None, description="The phase of the workflow that it is for, such as tests."
    )
    phase_weight: Share | None = Field(
        default=None,
        description=(
            "With a workflow_phase, how much the score is success in it, from 0, not at all, to 1, "
            "nothing else. Default: 0.3, and 1 without a query."
        ),
    )
    session_id: OptionalName = Field(
        default=None,
        description="The session that asks: what comes after its last steps gains a little.",
    )
    project: OptionalName = Field(
        default=None,
        description="The project: success is counted in it, for skills that were used there.",
    )
    user_id: OptionalName = Field(
        default=None,
        description="The user: success is counted over their uses, for skills that they used.",
    )
    min_similarity: Cosine | None = Field(
        default=None,
        description=(
            "Least similarity_score to recommend, in place of the threshold that is calibrated "
            "from the record; -1 lets everything through, and without a model nothing else does."
        ),
    )
    exclude: Annotated[list[Name], Field(max_length=LIST_ITEMS)] | None = Field(
        default=None, description="Skills not to recommend."
    )


class SimilarRequest(Request):
    """A question about skills that are like one."""

    skill_name: Name = Field(description="The skill.")
    limit: Limit | None = Field(default=None, description="Most skills to name. Default: 5.")


class NextRequest(Request):
    """A question about what a session may do next."""

    session_id: Name = Field(description="The session.")
    limit: Limit | None = Field(default=None, description="Most skills to recommend. Default: 5.")


class Evidence(BaseModel):
    """One thing that speaks for a skill or against it."""

    kind: Literal["past_use", "description", "step"] = Field(
        description="A past request, what the skill says of itself, or what came before it."
    )
    query: str | None = Field(
        default=None, description="The past request, its first 200 characters."
    )
    outcome: Literal["completed", "failed", "mixed"] | None = Field(
        default=None,
        description="How uses for that request ended; failed includes those given up.",
    )
    similarity: float | None = Field(
        default=None, description="Cosine between that request, or the description, and this one."
    )


class Recommendation(BaseModel):
    """A skill, and what speaks for it."""

    skill_name: str
    score: float = Field(description="From 0 to 1; the order of the list. See reason.")
    similarity_score: float | None = Field(
        description=(
            "Highest cosine of the query with a request that the skill completed, or with its "
            "description; null without a model."
        )
    )
    completed: bool = Field(description="Whether most of its runs completed.")
    completion_rate: Rate | None = Field(
        description="Of the runs in the project or of the user asked for, if any, else of all."
    )
    duration_seconds: float | None = Field(description="Median over its runs; null if not known.")
    workflow_phase: str | None = Field(description="The phase that it works best in.")
    evidence: list[Evidence] = Field(description="Up to three: a step, then the nearest.")
    reason: str = Field(description="Why it is recommended, in a sentence.")


class Recommendations(BaseModel):
    """What is recommended, best first."""

    recommendation_id: UUID = Field(
        description="Pass it to track_invocation with the skill that was chosen."
    )
    recommendations: list[Recommendation]
    confidence: float = Field(
        description=(
            "That any skill fits the query, from 0 to 1; below 0.5 nothing is recommended, unless "
            "min_similarity was given. 1 where a phase or a step was asked for alone, and found."
        )
    )
    mode: Mode = Field(
        description="semantic: whole sentences, static: word vectors, lexical: words."
    )
    model: str | None = Field(description="The model in use.")
    reason: Reason | None = Field(default=None, description="Why the list is empty.")


class SimilarSkill(BaseModel):
    """A skill that is like another."""

    skill_name: str
    similarity_score: float = Field(
        description="Cosine between what is known of the two: descriptions and completed requests."
    )
    completion_rate: Rate | None


class SimilarSkills(BaseModel):
    """Skills that are like one, most alike first."""

    skill_name: str
    skills: list[SimilarSkill]
    mode: Mode
    model: str | None
    reason: Reason | None = Field(default=None, description="Why the list is empty.")
