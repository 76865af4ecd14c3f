"""What is recorded: an invocation, and the requests that start, end or hold one.

A request is checked where it is built; a field that is None was not stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import (
    CLOCK_SKEW,
    Flag,
    Instant,
    Items,
    Name,
    OptionalName,
    OptionalQuery,
    Rank,
    Rating,
    Seconds,
)
from session_buddy_skills.limits import BATCH_INVOCATIONS
from session_buddy_skills.requests import Request


class Outcome(StrEnum):
    """How an invocation ended, or `pending` while it runs."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"


END_FIELDS = ("error_type", "follow_up_actions", "duration_seconds", "rating", "ended_at")
"""The fields, beside the outcome, that an invocation has only once it ended."""
CALL_FIELDS = (
    "arguments",
    "called_as",
    "called_by",
    "agent_id",
    "model",
    "input_tokens",
    "output_tokens",
    "end_inferred",
)
"""What histories and captures tell of calls, and callers do not; a table of its own has it."""


ENDED = [outcome.value for outcome in Outcome if outcome is not Outcome.PENDING]


def _ended(value: object) -> object:
    if value is not None and value not in ENDED:
        raise PydanticCustomError("ended", f"must be one of {', '.join(ENDED)}")
    return value


class TrackRequest(Request):
    """The start of an invocation."""

    session_id: Name = Field(description="The session that uses the skill.")
    skill_name: Name = Field(description="The skill's name, trimmed, and compared exactly.")
    invocation_id: UUID | None = Field(
        default=None,
        description="Your own id (a UUIDv7), so that sending this again counts once.",
    )
    invoked_at: Instant | None = Field(
        default=None, description="When it started, ISO 8601 with offset. Default: now."
    )
    user_query: OptionalQuery = Field(
        default=None, description="What the user asked for, in their words."
    )
    alternatives_considered: Items | None = Field(
        default=None, description="Other skills that were weighed, best first."
    )
    selection_rank: Rank | None = Field(
        default=None, description="Place of this skill among those recommended; 1 is the first."
    )
    recommendation_id: UUID | None = Field(
        default=None,
        description=(
            "The answer of recommend_skills that this follows; selection_rank and "
            "alternatives_considered are taken from it unless given."
        ),
    )
    workflow_path: OptionalName = Field(
        default=None, description="Workflow path, such as quick or comprehensive."
    )
    workflow_phase: OptionalName = Field(
        default=None, description="Workflow phase, such as fast_hooks or tests."
    )
    workflow_step_id: OptionalName = Field(
        default=None, description="Step of the workflow that runs the skill."
    )
    project: OptionalName = Field(default=None, description="The project that it is used in.")
    user: OptionalName = Field(
        default=None, description="Who uses it; kept as a keyed hash, never as given."
    )
    source: OptionalName = Field(
        default=None, description="The program that reports it, such as claude-code."
    )


class _Ending(Request):
    """How an invocation ended, as fields that several requests share."""

    outcome: Outcome | None = Field(
        default=None, description="completed, failed, abandoned, unknown, or pending while it runs."
    )
    completed: Flag | None = Field(
        default=None,
        description=(
            "In place of outcome: true is completed; "
            "false is failed with an error_type, abandoned without."
        ),
    )
    error_type: OptionalName = Field(
        default=None, description="What went wrong, such as builtins.ValueError."
    )
    follow_up_actions: Items | None = Field(default=None, description="What was done next.")
    duration_seconds: Seconds | None = Field(
        default=None, description="How long it ran, in seconds. Default: measured from the start."
    )
    rating: Rating | None = Field(default=None, description="How useful it was, from 1 to 5.")
    ended_at: Instant | None = Field(
        default=None, description="When it ended, ISO 8601 with offset. Default: now."
    )

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        outcome = self.resolved_outcome
        if self.completed is not None and self.completed != (outcome is Outcome.COMPLETED):
            raise contradiction(
                f"completed {str(self.completed).lower()} contradicts outcome '{self.outcome}'; "
                "give one of the two"
            )
        if self.error_type and outcome in (Outcome.COMPLETED, Outcome.ABANDONED):
            raise contradiction(
                f"error_type belongs to a failed invocation, but the outcome is '{outcome}'; "
                "leave one of the two out"
            )
        return self

    @property
    def resolved_outcome(self) -> Outcome:
        """The outcome that the fields state, `pending` if none."""
        if self.outcome is not None:
            return self.outcome
        if self.completed is None:
            return Outcome.PENDING
        if self.completed:
            return Outcome.COMPLETED
        return Outcome.FAILED if self.error_type else Outcome.ABANDONED


