"""A model in use: vectors of every request and description, made and fitted in the background."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

import anyio
import numpy as np

from session_buddy_skills.advising.knowledge import TEXT_CHARS, Description, Knowledge
from session_buddy_skills.advising.neighbours import Finder
from session_buddy_skills.advising.threads import in_background
from session_buddy_skills.embeddings.embedder import Embedder, Vectors
from session_buddy_skills.errors import StorageError
from session_buddy_skills.recommend.gate import BACKGROUND
from session_buddy_skills.recommend.space import Space
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.writing import query_id

logger = logging.getLogger(__name__)

TURN = {"semantic": 32, "static": 2_000}
"""Texts embedded at once: a tenth of a second's work, in which a request has the other core."""
CHUNK = {"semantic": 512, "static": 2_000}
"""Texts that are looked up and kept together; among many, more are of like length."""
PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.05
"""How long a batch lets requests go before it, however many there are."""
RELEASED_FROM = 50_000
"""Vectors that were read from which on the database's own memory of them is given back."""
MUCH = 1.1
"""By how much the requests have to grow for a fit at once."""
PAUSES_PER_FIT = 4
"""How many times longer than fitting the pause after it is."""


class LiveModel:
    """One embedder, and what it made of what is known."""

    def __init__(
        self, settings: Settings, embedder: Embedder, store: EvidenceStore, knowledge: Knowledge
    ) -> None:
        self._settings = settings
        self.embedder = embedder
        self.knowledge = knowledge
        self.space: Space
        self.finder: Finder
        self._store = store
        self._missing: deque[int] = deque()
        self._numbered = 0
        self._unkept: tuple[list[UUID], Vectors] | None = None
        """Vectors on their way to the disk, while the next are made."""
        self._keeping: asyncio.Task[None] | None = None
        self._described: dict[int, Description] = {}
        self._loaded: dict[UUID, Vectors] = {}
        """Vectors of descriptions and names that were kept, until they are taken in."""
        self._fitted_to: tuple[int, int] | None = None
        """How many requests and which version of the knowledge the fit rests on."""
        self._next_fit = 0.0

    @property
    def backlog(self) -> int:
        """Texts that have no vector yet, and one if there is anything that is not fitted yet."""
        waiting = len(self._missing) + len(self.knowledge) - self._numbered
        unkept = len(self._unkept[0]) if self._unkept else 0
        return waiting + unkept + (self._fitted_to != self._extent())

    @property
    def is_caught_up(self) -> bool:
        """Whether it knows as good as everything."""
        little = max(TURN["semantic"], len(self.knowledge) // 100)
        return self._fitted_to is not None and self.backlog <= little

    async def load(self) -> None:
        """Take in the vectors that are kept, and find out which are missing.

        Raises:
            EmbedderError: the model does not give what it should, or what is kept is not of it.
            StorageError: they cannot be read.
        """
        background = await in_background(lambda: self.embedder.embed(BACKGROUND))
        self.space = Space(self.embedder.dimensions, background)
        self.finder = Finder(self._settings, self._store, self.embedder, self.space, self.knowledge)
        # A copy, since others are added in a thread.
        descriptions = list(self.knowledge.descriptions.values())
        wanted = {query_id(text) for one in descriptions for text in (one.text, one.name)}
        async for ids, vectors in self._store.embeddings(
            self.embedder.model, self.embedder.dimensions
        ):
            await in_background(partial(self._add, ids, vectors))
            # Copies, since a row would keep all of them.
            self._loaded |= {one: vectors[n].copy() for n, one in enumerate(ids) if one in wanted}
        self._number()
        await self.finder.prepare()
        # The database keeps in memory what it has read once.
        if len(self.space.texts) > RELEASED_FROM:
            await self._store.database.release_memory()

    def use(self, knowledge: Knowledge) -> None:
        """Go on with knowledge that was read anew; requests keep their numbers."""
        self.knowledge = self.finder.knowledge = knowledge
        self.space.forget_uses()
        self._fitted_to = None

    async def catch_up(self, may_go_on: Callable[[], bool]) -> bool:
        """Do one piece of what is left; whether there was any.

        `may_go_on` says whether no request is waiting.
        """
        self._number()
        if await self._describe(may_go_on):
            return True
        if self._missing:
            await self._embed_missing(may_go_on)
            return True
        if self._unkept:
            await self._until_kept()
            return True
        return await self._fit() or await self.finder.extend()

    async def close(self) -> None:
        """Keep what is not kept yet."""
        try:
            await self._until_kept()
        except StorageError as error:
            logger.error("%d vectors are not kept: %s", self.backlog, error)
        await self.finder.close()

    def _number(self) -> None:
        """Requests that came since: those without a vector are missing."""
        known = len(self.knowledge)
        self._missing.extend(self.space.lacking(self._numbered, known))
        self._numbered = known

    def _add(self, ids: Sequence[UUID], vectors: Vectors) -> None:
        numbers = [self.knowledge.number_of(one) for one in ids]
        known = [place for place, number in enumerate(numbers) if number is not None]
        self.space.add([number for number in numbers if number is not None], vectors[known])
        self.finder.save_room()

    async def _embed_missing(self, may_go_on: Callable[[], bool]) -> None:
        if self._keeping is None or self._keeping.done():
            # Before more is made that would have to wait.
            await self._until_kept()
        count = min(len(self._missing), CHUNK[self.embedder.mode])
        batch = [self.knowledge.text_id(self._missing[place]) for place in range(count)]
        keys = {"query_ids": [str(one) for one in batch]}
        rows = await self._store.fetch("query_texts", keys)
        # Texts of like length together: those embedded at once are padded to the longest.
        rows.sort(key=lambda row: len(row["query_text"]))
        ids = [row["query_id"] for row in rows]
        texts = [row["query_text"][:TEXT_CHARS] for row in rows]
        size = TURN[self.embedder.mode]
        made = []
        for start in range(0, len(texts), size):
            await _let_pass(may_go_on)
            some = texts[start : start + size]
            made.append(await in_background(partial(self.embedder.embed, some)))
        await self._until_kept()
        if made:
            vectors = np.concatenate(made)
            self._unkept = (ids, vectors)
            self._keep()
            await in_background(partial(self._add, ids, vectors))
        for _ in range(count):
            self._missing.popleft()

    def _keep(self) -> None:
        if self._unkept is not None:
            ids, vectors = self._unkept
            keeping = self._store.keep_embeddings(ids, self.embedder.model, vectors)
            self._keeping = asyncio.create_task(keeping)

    async def _until_kept(self) -> None:
        """Wait for vectors on their way.

        Raises:
            StorageError: they are not kept, which is tried again the next time.
        """
        if self._keeping is None:
            self._keep()
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await keeping
        self._unkept = None

    async def _describe(self, may_go_on: Callable[[], bool]) -> bool:
        """Take in descriptions that are new or others than before; whether there were any."""
        current = dict(self.knowledge.descriptions)
        changed = [one for skill, one in current.items() if self._described.get(skill) != one]
        if not changed:
            self._loaded.clear()
            return False
        changed = changed[: CHUNK[self.embedder.mode]]
        texts = {one.text or one.name for one in changed} | {one.name for one in changed}
        vectors = await self._vectors_of(sorted(texts), may_go_on)
        whole = np.stack([vectors[one.text or one.name] for one in changed])
        names = np.stack([vectors[one.name] for one in changed])
        skills = [one.skill for one in changed]
        await in_background(lambda: self.space.describe(skills, whole, names))
        self._described.update({one.skill: one for one in changed})
        self._next_fit = 0.0
        return True

    async def _vectors_of(
        self, texts: list[str], may_go_on: Callable[[], bool]
    ) -> dict[str, Vectors]:
        """The vectors of texts, made and kept where they were not at the start.

        Looking some up would have the database read them all.
        """
        ids = {text: query_id(text) for text in texts}
        found = {text: self._loaded[ids[text]] for text in texts if ids[text] in self._loaded}
        missing = sorted((text for text in texts if text not in found), key=len)
        size = TURN[self.embedder.mode]
        for start in range(0, len(missing), size):
            await _let_pass(may_go_on)
            some = missing[start : start + size]
            made = await in_background(partial(self.embedder.embed, some))
            keys = [ids[text] for text in some]
            await self._store.keep_embeddings(keys, self.embedder.model, made)
            found |= dict(zip(some, made, strict=True))
        return found

    def _extent(self) -> tuple[int, int]:
        return len(self.space.texts), self.knowledge.version

    async def _fit(self) -> bool:
        """Fit to what there is, where that is other than before and it is time."""
        extent = self._extent()
        if extent == self._fitted_to:
            return False
        grown = self._fitted_to is None or extent[0] > MUCH * self._fitted_to[0]
        if not grown and time.monotonic() < self._next_fit:
            return False
        start = time.monotonic()
        await in_background(self._fit_all)
        self._fitted_to = extent
        self._next_fit = time.monotonic() + PAUSES_PER_FIT * (time.monotonic() - start)
        return True

    def _fit_all(self) -> None:
        space, knowledge = self.space, self.knowledge
        space.weigh(knowledge.uses.pairs())
        space.fitted = space.fit()


async def _let_pass(may_go_on: Callable[[], bool]) -> None:
    """Let requests go first, for a moment."""
    waited = 0.0
    while not may_go_on() and waited < LONGEST_PAUSE_SECONDS:
        await anyio.sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
