"""What works in which phase, and where work gets stuck: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import Instant, OptionalName
from session_buddy_skills.git_metrics import MeanGitMetrics
from session_buddy_skills.requests import Question
from session_buddy_skills.results import Duration, Rate
from session_buddy_skills.taxonomy import Stage

Days = Annotated[float, Field(strict=True, gt=0, le=36_525, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Severity = Literal["low", "medium", "high"]
Shown = Annotated[int, Field(strict=True, ge=1, le=1_000)]
HeatmapMetric = Literal["count", "completion_rate", "duration"]
ReportFormat = Literal["markdown", "json"]
NoAnswer = Literal["no_history", "nothing_in_scope", "below_threshold"]

WHY_EMPTY = (
    "Why the list is empty: no_history, nothing is recorded; nothing_in_scope, nothing in this "
    "part of it, or nothing with a workflow phase; below_threshold, nothing reaches what was asked."
)


class SpanRequest(Question):
    """A question about a part of the record; all of it by default."""

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


class ScopedRequest(SpanRequest):
    """A question about a part of the record, which may be one session."""

    session_id: OptionalName = Field(default=None, description="One session alone.")


class EffectivenessRequest(ScopedRequest):
    """A question about how skills do in phases."""

    workflow_phase: OptionalName = Field(default=None, description="One phase alone.")
    min_invocations: Count | None = Field(
        default=None, description="Fewest invocations of a skill in a phase to tell of. Default: 1."
    )
    limit: Shown = Field(
        default=100, description="Most skills in phases to tell of; the surest ones."
    )


class BottleneckRequest(ScopedRequest):
    """A question about phases that hold work back."""

    min_abandonment_rate: Share | None = Field(
        default=None, description="Least abandonment rate of a phase to tell of. Default: 0."
    )


class TransitionsRequest(ScopedRequest):
    """A question about what follows what in sessions."""


class HeatmapRequest(ScopedRequest):
    """A question about skills across phases."""

    metric: HeatmapMetric = Field(
        default="count",
        description="count: invocations; completion_rate; duration: median seconds.",
    )
    limit: Shown = Field(default=20, description="Most skills to show; the most used ones.")


class ReportRequest(ScopedRequest):
    """A request for the report on workflows."""

    format: ReportFormat = Field(
        default="markdown", description="markdown, to be read; json, for programs."
    )


class InPhase(BaseModel):
    """What is said of a phase."""

    workflow_phase: str


class SkillInPhase(BaseModel):
    """What is said of a skill in a phase."""

    skill_name: str
    workflow_phase: str | None = Field(description="Null where no phase was given.")


class OutcomesAndDurations(BaseModel):
    """Invocations by outcome, and how long they took."""

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


class PhaseCounts(OutcomesAndDurations, InPhase):
    """How one phase does."""

    stage: Stage = Field(description="Stage of work that the phase belongs to.")


class Effectiveness(OutcomesAndDurations, SkillInPhase):
    """How one skill does in one phase."""


class EffectivenessAnswer(BaseModel):
    """Skills by phase, by the lower bound of the completion rate, highest first."""

    skills: list[Effectiveness]
    left_out: int = Field(default=0, description="Skills in phases beyond the limit.")
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
            "max(0, time_share - runs_share) / (1 - runs_share), and 0 under 5 timed runs."
        )
    )
    severity: Severity = Field(description="high from a score of 0.5, medium from 0.2, low below.")


class BottleneckAnswer(BaseModel):
    """Phases by bottleneck_score, highest first."""

    bottlenecks: list[Bottleneck]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class Step(BaseModel):
    """Invocations of a session that follow one another, by time of their start."""

    invocation_count: int = Field(description="How often this step was taken.")
    most_common_skill: str = Field(description="The skill most often used on arrival.")
    most_common_skill_count: int
    median_gap_seconds: float = Field(description="Median from start to start.")
    avg_transition_duration: float = Field(description="Mean from start to start, in seconds.")


class Between(BaseModel):
    """What is said of two phases."""

    from_phase: str
    to_phase: str


class Transition(Step, Between):
    """Steps from one phase to another."""

    probability: Rate = Field(
        description="Share of all steps out of from_phase into another phase that lead here."
    )


class SelfLoop(Step, InPhase):
    """Steps that stay in a phase."""

    probability: Rate = Field(description="Share of all steps from this phase that stay in it.")


class TransitionsAnswer(BaseModel):
    """Transitions, most frequent first, and apart from them the steps that stay."""

    transitions: list[Transition]
    self_loops: list[SelfLoop]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class HeatmapCell(BaseModel):
    """One skill in one phase; where it was not used there is no cell."""

    skill_name: str
    workflow_phase: str
    value: float | None = Field(
        description="In the metric asked for; null where it is not known of any of the n."
    )
    n: int = Field(
        description="What the value rests on: invocations, decided ones, or ones with a duration."
    )
    low: float | None = Field(description="Lower bound of a completion rate, else null.")
    high: float | None = Field(description="Upper bound of a completion rate, else null.")


class HeatmapAnswer(BaseModel):
    """Skills by phases, as data and as text that is readable without colour."""

    metric: HeatmapMetric
    skills: list[str] = Field(description="The rows, most used first.")
    phases: list[str] = Field(description="The columns, most used first.")
    cells: list[HeatmapCell]
    skills_left_out: int = Field(default=0, description="Skills beyond the limit.")
    text: str = Field(default="", description="A table with its legend.")
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class BestSkill(BaseModel):
    """The skill that most surely completes in a phase, and why."""

    workflow_phase: str
    skill_name: str
    completion_rate: Rate
    evidence: str = Field(description="What speaks for it, in a sentence.")


class WorkflowFindings(BaseModel):
    """What the report rests on."""

    total_invocations: int = Field(description="Invocations with a phase in this part.")
    without_phase: int = Field(description="Invocations without a phase, which are not in it.")
    phases: list[PhaseCounts] = Field(description="Effectiveness by phase, most used first.")
    bottlenecks: list[Bottleneck]
    transitions: list[Transition]
    self_loops: list[SelfLoop]
    best_skills: list[BestSkill] = Field(
        description="Per phase; none where no skill has completed a run."
    )
    git: MeanGitMetrics | None = Field(
        default=None, description="How work with git went; null where nobody told of it."
    )


class ReportAnswer(BaseModel):
    """The report, in the form that was asked for."""

    markdown: str | None = Field(default=None, description="The report to be read.")
    findings: WorkflowFindings | None = Field(default=None, description="The same, as data.")
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)
