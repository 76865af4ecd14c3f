"""What the calls answer. Each is a tool's output schema, so every field says what it is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from session_buddy_skills.git_metrics import SessionGitMetrics
from session_buddy_skills.models import Outcome

Mode = Literal["semantic", "static", "lexical"]
"""What requests are compared by: whole sentences, word vectors, or words alone."""


class Receipt(BaseModel):
    """What is stored of one invocation after a write."""

    invocation_id: UUID
    session_id: str
    skill_name: str
    outcome: Outcome
    invoked_at: datetime
    duration_seconds: float | None = Field(
        default=None, description="Seconds that it ran, as given or measured; null if not known."
    )
    changed: bool = Field(
        default=True, description="False when the same was stored before and nothing changed."
    )


class BatchReceipt(BaseModel):
    """What a batch stored; the three counts add up to the batch's length."""

    recorded: int = Field(description="Invocations that were new.")
    ended: int = Field(description="Invocations that were pending and have ended with this batch.")
    unchanged: int = Field(description="Invocations that were stored before with the same content.")
    invocation_ids: list[UUID] = Field(description="Their ids, in the order of the batch.")


class Rate(BaseModel):
    """A share of n, with its Wilson 95 % interval."""

    value: float = Field(description="The share, from 0 to 1.")
    n: int = Field(description="How many it is a share of.")
    low: float = Field(description="Lower bound of the interval.")
    high: float = Field(description="Upper bound of the interval.")


class OutcomeCounts(BaseModel):
    """Invocations by outcome."""

    total_invocations: int = 0
    completed_invocations: int = 0
    failed_invocations: int = 0
    abandoned_invocations: int = 0
    pending_invocations: int = 0
    unknown_invocations: int = 0


class SessionSummary(OutcomeCounts):
    """What one session did."""

    session_id: str
    total_skills_used: int = 0
    total_duration_seconds: float = Field(
        default=0.0, description="Sum over the invocations whose duration is known."
    )
    skills_by_count: dict[str, int] = Field(
        default_factory=dict, description="Invocations per skill, most used first."
    )
    first_invoked: datetime | None = None
    last_invoked: datetime | None = None
    git: SessionGitMetrics | None = Field(
        default=None, description="What was measured last of its work with git, if anything."
    )
    reason: Literal["no_such_session"] | None = Field(
        default=None, description="Why there is nothing to tell."
    )


class Duration(BaseModel):
    """Seconds over the n runs whose duration is known."""

    n: int
    mean_seconds: float
    p50_seconds: float
    p95_seconds: float


class SkillMetrics(OutcomeCounts):
    """What one skill did, over everything recorded."""

    skill_name: str
    completion_rate: Rate | None = Field(
        description="completed / (completed + failed + abandoned); null if none of them happened."
    )
    duration: Duration | None = Field(description="Null if no run has a known duration.")
    workflow_paths: dict[str, int] = Field(description="Invocations per path, most frequent first.")
    workflow_phases: dict[str, int] = Field(description="Invocations per phase.")
    common_errors: dict[str, int] = Field(description="Invocations per error type.")
    follow_up_actions: dict[str, int] = Field(description="How often each action followed.")
    avg_selection_rank: float | None = Field(description="Mean rank where one was given.")
    first_rank_success: Rate | None = Field(
        description="Completion rate of the runs that were ranked first."
    )
    first_invoked: datetime
    last_invoked: datetime


class SkillMetricsAnswer(BaseModel):
    """Metrics per skill, most used first."""

    skills: list[SkillMetrics]
    reason: Literal["no_history", "no_such_skill"] | None = Field(
        default=None, description="Why the list is empty."
    )


class WriteStatistics(BaseModel):
    """What the writer did since the server started."""

    writes: int = Field(description="Writes answered.")
    transactions: int = Field(description="Transactions that carried them.")
    waiting: int = Field(description="Writes that wait for the next transaction.")
    seconds_waited: float = Field(description="Sum over the writes, from arrival to disk.")


class EmbeddingHealth(BaseModel):
    """Which model recommendations come from, and how far it has come."""

    embedding_model: str | None = Field(
        default=None, description="The model in use; null while words alone are compared."
    )
    embedding_mode: Mode = "lexical"
    embedding_backlog: int = Field(
        default=0,
        description=(
            "Texts and invocations that recommendations do not rest on yet; above 0 as well while "
            "a better model is made ready."
        ),
    )
    embedding_note: str | None = Field(
        default=None, description="Why the model that was asked for is not in use."
    )


class Health(EmbeddingHealth):
    """Whether the server can read and write, and what it serves."""

    status: Literal["ok"] = "ok"
    version: str
    engine: str
    database: str
    schema_version: int
    invocations: int
    pending_invocations: int
    uptime_seconds: float
    process_id: int = Field(description="Of the server.")
    storage: WriteStatistics


class Export(BaseModel):
    """Where an export was written."""

    path: str
    invocations: int
    skills: int
    bytes: int
