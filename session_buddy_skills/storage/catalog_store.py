"""The catalog of skills in and out of the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePath

from session_buddy_skills.catalog import Skill
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.retrying import read, write_repeatably


@dataclass(slots=True)
class CatalogChanges:
    """What skills as they are now make of the catalog."""

    added: list[Skill] = field(default_factory=list)
    returned: list[Skill] = field(default_factory=list)
    """Those that were removed, and are there again."""
    changed: list[Skill] = field(default_factory=list)
    unchanged: list[Skill] = field(default_factory=list)
    removed: list[Skill] = field(default_factory=list)


def catalog_changes(
    stored: Iterable[Skill],
    skills: Iterable[Skill],
    scanned: Iterable[str],
    unreadable: Iterable[str],
    now: datetime,
) -> CatalogChanges:
    """Compare the skills with what is stored; of two with one name and location the last counts.

    What was found in a folder that was `scanned` whole, and is not among the skills, is removed,
    unless its file is `unreadable`.
    """
    before = {(skill.skill_name, skill.location): skill for skill in stored}
    after = {(skill.skill_name, skill.location): skill for skill in skills}
    folders = [PurePath(folder) for folder in scanned]
    left = set(unreadable)
    changes = CatalogChanges()
    for key, skill in after.items():
        known = before.get(key)
        if known is None:
            changes.added.append(skill)
        elif known.removed_at is not None:
            changes.returned.append(skill)
        elif known != skill:
            changes.changed.append(skill)
        else:
            changes.unchanged.append(skill)
    for key, skill in before.items():
        if key in after or skill.removed_at is not None:
            continue
        found = skill.location and skill.location not in left
        if found and any(PurePath(skill.location).is_relative_to(folder) for folder in folders):
            changes.removed.append(replace(skill, removed_at=now))
    return changes


TOOL_SEPARATOR = "\x1f"
"""Between the tools of one skill; no name has a control character."""


def _columns(skills: Sequence[Skill]) -> dict[str, list[str | None]]:
    """The skills as one list a column."""
    return {
        "skill_names": [skill.skill_name for skill in skills],
        "locations": [skill.location for skill in skills],
        "sources": [skill.source for skill in skills],
        "descriptions": [skill.description for skill in skills],
        "tools": [TOOL_SEPARATOR.join(skill.allowed_tools) for skill in skills],
        "modalities": [skill.modality for skill in skills],
    }


class CatalogStore:
    """Every read and write of the catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(
        self, skills: Sequence[Skill], scanned: Sequence[str], *, unreadable: Sequence[str] = ()
    ) -> CatalogChanges:
        """Put skills into the catalog, all or none; it is on disk when this answers."""

        async def work(connection: Connection) -> CatalogChanges:
            now = datetime.now(UTC)
            stored = map(Skill.from_row, await connection.fetch("described_skills"))
            changes = catalog_changes(stored, skills, scanned, unreadable, now)
            if changes.added:
                await connection.execute("insert_skills", _columns(changes.added) | {"now": now})
            for skill in (*changes.returned, *changes.changed, *changes.removed):
                await connection.execute("update_skill", asdict(skill) | {"now": now})
            return changes

        return await write_repeatably(self._database, work)

    async def skills(self, source: str | None) -> list[Row]:
        """Rows of `skill_catalog`, by name."""
        parameters = {"source": source}
        return await read(self._database, lambda one: one.fetch("skill_catalog", parameters))
