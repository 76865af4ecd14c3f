"""One use of a skill or a subagent, as far as a transcript tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from session_buddy_skills.imports import CalledBy

UNNAMED = "(unnamed)"
"""Stands for the skill of a call that names none."""


@dataclass(slots=True)
class Tokens:
    """Of responses, without what came from a cache."""

    input: int = 0
    output: int = 0

    def add(self, other: Tokens) -> None:
        """Those of another response beside."""
        self.input += other.input
        self.output += other.output


@dataclass(slots=True)
class Use:
    """One use, as far as it is known."""

    key: str
    """The call's id, or that of the line with the slash command."""
    called_as: str | None
    arguments: str | None
    called_by: CalledBy
    session_id: str
    started_at: datetime | None
    prompt: str | None
    is_agent: bool = False
    agent_id: str | None = None
    model: str | None = None
    resolved: str | None = None
    outcome: str | None = None
    error_type: str | None = None
    ended_at: datetime | None = None
    end_inferred: bool = False
    tokens: Tokens = field(default_factory=Tokens)
    runs: str | None = None
    """The id of the subagent that it started."""
    in_background: bool = False

    @property
    def skill_name(self) -> str:
        """The one name that it is known by."""
        called = " ".join((self.called_as or "").split())
        return self.resolved or called.lstrip("/") or UNNAMED

    def end(
        self, outcome: str, at: datetime | None, *, inferred: bool, error: str | None = None
    ) -> None:
        """It ended so; what was known of it before stays."""
        if self.outcome is None:
            self.outcome, self.error_type = outcome, error
            self.ended_at, self.end_inferred = at, inferred
