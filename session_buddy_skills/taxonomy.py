"""What kinds of skills and phases there are: what is asked, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from session_buddy_skills.errors import contradiction
from session_buddy_skills.fields import Name, OptionalName, OptionalNote
from session_buddy_skills.limits import LIST_ITEMS
from session_buddy_skills.requests import Question


def _rule_word(text: str) -> str:
    """Refuse what no word of a text could ever be."""
    if "*" in text[:-1] or not any(char.isalnum() for char in text):
        raise PydanticCustomError("rule", "must be words, of which the last may end in *")
    return text


RuleWord = Annotated[Name, AfterValidator(_rule_word)]
Kind = Literal["category", "modality"]
Stage = Literal["setup", "execution", "verification", "cleanup", "deployment", "other"]
Action = Literal["set", "remove", "assign", "exclude", "stage", "fill"]
MapSource = Literal["manual", "rule", "stated"]
NEEDS: dict[Action, tuple[str, ...]] = {
    "set": ("name",),
    "remove": ("name",),
    "assign": ("name", "skill_name"),
    "exclude": ("name", "skill_name"),
    "stage": ("workflow_phase", "stage"),
    "fill": (),
}
"""What each action needs; nothing else may be given but kind, and with `set` what is set."""
OF_SET = ("description", "words")


class TaxonomyRequest(Question):
    """A question about kinds of skills."""


class EditTaxonomyRequest(Question):
    """One change of the taxonomy."""

    action: Action = Field(
        description=(
            "set: make a category, or change of it what is given. "
            "remove: take it away, with its skills. "
            "assign: put a skill into it by hand. "
            "exclude: keep a skill out of it, whatever the rule says. "
            "stage: say which stage of work a phase belongs to. "
            "fill: apply the rules to all skills; what was done by hand stays."
        )
    )
    kind: Kind = Field(
        default="category",
        description="category: a skill may have several; modality: it has one.",
    )
    name: OptionalName = Field(default=None, description="The category or modality.")
    description: OptionalNote = Field(default=None, description="With set: what belongs there.")
    words: Annotated[list[RuleWord], Field(max_length=LIST_ITEMS)] | None = Field(
        default=None,
        description=(
            "With set: the rule. Words or phrases of which a skill's name or description must have "
            "one; test* stands for all words that begin so."
        ),
    )
    skill_name: OptionalName = Field(default=None, description="With assign and exclude.")
    workflow_phase: OptionalName = Field(default=None, description="With stage: the phase.")
    stage: Stage | None = Field(default=None, description="With stage: where it belongs.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        needed = NEEDS[self.action]
        for name in needed:
            if getattr(self, name) is None:
                raise contradiction(f"{name} is required with action {self.action}")
        allowed = {"action", "kind", *needed, *(OF_SET if self.action == "set" else ())}
        for name in sorted(self.stated()):
            if name not in allowed:
                raise contradiction(f"{name} does not belong to action {self.action}")
        if self.action == "exclude" and self.kind == "modality":
            raise contradiction(
                "exclude is for categories; a skill has one modality, so assign another"
            )
        return self


class MappedSkill(BaseModel):
    """A skill in a category."""

    skill_name: str
    source: MapSource = Field(
        description="manual, rule, or stated: the skill says so of itself (modalities alone)."
    )


class Category(BaseModel):
    """A category or modality, with its rule and its skills."""

    name: str
    kind: Kind
    description: str | None
    words: list[str] = Field(description="The rule; empty: only by hand.")
    skills: list[MappedSkill]
    excluded: list[str] = Field(description="Skills that were kept out by hand.")


class PhaseStage(BaseModel):
    """Where a phase belongs; one that is not listed is other."""

    workflow_phase: str
    stage: Stage


class Taxonomy(BaseModel):
    """All categories and modalities by name, and the stages of phases."""

    categories: list[Category]
    stages: list[PhaseStage]
    uncategorized: list[str] = Field(description="Skills that are in no category.")
