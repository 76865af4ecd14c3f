"""Kinds of skills: edited by hand, and filled by rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from session_buddy_skills.recommend.terms import words
from session_buddy_skills.storage.database import Database, Row
from session_buddy_skills.storage.taxonomy_store import Filled, Stored, TaxonomyStore
from session_buddy_skills.taxonomy import (
    Category,
    EditTaxonomyRequest,
    MappedSkill,
    PhaseStage,
    Taxonomy,
    TaxonomyRequest,
)


class Categorizing:
    """Every use case of the taxonomy, once."""

    def __init__(self, database: Database) -> None:
        self._store = TaxonomyStore(database)

    async def taxonomy(self, _request: TaxonomyRequest) -> Taxonomy:
        """All of it."""
        return told(await self._store.read())

    async def edit(self, request: EditTaxonomyRequest) -> Taxonomy:
        """Make one change; answers with all of it afterwards.

        Raises:
            InputError: there is no such category or no such skill.
        """
        return told(await self._edited(request))

    async def _edited(self, request: EditTaxonomyRequest) -> Stored:
        kind, name = request.kind, request.name or ""
        match request.action:
            case "set":
                return await self._store.set(kind, name, request.description, request.words)
            case "remove":
                return await self._store.remove(kind, name)
            case "assign":
                return await self._store.map(kind, name, request.skill_name or "", "manual")
            case "exclude":
                return await self._store.map(kind, name, request.skill_name or "", "excluded")
            case "stage":
                phase, stage = request.workflow_phase or "", request.stage or "other"
                return await self._store.set_stage(phase, stage)
            case "fill":
                return await self._store.fill(by_rule)


def by_rule(stored: Stored) -> Filled:
    """Where each skill belongs, by the words of its name and of all its descriptions.

    A modality that a skill states itself counts before those of the rules; of these, the one with
    the most words that are there, then the first by name.
    """
    rules: dict[str, dict[str, list[str]]] = {"category": {}, "modality": {}}
    for row in stored.categories:
        rules[row["kind"]][row["category_name"]] = _patterns(row["words"])
    said: dict[str, list[str]] = defaultdict(list)
    stated: dict[str, str] = {}
    for row in stored.skills:
        said[row["name"]] += [row["name"], row["description"] or ""]
        if row["modality"]:
            stated.setdefault(row["name"], row["modality"])
    spelled = {name.casefold(): name for name in rules["modality"]}
    categories, modalities = [], []
    for skill in sorted(said):
        text = _plain("\n".join(said[skill]))
        found = {name: _hits(rule, text) for name, rule in rules["category"].items()}
        categories += [(skill, name) for name, hits in sorted(found.items()) if hits]
        if skill in stated:
            own = spelled.get(stated[skill].casefold(), stated[skill])
            modalities.append((skill, own, "stated"))
            continue
        kinds = {name: _hits(rule, text) for name, rule in rules["modality"].items()}
        best = max(sorted(kinds), key=kinds.__getitem__, default=None)
        if best is not None and kinds[best]:
            modalities.append((skill, best, "rule"))
    return Filled(categories, modalities)


def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "


def _patterns(rule: Sequence[str]) -> list[str]:
    """What is looked for in a plain text: whole words, or their beginnings."""
    plain = [(_plain(word), word.endswith("*")) for word in rule if words(word)]
    return [text[:-1] if beginning else text for text, beginning in plain]


def _hits(patterns: Sequence[str], text: str) -> int:
    return sum(pattern in text for pattern in patterns)


def told(stored: Stored) -> Taxonomy:
    """The rows as they are answered."""
    skills: dict[tuple[str, str], list[MappedSkill]] = defaultdict(list)
    excluded: dict[str, list[str]] = defaultdict(list)
    for row in stored.mapping:
        if row["source"] == "excluded":
            excluded[row["category_name"]].append(row["skill_name"])
        else:
            skills["category", row["category_name"]].append(_mapped(row))
    for row in stored.modalities:
        skills["modality", row["modality_type"]].append(_mapped(row))
    known = {(row["kind"], row["category_name"]): row for row in stored.categories}
    # A modality that only skills themselves state has no row of its own.
    categories = [
        Category(
            name=name,
            kind="category" if kind == "category" else "modality",
            description=known[kind, name]["description"] if (kind, name) in known else None,
            words=known[kind, name]["words"] if (kind, name) in known else [],
            skills=skills[kind, name],
            excluded=excluded[name] if kind == "category" else [],
        )
        for kind, name in sorted({*known, *skills})
    ]
    categorized = {
        one.skill_name for (kind, _), some in skills.items() if kind == "category" for one in some
    }
    return Taxonomy(
        categories=categories,
        stages=[PhaseStage.model_validate(row) for row in stored.stages],
        uncategorized=sorted({row["name"] for row in stored.skills} - categorized),
    )


def _mapped(row: Row) -> MappedSkill:
    return MappedSkill(skill_name=row["skill_name"], source=row["source"])
