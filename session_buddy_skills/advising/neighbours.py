"""Finds the requests near one: by looking at all, or through an index where they are many."""

from __future__ import annotations

import asyncio
import logging
import sys
from uuid import UUID

from session_buddy_skills.advising.knowledge import Knowledge
from session_buddy_skills.advising.memory import give_back
from session_buddy_skills.advising.threads import in_background, in_thread
from session_buddy_skills.embeddings.embedder import Embedder, Vectors
from session_buddy_skills.errors import StorageError
from session_buddy_skills.recommend.space import Neighbours, Space
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.evidence_store import EvidenceStore
from session_buddy_skills.storage.vector_index import VectorIndex, index_path, text_key

logger = logging.getLogger(__name__)

NEIGHBOURS = 256
"""Requests that an index is asked for: what votes is near, so that more change nothing."""
ADDED_AT_ONCE = 500
INDEXED_AT_ONCE = 5_000
"""Vectors that PostgreSQL indexes in a second or two, in which nothing else is written."""
SAVED_AFTER_GROWTH = 1.1


class Finder:
    """Answers from all vectors of one model, however many there are."""

    def __init__(
        self,
        settings: Settings,
        store: EvidenceStore,
        embedder: Embedder,
        space: Space,
        knowledge: Knowledge,
    ) -> None:
        self.knowledge = knowledge
        self._index_from = settings.index_from
        self._store = store
        self._embedder = embedder
        self._space = space
        self._indexed = 0
        """Rows that the index holds, which are the first."""
        self._saved = 0
        self._index: VectorIndex | None = None
        self._building: asyncio.Task[None] | None = None
        self._in_database = store.database.engine == "postgresql"
        self._path = index_path(settings.database_path, embedder.model)

    @property
    def is_complete(self) -> bool:
        """Whether the index holds everything, where there has to be one."""
        rows = len(self._space.texts)
        return rows < self._index_from or self._indexed == rows

    @property
    def asks_database(self) -> bool:
        """Whether the database has to be asked which requests are near."""
        return self._in_database and self._indexed > 0

    def save_room(self) -> None:
        """Keep vectors small where they are more than are scanned."""
        rows = len(self._space.texts)
        if rows >= self._index_from:
            self._space.blocks.shrink(rows)

    def near(self, vector: Vectors) -> Neighbours:
        """Requests near a (d,) vector, and the cosine of each. Blocking."""
        start = self._indexed
        if not start or self._index is None:
            return self._space.everything(vector)
        return self._known(vector, self._index.nearest(vector, NEIGHBOURS), start)

    async def near_by_database(self, vector: Vectors) -> Neighbours:
        """The same, where the database holds the index."""
        start = self._indexed
        found = await self._store.nearest_texts(self._embedder.model, vector, NEIGHBOURS)
        keys = [text_key(one) for one in found]
        return await in_thread(lambda: self._known(vector, keys, start))

    async def extend(self) -> bool:
        """Take some more requests into the index, where one is needed; whether there were any."""
        if self.is_complete:
            return False
        rows = len(self._space.texts)
        if self._in_database:
            return self._extend_in_database(rows)
        if self._index is None:
            self._index = VectorIndex(self._embedder.dimensions, self._path)
            await in_background(self._index.load)
            self._saved = len(self._index)
        stop = min(rows, self._indexed + ADDED_AT_ONCE)
        try:
            await in_background(lambda: self._add(stop))
        except StorageError as error:
            logger.error("requests from the %d. on are found by scanning: %s", self._indexed, error)
            self._index_from = sys.maxsize
            return False
        if self._indexed == rows and rows > SAVED_AFTER_GROWTH * self._saved:
            await self.save()
            await in_background(give_back)
        return True

    async def prepare(self) -> None:
        """Have PostgreSQL index vectors from the beginning: later it would take minutes."""
        if self._in_database and len(self._space.texts) < INDEXED_AT_ONCE:
            try:
                await self._store.index_embeddings(self._embedder.model, self._embedder.dimensions)
            except StorageError as error:
                logger.warning("requests are found by looking at all, without an index: %s", error)

    async def close(self) -> None:
        """Keep the index, and give up making one."""
        if self._building is not None and not self._building.done():
            self._building.cancel()
        await self.save()

    async def save(self) -> None:
        """Keep the index, where there is one that is not kept as it is."""
        if self._index is not None and len(self._index) > self._saved:
            await in_background(self._index.save)
            self._saved = len(self._index)

    def _extend_in_database(self, rows: int) -> bool:
        if self._building is None:
            self._building = asyncio.create_task(self._build_in_database())
        if not self._building.done() or self._building.exception() is not None:
            return False
        self._indexed = rows
        return True

    async def _build_in_database(self) -> None:
        try:
            await self._store.index_embeddings(self._embedder.model, self._embedder.dimensions)
        except StorageError as error:
            logger.warning("requests are found by looking at all: %s", error)
            raise

    def _add(self, stop: int) -> None:
        assert self._index is not None  # noqa: S101 - made by the caller
        texts = self._space.texts.values[self._indexed : stop].tolist()
        ids: list[UUID] = [self.knowledge.text_id(text) for text in texts]
        new = [place for place, one in enumerate(ids) if one not in self._index]
        if new:
            vectors = self._space.rows_of([texts[place] for place in new])
            self._index.add([ids[place] for place in new], vectors)
        self._indexed = stop

    def _known(self, vector: Vectors, keys: list[int], start: int) -> Neighbours:
        # Texts of descriptions are indexed as well, in PostgreSQL, and those of other servers.
        return self._space.near(vector, self.knowledge.numbers_by_key(keys), start)
