"""Uses of skills and subagents, as far as a transcript tells of them, and the turns they are in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from session_buddy_skills.claude_code.lines import Line, failure_of, plain, time_of
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
    prompt_id: str | None = None
    """Of a slash command: the id of the prompt, which hooks know it by."""
    runs: str | None = None
    """The id of the subagent that it started."""
    in_background: bool = False

    @property
    def skill_name(self) -> str:
        """The one name that it is known by."""
        called = " ".join((self.called_as or "").split())
        return self.resolved or called.lstrip("/") or UNNAMED

    def may_be(self, skill: str) -> bool:
        """Whether a skill of a plugin is what was called by its short name."""
        called = (self.called_as or "").strip().lstrip("/")
        failed = self.error_type is not None
        return bool(called) and not self.is_agent and not failed and skill.endswith(f":{called}")

    def end(
        self, outcome: str, at: datetime | None, *, inferred: bool, error: str | None = None
    ) -> None:
        """It ended so; what was known of it before stays."""
        if self.outcome is None:
            self.outcome, self.error_type = outcome, error
            self.ended_at, self.end_inferred = at, inferred

    def take_result(self, line: Line, block: Line) -> None:
        """What the call came to."""
        at = time_of(line)
        told = line.get("toolUseResult")
        told = told if isinstance(told, dict) else {}
        failure = failure_of(line, block)
        if failure == "interrupted":
            self.end("abandoned", at, inferred=False)
        elif failure:
            self.end("failed", at, inferred=False, error=failure)
        elif self.is_agent:
            self.resolved = plain(told.get("agentType")) or self.resolved
            self.runs = plain(told.get("agentId"))
            self.in_background = told.get("status") == "async_launched" or bool(told.get("isAsync"))
            if not self.in_background:
                self.end("completed", at, inferred=False)
        else:
            self.called_as = self.called_as or plain(told.get("commandName"))
            if told.get("status") == "forked":
                self.runs = plain(told.get("agentId"))
                self.end("completed", at, inferred=False)


@dataclass(slots=True)
class Turn:
    """What the model does upon a request."""

    uses: list[Use] = field(default_factory=list)
    state: str = "open"
    error: str | None = None
    at: datetime | None = None

    def close(self) -> None:
        """It is over: that is the end of what is still under way in it."""
        for use in self.uses:
            if use.in_background:
                continue
            if self.state in ("completed", "said"):
                use.end("completed", self.at, inferred=True)
            elif self.state == "interrupted":
                use.end("abandoned", self.at, inferred=True)
            elif self.state == "api_error":
                use.end("failed", self.at, inferred=True, error=self.error)
            else:
                use.end("unknown", None, inferred=True)
