"""Kinds of skills and stages of phases in and out of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anyio import to_thread

from session_buddy_skills.errors import InputError
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.retrying import read, write_in_turn

Kind = str


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything of one moment, as rows."""

    categories: list[Row]
    mapping: list[Row]
    modalities: list[Row]
    stages: list[Row]
    skills: list[Row]


@dataclass(frozen=True, slots=True)
class Filled:
    """What the rules say: skills with their categories, and with their modality and its source."""

    categories: Sequence[tuple[str, str]]
    modalities: Sequence[tuple[str, str, str]]


Judge = Callable[[Stored], Filled]


class TaxonomyStore:
    """Every read and write of the taxonomy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Stored:
        """All of it."""
        return await read(self._database, _stored)

    async def set(
        self, kind: Kind, name: str, description: str | None, words: list[str] | None
    ) -> Stored:
        """Make a category, or change of it what is not None."""

        async def work(connection: Connection) -> Stored:
            rows = await connection.fetch("categories")
            old = {(row["kind"], row["category_name"]): row for row in rows}.get((kind, name), {})
            row = {
                "kind": kind,
                "category_name": name,
                "description": old.get("description") if description is None else description,
                "words": old.get("words", []) if words is None else words,
            }
            await connection.execute("set_category", row)
            return await _stored(connection)

        return await write_in_turn(self._database, "taxonomy", work)

    async def set_stage(self, workflow_phase: str, stage: str) -> Stored:
        """Say where a phase belongs."""

        async def work(connection: Connection) -> Stored:
            row = {"workflow_phase": workflow_phase, "stage": stage}
            await connection.execute("set_stage", row)
            return await _stored(connection)

        return await write_in_turn(self._database, "taxonomy", work)

    async def remove(self, kind: Kind, name: str) -> Stored:
        """Take a category away, with all that is in it.

        Raises:
            InputError: there is none of that name.
        """

        async def work(connection: Connection) -> Stored:
            await _known_category(connection, kind, name)
            named = {"category_name": name}
            await connection.execute("remove_category", named | {"kind": kind})
            mapping = "remove_category_mapping" if kind == "category" else "remove_modality"
            await connection.execute(mapping, named)
            return await _stored(connection)

        return await write_in_turn(self._database, "taxonomy", work)

    async def map(self, kind: Kind, name: str, skill_name: str, source: str) -> Stored:
        """Put a skill into a category by hand, or keep it out.

        Raises:
            InputError: there is no such category or no such skill.
        """

        async def work(connection: Connection) -> Stored:
            await _known_category(connection, kind, name)
            skills = await connection.fetch("skill_catalog", {"source": None})
            if skill_name not in {row["name"] for row in skills}:
                raise InputError(f'no skill "{skill_name}" is known.')
            row = {"skill_name": skill_name, "category_name": name}
            if kind == "category":
                await connection.execute("map_category", row | {"source": source})
            else:
                await connection.execute("map_modality", row)
            return await _stored(connection)

        return await write_in_turn(self._database, "taxonomy", work)

    async def fill(self, judge: Judge) -> Stored:
        """Put all skills where the rules say; what was done by hand stays."""

        before = await self.read()
        judged = await to_thread.run_sync(judge, before)

        async def work(connection: Connection) -> Stored:
            stored = await _stored(connection)
            # Judging takes a while, in which nothing else should have to wait to be written.
            same = (stored.categories, stored.skills) == (before.categories, before.skills)
            filled = judged if same else await to_thread.run_sync(judge, stored)
            await connection.execute("forget_category_rules")
            await connection.execute("forget_modality_rules")
            categories = {
                "skill_names": [skill for skill, _ in filled.categories],
                "category_names": [name for _, name in filled.categories],
            }
            await connection.execute("fill_categories", categories)
            modalities = {
                "skill_names": [skill for skill, _, _ in filled.modalities],
                "modality_types": [name for _, name, _ in filled.modalities],
                "sources": [source for _, _, source in filled.modalities],
            }
            await connection.execute("fill_modalities", modalities)
            return await _stored(connection)

        return await write_in_turn(self._database, "taxonomy", work)


async def _stored(connection: Connection) -> Stored:
    return Stored(
        categories=await connection.fetch("categories"),
        mapping=await connection.fetch("category_mapping"),
        modalities=await connection.fetch("modalities"),
        stages=await connection.fetch("stages"),
        skills=await connection.fetch("skill_catalog", {"source": None}),
    )


async def _known_category(connection: Connection, kind: Kind, name: str) -> None:
    rows = await connection.fetch("categories")
    kinds = {row["kind"] for row in rows if row["category_name"] == name}
    if kind not in kinds:
        there = f"; there is a {kinds.pop()} of that name." if kinds else "; set makes one."
        raise InputError(f'no {kind} "{name}" is known{there}')
