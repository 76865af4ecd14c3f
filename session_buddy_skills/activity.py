"""What was done when: what is asked, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, RootModel

from session_buddy_skills.fields import OptionalName
from session_buddy_skills.models import Outcome
from session_buddy_skills.requests import Question
from session_buddy_skills.results import Rate
from session_buddy_skills.workflow import WHY_EMPTY, NoAnswer, Shown

LONGEST_HOURS = 366 * 24
BEGINNING_CHARS = 200
"""What is told of a text in a list; an export has all of it."""
WholeHours = Annotated[int, Field(strict=True, ge=1, le=LONGEST_HOURS)]
Threshold = Annotated[int, Field(strict=True, ge=1, le=36_525)]
WindowHours = Annotated[float, Field(strict=True, gt=0, le=LONGEST_HOURS, allow_inf_nan=False)]


class HourlyRequest(Question):
    """A question about the last hours, one by one."""

    skill_name: OptionalName = Field(default=None, description="One skill. Default: all together.")
    hours: WholeHours = Field(default=24, description="How many, the present one included.")
    project: OptionalName = Field(default=None, description="One project alone.")


class Hour(BaseModel):
    """One hour, in UTC; an hour without invocations is there too, with zeros."""

    hour_timestamp: datetime = Field(description="Its beginning.")
    skill_name: str | None = Field(description="Null where all skills are counted together.")
    invocation_count: int
    completed_count: int
    completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    avg_duration_seconds: float | None = Field(description="Null if no duration is known.")
    unique_sessions: int


class HourlyAnswer(BaseModel):
    """Every hour, oldest first."""

    hours: list[Hour]
    reason: NoAnswer | Literal["no_such_skill"] | None = Field(
        default=None, description="Why all hours are empty, if they are."
    )


class RealTimeRequest(Question):
    """A question about what is in use now."""

    limit: Shown = Field(default=10, description="Most skills to tell of.")
    window_hours: WindowHours = Field(default=1.0, description="The last so many hours.")
    project: OptionalName = Field(default=None, description="One project alone.")


class SkillNow(BaseModel):
    """One skill in the window."""

    skill_name: str
    invocation_count: int
    completed_count: int
    pending_count: int = Field(description="Still running.")
    completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    avg_duration: float | None = Field(description="Mean seconds; null if none is known.")
    last_invocation_at: datetime


class RealTimeAnswer(BaseModel):
    """Skills in the window, most used first."""

    top_skills: list[SkillNow]
    skills_left_out: int = Field(default=0, description="Skills beyond the limit.")
    total_invocations: int = Field(description="In the window, of all skills.")
    since: datetime = Field(description="Where the window begins; it ends now.")
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class SessionsRequest(Question):
    """A question about the sessions of late."""

    limit: Shown = Field(default=20, description="Most sessions to tell of.")
    project: OptionalName = Field(default=None, description="One project alone.")


class SessionActivity(BaseModel):
    """One session."""

    session_id: str
    total_invocations: int
    total_skills_used: int
    pending_count: int = Field(description="Still running.")
    completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    first_invoked: datetime
    last_invoked: datetime


class SessionsAnswer(BaseModel):
    """Sessions, last active first."""

    sessions: list[SessionActivity]
    reason: NoAnswer | None = Field(default=None, description=WHY_EMPTY)


class RecentRequest(Question):
    """A question about single invocations."""

    limit: Shown = Field(default=20, description="Most invocations to tell of.")
    session_id: OptionalName = Field(default=None, description="One session alone.")
    skill_name: OptionalName = Field(default=None, description="One skill alone.")
    project: OptionalName = Field(default=None, description="One project alone.")


class Recorded(BaseModel):
    """One invocation, as it is recorded; what is not known of it is null."""

    invocation_id: UUID
    session_id: str
    skill_name: str
    invoked_at: datetime
    outcome: Outcome
    duration_seconds: float | None
    error_type: str | None
    end_inferred: bool | None = Field(description="Whether its end was concluded, not stated.")
    user_query: str | None = Field(
        description=f"How it begins: {BEGINNING_CHARS} characters, and … for the rest."
    )
    arguments: str | None = Field(description="What it was called with, likewise.")
    called_by: str | None = Field(description="model, subagent or slash, in Claude Code.")
    workflow_phase: str | None
    project: str | None
    source: str | None


class RecentAnswer(BaseModel):
    """Invocations, newest first."""

    invocations: list[Recorded]
    reason: NoAnswer | Literal["no_such_session", "no_such_skill"] | None = Field(
        default=None, description=f"{WHY_EMPTY} no_such_session, no_such_skill: none is of that."
    )


class SkillHealthRequest(Question):
    """A question about skills that are no longer used."""

    threshold_days: Threshold = Field(
        default=90, description="Days without a use from which a skill is stale. Default: 90."
    )


class SkillFreshness(BaseModel):
    """Whether one skill is in use."""

    skill_name: str
    status: Literal["fresh", "stale", "unused"] = Field(
        description="stale: last used threshold_days ago or longer; unused: known, and never used."
    )
    total_invocations: int
    last_invoked: datetime | None
    days_since_use: float | None


class SkillHealth(RootModel[list[SkillFreshness]]):
    """Every known skill, least lately used first; a list, as crackerjack reads it."""
