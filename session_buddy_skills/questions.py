"""What can be asked of the record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from session_buddy_skills.fields import NO_CONTROL, Name
from session_buddy_skills.requests import Request


class SessionRequest(Request):
    """A question about one session."""

    session_id: Name = Field(description="The session.")


class SkillMetricsRequest(Request):
    """A question about one skill or all."""

    skill_name: Name | None = Field(default=None, description="The skill. Default: all of them.")


class ExportRequest(Request):
    """Where to write an export."""

    path: Annotated[str, Field(min_length=1, max_length=1_000, pattern=NO_CONTROL)] = Field(
        description="A .json file in an allowed folder; a relative path is taken from the first."
    )


class HealthRequest(Request):
    """Nothing to say."""
