"""What recommendations rest on, in and out of the database."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.errors import EmbedderError
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.retrying import read, write_repeatably

Vectors = NDArray[np.float32]
ROWS_PER_READ = 5_000
VECTORS_PER_WRITE = {"duckdb": 2_000, "postgresql": 64}
"""How many go in one transaction: psycopg turns numbers into text while nothing else is done, and
PostgreSQL adds each to its index."""
WIRE = np.dtype(">f4")
"""How vectors are kept: float32 in network order."""


class EvidenceReader:
    """Reads inside one transaction, as in `sql/recommending.sql`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query."""
        return await self._connection.fetch(query, parameters)

    async def pairs(self, chars: int) -> AsyncIterator[list[Row]]:
        """Requests, cut to so many characters, and the skills used for them."""
        parameters = {"chars": chars}
        async for rows in self._connection.stream("evidence_pairs", parameters, size=ROWS_PER_READ):
            yield rows


class EvidenceStore:
    """Evidence, vectors and recommendations."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def fetch(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of one query, on its own."""
        return await read(self.database, lambda connection: connection.fetch(query, parameters))

    async def embeddings(
        self, model: str, dimensions: int
    ) -> AsyncIterator[tuple[list[UUID], Vectors]]:
        """All vectors of a model, some thousands at a time.

        Raises:
            EmbedderError: one of them is of another size.
        """
        async with self.database.reading() as connection:
            async for rows in connection.stream(
                "embeddings_of_model", {"model": model}, size=ROWS_PER_READ
            ):
                yield [row["text_id"] for row in rows], _vectors(rows, dimensions, model)

    async def keep_embeddings(self, ids: Sequence[UUID], model: str, vectors: Vectors) -> None:
        """Keep the vectors of texts; those that are kept already stay."""

        size = VECTORS_PER_WRITE[self.database.engine]
        for start in range(0, len(ids), size):
            part = slice(start, start + size)

            async def work(connection: Connection, part: slice = part) -> None:
                await connection.insert_embeddings(ids[part], model, vectors[part])

            await write_repeatably(self.database, work)

    async def keep_recommendations(self, recommendations: Sequence[Row]) -> None:
        """Keep what was recommended."""

        async def work(connection: Connection) -> None:
            for row in recommendations:
                text = {"query_id": row["query_id"], "query_text": row["query_text"]}
                if row["query_id"] is not None:
                    await connection.execute("insert_query", text)
                rest = {name: value for name, value in row.items() if name != "query_text"}
                await connection.execute("insert_recommendation", rest)

        await write_repeatably(self.database, work)

    async def index_embeddings(self, model: str, dimensions: int) -> None:
        """Have PostgreSQL index the vectors of a model, if it does not; takes minutes.

        Until it is done, others can read vectors and store none.
        """
        name = f"skill_embedding_{hashlib.blake2b(model.encode(), digest_size=6).hexdigest()}"
        parameters = {"name": name, "model": model, "dimensions": dimensions}
        async with self.database.migrating() as connection:
            await connection.fetch("index_embeddings", parameters)

    async def nearest_texts(self, model: str, vector: Vectors, count: int) -> list[UUID]:
        """The texts that are nearest to a (d,) vector in PostgreSQL's index, as good as all."""
        parameters = {
            "model": model,
            "dimensions": len(vector),
            "vector": vector.tolist(),
            "count": count,
        }
        return [row["text_id"] for row in await self.fetch("nearest_texts", parameters)]


def _vectors(rows: Sequence[Row], dimensions: int, model: str) -> Vectors:
    sizes = {len(row["embedding"]) for row in rows} - {dimensions * WIRE.itemsize}
    if sizes:
        found = sizes.pop() // WIRE.itemsize
        raise EmbedderError(
            f"vectors of the model {model} are kept with {found} dimensions, but it has "
            f"{dimensions}; another model needs another name."
        )
    if not rows:
        return np.zeros((0, dimensions), np.float32)
    joined = b"".join(bytes(row["embedding"]) for row in rows)
    return np.frombuffer(joined, WIRE).reshape(-1, dimensions).astype(np.float32)
