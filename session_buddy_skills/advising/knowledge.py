"""All that recommendations rest on, in memory, in step with what is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from session_buddy_skills.recommend.columns import Column
from session_buddy_skills.recommend.lexical import LexicalIndex, Lexicon
from session_buddy_skills.recommend.terms import gram_terms, readable_name, word_terms
from session_buddy_skills.recommend.uses import Uses
from session_buddy_skills.storage.database import Row
from session_buddy_skills.storage.vector_index import text_key

TEXT_CHARS = 4_000
"""How much of a request is looked at."""
LOW = 2**64 - 1
PREVIEW_CHARS = 200
"""How much of a past request is shown as evidence."""
SOURCES = ("project", "personal", "plugin", "command", "registered")
"""The order of several descriptions of one name."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a skill says of itself, and its name in words."""

    skill: int
    text: str
    name: str


class Knowledge:
    """Skills and requests by number, what was used for which, and the documents of both.

    Changed by one thread at a time; read by any.
    """

    def __init__(self) -> None:
        self.uses = Uses()
        self.previews: list[str] = []
        self._high: Column[np.uint64] = Column(np.uint64)
        self._low: Column[np.uint64] = Column(np.uint64)
        """The ids of requests, in halves: as objects they would take ten times the room."""
        self.descriptions: dict[int, Description] = {}
        self.gone: set[int] = set()
        self.words = Lexicon(word_terms)
        self.grams = Lexicon(gram_terms)
        self.described = 0
        """How often a description was taken in."""
        self.indexes: tuple[LexicalIndex, LexicalIndex] = (self.words.fit(), self.grams.fit())
        self._texts: dict[int, int] = {}
        """Requests by their `text_key`."""

    @property
    def version(self) -> int:
        """Another number whenever anything was taken in."""
        return self.uses.additions + self.described

    def text(self, key: UUID, text: str) -> int:
        """The number of a request, new if need be."""
        number = self._texts.setdefault(text_key(key), len(self._low))
        if number == len(self._low):
            self._high.append(key.int >> 64)
            self._low.append(key.int & LOW)
            self.previews.append(text[:PREVIEW_CHARS])
        return number

    def __len__(self) -> int:
        return len(self._low)

    def text_id(self, number: int) -> UUID:
        """The id of a request."""
        return UUID(int=int(self._high.values[number]) << 64 | int(self._low.values[number]))

    def numbers_by_key(self, keys: Sequence[int]) -> list[int]:
        """The requests of those `text_key`s that are known."""
        return [number for number in map(self._texts.get, keys) if number is not None]

    def number_of(self, key: UUID) -> int | None:
        """The number of a request that is known."""
        return self._texts.get(text_key(key))

    def relate(self, key: UUID, text: str, skill: int, completed: int, failed: int) -> int:
        """Count uses of a skill for a request, and answer with the request's number.

        Its text becomes part of the skill's document once one of them completed.
        """
        number = self.text(key, text)
        if self.uses.relate(number, skill, completed, failed):
            self.words.add(skill, text)
            self.grams.add(skill, text)
        return number

    def renewed(self) -> Knowledge:
        """One with the same numbers for skills and requests, that knows nothing of them yet."""
        other = Knowledge()
        for name in self.uses.names:
            other.uses.skill(name)
        other._high, other._low, other._texts = self._high, self._low, self._texts
        other.previews = self.previews
        return other

    def name_alone(self, name: str) -> int:
        """The number of a skill, which is described by its name if by nothing else."""
        skill = self.uses.skill(name)
        if skill not in self.descriptions and skill not in self.gone:
            self._describe(Description(skill, "", readable_name(name)))
        return skill

    def describe(self, rows: Sequence[Row]) -> None:
        """Take in all names and descriptions that there are: the rows of `evidence_skills`."""
        self.gone = {self.uses.skill(row["skill_name"]) for row in rows if row["gone"]}
        texts: dict[int, list[str]] = {}
        for row in sorted(rows, key=_place):
            said = texts.setdefault(self.uses.skill(row["skill_name"]), [])
            if row["description"] and row["description"] not in said:
                said.append(row["description"])
        for skill, said in texts.items():
            name = readable_name(self.uses.names[skill])
            self._describe(Description(skill, "\n".join(said)[:TEXT_CHARS], name))

    def fit_documents(self) -> None:
        """Make the documents' indexes anew."""
        self.indexes = (self.words.fit(), self.grams.fit())

    def _describe(self, description: Description) -> None:
        skill = description.skill
        if self.descriptions.get(skill) != description:
            self.descriptions[skill] = description
            self.described += 1
            for lexicon in (self.words, self.grams):
                lexicon.describe(skill, f"{self.uses.names[skill]}\n{description.text}")


def _place(row: Row) -> tuple[int, str]:
    """Where a description stands among those of one name."""
    source = row["source"]
    place = SOURCES.index(source) if source in SOURCES else len(SOURCES)
    return place, row["location"] or ""