class CompleteRequest(_Ending):
    """The end of an invocation: of that id, or of the newest pending of a skill in a session."""

    outcome: Annotated[
        Outcome | None, BeforeValidator(_ended), WithJsonSchema({"enum": [*ENDED, None]})
    ] = Field(default=None, description="How it ended.")
    invocation_id: UUID | None = Field(
        default=None, description="The invocation; or give session_id and skill_name."
    )
    session_id: OptionalName = Field(default=None, description="With skill_name: its session.")
    skill_name: OptionalName = Field(
        default=None, description="With session_id: ends the newest pending use of this skill."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.invocation_id is None and not (self.session_id and self.skill_name):
            raise contradiction("invocation_id is required, or both session_id and skill_name")
        if self.outcome is None and self.completed is None:
            raise contradiction("outcome is required, or completed in its place")
        return self


class RecordRequest(_Ending, TrackRequest):
    """A whole invocation: its start and, unless it is still pending, its end."""

    invoked_at: Instant | None = Field(
        default=None,
        description=(
            "When it started, ISO 8601 with offset. Default: duration_seconds before now, or now."
        ),
    )
    duration_seconds: Seconds | None = Field(
        default=None,
        description=(
            "How long it ran, in seconds. Default: from invoked_at to ended_at; not known if that "
            "is not given."
        ),
    )
    ended_at: Instant | None = Field(
        default=None,
        description=(
            "When it ended, ISO 8601 with offset. Default: duration_seconds after invoked_at; not "
            "known if that is not given."
        ),
    )

    @model_validator(mode="after")
    def _end_needs_outcome(self) -> Self:
        if self.resolved_outcome is Outcome.PENDING:
            given = [name for name in END_FIELDS if getattr(self, name) not in (None, [])]
            if given:
                raise contradiction(f"{given[0]} needs an outcome other than pending")
        if self.ended_at and self.invoked_at is None:
            raise contradiction("ended_at needs an invoked_at")
        if self.ended_at and self.invoked_at and self.ended_at < self.invoked_at:
            raise contradiction("ended_at must not be before invoked_at")
        if self.invoked_at and self.duration_seconds and self.ended_at is None:
            end = self.invoked_at + timedelta(seconds=self.duration_seconds)
            if end > datetime.now(UTC) + CLOCK_SKEW:
                raise contradiction("invoked_at plus duration_seconds must not lie in the future")
        return self


class BatchRequest(Request):
    """Whole invocations that are stored together or not at all."""

    invocations: Annotated[
        list[RecordRequest], Field(min_length=1, max_length=BATCH_INVOCATIONS)
    ] = Field(description="The invocations, each with its start and, once it ended, its end.")


@dataclass(slots=True)  # frozen would triple the time that making one takes
class Invocation:
    """One use of one skill, as it is stored; not changed once made.

    Times are UTC; `user` is a keyed hash. The `CALL_FIELDS` are known of calls that were read from
    a history or captured: what was passed and under which name, who called (`model`, `subagent`,
    or `slash` for the user), tokens without cached ones, and whether the end is a conclusion.
    """

    invocation_id: UUID
    session_id: str
    skill_name: str
    invoked_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.PENDING
    duration_seconds: float | None = None
    user_query: str | None = None
    alternatives_considered: tuple[str, ...] = ()
    selection_rank: int | None = None
    follow_up_actions: tuple[str, ...] = ()
    error_type: str | None = None
    workflow_path: str | None = None
    workflow_phase: str | None = None
    workflow_step_id: str | None = None
    project: str | None = None
    user: str | None = None
    source: str | None = None
    rating: int | None = None
    recommendation_id: UUID | None = None
    arguments: str | None = None
    called_as: str | None = None
    called_by: str | None = None
    agent_id: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    end_inferred: bool | None = None

    @property
    def completed(self) -> bool:
        """The legacy boolean: whether the outcome is `completed`."""
        return self.outcome is Outcome.COMPLETED

    @property
    def tells_of_its_call(self) -> bool:
        """Whether it has any of the `CALL_FIELDS`."""
        return any(getattr(self, name) is not None for name in CALL_FIELDS)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Invocation:
        """The stored row as an invocation."""
        row["outcome"] = Outcome(row["outcome"])
        row["alternatives_considered"] = tuple(row["alternatives_considered"] or ())
        row["follow_up_actions"] = tuple(row["follow_up_actions"] or ())
        return cls(**row)
