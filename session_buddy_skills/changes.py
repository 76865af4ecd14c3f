"""What has changed: what is asked, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import Name, OptionalName, no_nul
from session_buddy_skills.requests import Question
from session_buddy_skills.workflow import WHY_EMPTY, Days, NoAnswer

AnomalyType = Literal[
    "performance_drop",
    "performance_spike",
    "duration_increase",
    "duration_decrease",
    "usage_drop",
    "usage_spike",
    "pattern_shift",
]
TrendMetric = Literal["completion_rate", "duration", "usage"]
Hours = Annotated[float, Field(strict=True, ge=0.25, le=8_784, allow_inf_nan=False)]
MOST_WINDOWS = 1_000
Deviations = Annotated[float, Field(strict=True, ge=0, le=10, allow_inf_nan=False)]
Note = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(no_nul)]


class AnomaliesRequest(Question):
    """A question about skills that do other than they did."""

    threshold: Deviations = Field(
        default=2.0,
        description="Least deviation to tell of, beside significance, in standard deviations.",
    )
    time_window_hours: Hours = Field(
        default=24.0, description="Length of the recent window, which ends now."
    )
    baseline_hours: Hours = Field(
        default=168.0,
        description="Length of the baseline before it, at least twice as long as the window.",
    )
    project: OptionalName = Field(default=None, description="One project alone.")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.baseline_hours < 2 * self.time_window_hours:
            raise contradiction("baseline_hours must be at least twice time_window_hours")
        if self.baseline_hours > MOST_WINDOWS * self.time_window_hours:
            raise contradiction("baseline_hours must be at most 1000 times time_window_hours")
        return self


class Anomaly(BaseModel):
    """One episode, as it was last found."""

    anomaly_id: UUID
    skill_name: str
    anomaly_type: AnomalyType
    baseline_value: float | None = Field(
        description=(
            "Performance: the completion rate. Duration: the median in seconds. Usage: uses per "
            "window, on average. Pattern: 0."
        )
    )
    observed_value: float | None = Field(
        description="The same in the recent window; pattern: the share of runs in other phases."
    )
    deviation_score: float = Field(
        description="The z at which a normal variable is that unlikely; below 0 if less was seen."
    )
    p_value: float = Field(description="Two-sided, of this test alone.")
    adjusted_p_value: float | None = Field(
        default=None,
        description=(
            "The same, allowing for all tests of this call, in which completion rates weigh more; "
            "null if not tested in it."
        ),
    )
    recent_n: int | None = Field(default=None, description="Runs in the recent window.")
    baseline_n: int | None = Field(default=None, description="Runs in the baseline.")
    detected_at: datetime = Field(description="When it was first found.")
    last_seen_at: datetime = Field(description="When it was last found.")
    resolved_at: datetime | None = Field(
        default=None, description="When it was found back to normal."
    )
    acknowledged_at: datetime | None = None
    note: str | None = None


class AnomaliesAnswer(BaseModel):
    """What deviates now, most unlikely first, and what is back to normal."""

    anomalies: list[Anomaly]
    still_open: list[Anomaly] = Field(
        description="Episodes that are neither found in this call nor back to normal in it."
    )
    resolved: list[Anomaly] = Field(description="Episodes that this call found back to normal.")
    tests: int = Field(description="How many tests this call made.")
    reason: NoAnswer | None = Field(
        default=None,
        description=(
            f"{WHY_EMPTY} Here nothing_in_scope says that no skill has enough runs to be tested."
        ),
    )


class AcknowledgeRequest(Question):
    """That somebody knows of an anomaly."""

    anomaly_id: UUID = Field(description="The episode.")
    note: Note | None = Field(default=None, description="What is known of it.")


class TrendRequest(Question):
    """A question about how a skill does from day to day."""

    skill_name: Name = Field(description="The skill.")
    metric: TrendMetric = Field(
        default="completion_rate",
        description="completion_rate; duration: median seconds; usage: invocations per day.",
    )
    days: Days = Field(default=30.0, description="The last so many days.")
    project: OptionalName = Field(default=None, description="One project alone.")


class DayValue(BaseModel):
    """One day, in UTC."""

    day: datetime
    value: float
    n: int = Field(description="Runs that the value rests on.")


class TrendAnswer(BaseModel):
    """A straight line through the days, each weighing by its runs."""

    skill_name: str
    metric: TrendMetric
    trend: Literal["improving", "declining", "stable", "insufficient_data"] = Field(
        description=(
            "improving or declining if p_value < 0.05: a higher completion rate, a shorter "
            "duration and more use are better. insufficient_data under 3 days or 10 runs."
        )
    )
    slope: float | None = Field(default=None, description="Change per day, in the metric's unit.")
    slope_low: float | None = Field(
        default=None, description="Lower bound of the slope's 95 % interval."
    )
    slope_high: float | None = Field(
        default=None, description="Upper bound of the slope's 95 % interval."
    )
    p_value: float | None = Field(default=None, description="Of a slope of 0.")
    start_value: float | None = Field(
        default=None, description="What the line says of the first day."
    )
    end_value: float | None = Field(default=None, description="What the line says of the last day.")
    change_percent: float | None = Field(
        default=None, description="From start_value to end_value; null if it starts at 0."
    )
    confidence: float | None = Field(default=None, description="1 - p_value.")
    n: int = Field(description="Runs in all.")
    values: list[DayValue]
    reason: NoAnswer | Literal["no_such_skill"] | None = Field(
        default=None, description="Why there is nothing to tell."
    )
