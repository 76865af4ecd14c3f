"""The catalog of skills: what a skill says of itself, and the requests that tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from session_buddy_skills.fields import Name, OptionalName, blank_is_none, no_nul
from session_buddy_skills.limits import CATALOG_SKILLS, DESCRIPTION_CHARS, LIST_ITEMS, PATH_CHARS
from session_buddy_skills.requests import Request

Source = Literal["personal", "project", "plugin", "command", "registered"]
"""Where a description comes from: a folder of skills, a slash command, or a caller."""

Description = Annotated[
    Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARS), AfterValidator(no_nul)] | None,
    BeforeValidator(blank_is_none),
]
Location = Annotated[str, StringConstraints(max_length=PATH_CHARS), AfterValidator(no_nul)]


class SkillEntry(Request):
    """A skill as it describes itself."""

    name: Name = Field(description="The skill's name, as invocations call it.")
    description: Description = Field(
        default=None, description="What it does and when to use it, in its own words."
    )
    source: Source = Field(default="registered", description="Where the description comes from.")
    location: Location = Field(
        default="", description="The file that describes it; empty if there is none."
    )
    allowed_tools: Annotated[list[Name], Field(max_length=LIST_ITEMS)] = Field(
        default=[], description="Tools that it may use."
    )
    modality: OptionalName = Field(
        default=None, description="What kind of input it works on, such as text, code or image."
    )


class RegisterRequest(Request):
    """Skills to put into the catalog, together."""

    skills: Annotated[list[SkillEntry], Field(max_length=CATALOG_SKILLS)] = Field(
        description="The skills. One that is known by the same name and location is changed."
    )
    scanned: Annotated[list[Location], Field(max_length=CATALOG_SKILLS)] = Field(
        default=[],
        description=(
            "Folders that were read whole: skills that were found there before and are not in "
            "`skills` are taken out of the catalog. What is recorded of them stays."
        ),
    )
    unreadable: Annotated[list[Location], Field(max_length=CATALOG_SKILLS)] = Field(
        default=[],
        description="Files in those folders that could not be read: what is known of them stays.",
    )


class CatalogRequest(Request):
    """A question about the catalog."""

    source: Literal[Source, "used"] | None = Field(
        default=None,
        description="Only skills whose description comes from there; `used`: that have none.",
    )


@dataclass(slots=True)
class Skill:
    """A row of the catalog; `removed_at` is set while its file is gone."""

    skill_name: str
    location: str
    source: str
    description: str | None
    allowed_tools: tuple[str, ...]
    modality: str | None
    removed_at: datetime | None = None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Skill:
        """The stored row as a skill."""
        return cls(**row | {"allowed_tools": tuple(row["allowed_tools"])})

    @classmethod
    def from_entry(cls, entry: SkillEntry) -> Skill:
        """What a caller said of a skill."""
        return cls(
            skill_name=entry.name,
            location=entry.location,
            source=entry.source,
            description=entry.description,
            allowed_tools=tuple(entry.allowed_tools),
            modality=entry.modality,
        )


class Registered(BaseModel):
    """What became of the skills; the first three counts add up to those sent."""

    added: int = Field(description="Skills that are new in the catalog, or back in it.")
    changed: int = Field(description="Skills whose description or tools are others than before.")
    unchanged: int = Field(description="Skills that were in it just so.")
    removed: list[str] = Field(description="Names of those that are no longer in a scanned folder.")


class CatalogSkill(BaseModel):
    """A skill that is described, or known by its use alone."""

    name: str
    description: str | None = None
    source: str = Field(description="As registered; `used` if only invocations tell of it.")
    location: str = ""
    allowed_tools: list[str] = Field(default_factory=list)
    modality: str | None = None


class CatalogAnswer(BaseModel):
    """The catalog, by name."""

    skills: list[CatalogSkill]
    reason: Literal["no_skills"] | None = Field(
        default=None, description="Why there is nothing to tell."
    )
