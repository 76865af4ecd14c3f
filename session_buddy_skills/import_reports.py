"""What is answered of imports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from session_buddy_skills.imports import Kind
from session_buddy_skills.models import Outcome

Status = Literal["unfinished", "finished", "undone"]


class FileReport(BaseModel):
    """What became of one file that brought something."""

    path: str
    records: int
    added: int
    completed: int = Field(description="Stored before without their end, which has come.")
    unchanged: int = Field(description="Stored already.")
    skipped: int = Field(default=0, description="Records that cannot be taken.")
    left_out: list[str] = Field(
        default_factory=list, description="Records that were skipped, each with its reason."
    )
    items: int = Field(default=0, description="Rows of tests, categories and modalities.")
    differences: list[str] = Field(
        default_factory=list, description="The file's own totals that its records do not bear out."
    )


class RefusedFile(BaseModel):
    """A file of which nothing was taken."""

    path: str
    reasons: list[str]
    more: int = Field(default=0, description="Reasons beyond those that are told.")

    @property
    def sentence(self) -> str:
        """The first reason, and how many more there are."""
        first = self.reasons[0]
        if first.startswith(self.path):
            return first
        more = len(self.reasons) - 1 + self.more
        beside = f" (and {more} more records)" if more else ""
        return f"{self.path} was refused: {first}{beside}."


class ImportReport(BaseModel):
    """What an import brought, or would bring."""

    run_id: UUID | None = Field(description="To undo it by; null where nothing was written.")
    kind: Kind
    dry_run: bool
    timezone: str = Field(description="Of times that state none.")
    records: int
    added: int
    completed: int
    unchanged: int
    skipped: int
    items: int = Field(description="Rows of tests, categories and modalities that were added.")
    outcomes: dict[Outcome, int] = Field(description="Of all records that can be taken.")
    first_invoked: datetime | None
    last_invoked: datetime | None
    files: list[FileReport]
    files_read: int
    refused: list[RefusedFile]
    noted: dict[str, int] = Field(description="What else is worth telling, and how often it is.")
    backup: str | None = Field(default=None, description="The copy made before the first import.")


class ImportRun(BaseModel):
    """An import that was made."""

    run_id: UUID
    kind: Kind
    status: Status
    started_at: datetime
    ended_at: datetime | None
    timezone: str | None = Field(description="Of times that state none; null: the machine's.")
    session_id: str | None
    paths: list[str]
    files: int
    added: int
    completed: int
    unchanged: int
    items: int


class Undone(BaseModel):
    """What taking an import out again changed."""

    run_id: UUID
    removed: int
    restored: int = Field(description="Invocations without their end again.")
    kept: int = Field(description="Brought by another import as well, and so kept.")
    items: int


class Compared(BaseModel):
    """One figure, in the source and in the store."""

    of: str
    source: float | int | str | None
    stored: float | int | str | None


class Validation(BaseModel):
    """A run's source held against the store."""

    run_id: UUID
    records: int
    equal: int
    missing: int = Field(description="In the source, and not in the store.")
    surplus: int = Field(description="Brought by the run, and no longer in the source.")
    differing: int
    examples: list[str] = Field(description="Some records that are not equal, and how.")
    figures: list[Compared] = Field(description="Those that differ.")
    figures_compared: int
    changed_files: list[str] = Field(description="Files that are not as they were.")
    differences: list[str] = Field(
        description="The source's own totals that its own records do not bear out."
    )

    @property
    def holds(self) -> bool:
        """Whether everything that the source has is stored as it is."""
        return not (self.missing or self.surplus or self.differing or self.figures)
