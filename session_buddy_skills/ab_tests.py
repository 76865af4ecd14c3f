"""Strategies that are tried side by side: what is asked, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    model_validator,
)

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import Name, OptionalNote, Seconds
from session_buddy_skills.requests import Question
from session_buddy_skills.results import Rate

TestGroup = Literal["control", "treatment"]
TestOutcome = Literal["completed", "failed", "abandoned", "unknown"]
Verdict = Literal[
    "treatment_better",
    "control_better",
    "no_difference",
    "undecided",
    "insufficient_data",
    "sample_ratio_mismatch",
]
SampleSize = Annotated[int, Field(strict=True, ge=50, le=10_000_000)]


class OneTest(Question):
    """A request about one A/B test."""

    test_name: Name = Field(description="The A/B test.")


class CreateTestRequest(OneTest):
    """A new A/B test."""

    control_strategy: Name = Field(description="What the control group gets: how it is done now.")
    treatment_strategy: Name = Field(description="What the treatment group gets: what is tried.")
    sample_size: SampleSize = Field(
        default=500,
        description=(
            "Runs per group after which the test is over; of one user a thirtieth of them counts "
            "at most, so that each group needs 30 users. Of as many users, 500 runs find a "
            "difference of 10 points four times of five, 2000 one of 5 points; where users have "
            "several runs it takes more."
        ),
    )
    description: OptionalNote = Field(default=None, description="What is to be found out.")

    @model_validator(mode="after")
    def _two_strategies(self) -> Self:
        if self.control_strategy == self.treatment_strategy:
            raise contradiction("treatment_strategy must be another than control_strategy")
        return self


class AssignRequest(OneTest):
    """A question which group a user is in."""

    user_id: Name = Field(description="The user; kept as a keyed hash, never as given.")


class OutcomeRequest(OneTest):
    """How one run of a user went."""

    user_id: Name = Field(description="The user, who has been assigned a group.")
    outcome: TestOutcome = Field(
        description="completed, failed, abandoned; or unknown, which is in no rate."
    )
    duration_seconds: Seconds | None = Field(
        default=None, description="How long it ran, in seconds."
    )
    outcome_id: UUID | None = Field(
        default=None,
        description="Your own id (a UUIDv7), so that sending this again counts once.",
    )


class AnalyzeRequest(OneTest):
    """A question how an A/B test stands."""


class StopRequest(OneTest):
    """The end of an A/B test."""


class ListTestsRequest(Question):
    """A question which A/B tests there are."""


class AbTest(BaseModel):
    """One A/B test, as it was created."""

    test_name: str
    control_strategy: str
    treatment_strategy: str
    sample_size: int = Field(description="Runs per group after which the test is over.")
    description: str | None
    created_at: datetime
    stopped_at: datetime | None = Field(description="Null while it runs.")


class AbTestsAnswer(BaseModel):
    """The A/B tests, newest first."""

    tests: list[AbTest]
    reason: Literal["no_tests"] | None = Field(
        default=None, description="Why the list is empty: no_tests, none was created."
    )


class Assignment(BaseModel):
    """Which group a user is in."""

    test_name: str
    test_group: TestGroup
    strategy: str = Field(description="What the user gets.")
    assigned_at: datetime = Field(description="When the user was first assigned it.")


class OutcomeReceipt(BaseModel):
    """What is stored of one run."""

    outcome_id: UUID
    test_name: str
    test_group: TestGroup
    outcome: TestOutcome
    duration_seconds: float | None
    changed: bool = Field(description="False when the same was stored before.")


class GroupResult(BaseModel):
    """What one group did, within its first sample_size decided runs."""

    strategy: str
    assigned_users: int
    active_users: int = Field(description="Users with a decided run.")
    completion_rate: Rate | None = Field(
        description="Of decided runs; its interval takes each run for itself."
    )
    avg_duration_seconds: float | None = Field(description="Mean of the users' mean durations.")
    timed_users: int = Field(description="Users with a known duration.")
    later_runs: int = Field(
        description=(
            "Decided runs that count for nothing: after the sample was full, or of a user who has "
            "filled a thirtieth of it."
        )
    )


class Effect(BaseModel):
    """Treatment less control."""

    value: float
    low: float = Field(description="Lower bound of the 95 % interval of a single look.")
    high: float = Field(description="Upper bound of the same.")
    p_value: float = Field(description="Of no difference, at a single look fixed in advance.")


class RateEffect(BaseModel):
    """The same of completion rates, runs of one user being alike.

    Bounds and p-value are null until each group has 30 users with runs: fewer do not tell how far
    users differ.
    """

    value: float
    low: float | None = Field(description="Lower bound of the 95 % interval of a single look.")
    high: float | None = Field(description="Upper bound of the same.")
    p_value: float | None = Field(
        description="Of no difference, at a single look fixed in advance."
    )
    sequential_low: float | None = Field(
        description="Lower bound of the 95 % interval that holds at all looks together."
    )
    sequential_high: float | None = Field(description="Upper bound of the same.")


class AbAnalysis(BaseModel):
    """How an A/B test stands; may be looked at as often as one likes."""

    test: AbTest
    verdict: Verdict = Field(
        description=(
            "The first of these that holds. sample_ratio_mismatch: the groups differ in size more "
            "than chance would have it, so that assigning is broken. insufficient_data: a group "
            "has fewer than 30 users with runs. treatment_better or control_better: "
            "sequential_low and sequential_high lie on one side of 0, and the test may be stopped. "
            "no_difference: the sample is full and none was found. undecided: go on."
        )
    )
    progress: float = Field(description="Share of the planned information that is there, 0 to 1.")
    control: GroupResult
    treatment: GroupResult
    completion_rate_effect: RateEffect | None = Field(
        description="Null until both groups have a run."
    )
    duration_effect: Effect | None = Field(
        description="Of seconds, by Welch's test over users; null under two users in a group."
    )
    detectable_difference: float | None = Field(
        description="The true difference that the full sample finds four times of five."
    )
    sample_ratio_p_value: float = Field(
        description=(
            "How likely groups of such sizes are, of users who were assigned or of those with "
            "runs, whichever are more unlike; below 0.001 there is a mismatch."
        )
    )
    reason: Literal["no_history"] | None = Field(
        default=None, description="no_history: nothing is recorded of this test."
    )
