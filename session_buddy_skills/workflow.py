"""What works in which phase, and where work gets stuck: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import Instant, OptionalName
from session_buddy_skills.models import Request
from session_buddy_skills.results import Duration, Rate

Days = Annotated[float, Field(strict=True, gt=0, le=36_525, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Severity = Literal["low", "medium", "high"]
NoAnswer = Literal["no_history", "nothing_in_scope", "below_threshold"]

WHY_EMPTY = (
    "Why the list is empty: no_history, nothing is recorded; nothing_in_scope, nothing in this "
    "part of it, or nothing with a workflow phase; below_threshold, nothing reaches what was asked."
)


class ScopedRequest(Request):
    """A question about a part of the record; all of it by default."""

    session_id: OptionalName = Field(default=None, description="One session alone.")
    project: OptionalName = Field(default=None, description="One project alone.")
    since: Instant | None = Field(
        default=None, description="Started at this time or later, ISO 8601 with offset."
    )
    until: Instant | None = Field(
        default=None, description="Started before this time, ISO 8601 with offset."
    )
    days: Days | None = Field(
        default=None, description="Started in the last so many days, in place of since and until."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.days is not None and (self.since is not None or self.until is not None):
            raise contradiction("days stands in place of since and until: give one or the other")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise contradiction("since must lie before until")
        return self


class EffectivenessRequest(ScopedRequest):
    """A question about how skills do in phases."""

    workflow_phase: OptionalName = Field(default=None, description="One phase alone.")
    min_invocations: Count | None = Field(
        default=None, description="Fewest invocations of a skill in a phase to tell of. Default: 1."
    )


class BottleneckRequest(ScopedRequest):
    """A question about phases that hold work back."""

    min_abandonment_rate: Share | None = Field(
        default=None, description="Least abandonment rate of a phase to tell of. Default: 0."
    )


class PhaseCounts(BaseModel):
    """Invocations in a phase by outcome, and how long they took."""

    workflow_phase: str | None = Field(description="Null where no phase was given.")
    total_invocations: int
    completed_count: int
    failed_count: int
    abandoned_count: int
    pending_count: int
    unknown_count: int
    completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    avg_duration_seconds: float | None = Field(
        description="Mean over the runs whose duration is known; null if none is."
    )
    duration: Duration | None = Field(description="Null if no run has a known duration.")


class Effectiveness(PhaseCounts):
    """How one skill does in one phase."""

    skill_name: str


class EffectivenessAnswer(BaseModel):
    """Skills by phase, by the lower bound of the completion rate, highest first."""

    skills: list[Effectiveness]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class Bottleneck(PhaseCounts):
    """How far one phase holds work back."""

    abandonment_rate: Rate | None = Field(
        description="abandoned / (completed + failed + abandoned), with its interval."
    )
    loss_rate: Rate | None = Field(
        description="(failed + abandoned) / the same, with its interval."
    )
    time_share: float = Field(
        description="Share of all known duration that is spent in this phase, from 0 to 1."
    )
    bottleneck_score: float = Field(
        description=(
            "1 - (1 - loss) · (1 - slowness), from 0 to 1: loss is the lower bound of loss_rate, "
            "slowness how far time_share exceeds this phase's share of timed runs: "
            "max(0, time_share - runs_share) / (1 - runs_share)."
        )
    )
    severity: Severity = Field(description="high from a score of 0.5, medium from 0.2, low below.")


class BottleneckAnswer(BaseModel):
    """Phases by bottleneck_score, highest first."""

    bottlenecks: list[Bottleneck]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)
