"""An index of vectors beside the database, for more of them than a scan is quick for."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.errors import StorageError

if TYPE_CHECKING:
    from usearch.index import Index

logger = logging.getLogger(__name__)
Vectors = NDArray[np.float32]

CONNECTIVITY = 8
EFFORT_ADDING = 128
EFFORT_SEARCHING = 384
"""Candidates that are kept while adding and searching: more find more, and take longer."""

LOCKED_ROWS = 32
"""Vectors that are added while searches wait, some 20 ms."""
PAUSE_SECONDS = 0.0005
"""Long enough for a search that waits to come in between."""


class VectorIndex:
    """HNSW over vectors of unit length, which it keeps as int8 (Malkov & Yashunin 2016).

    Blocking. One thread adds while others search.
    """

    def __init__(self, dimensions: int, path: Path | None) -> None:
        self._dimensions = dimensions
        self._path = path
        self._index = self._new()
        self._turn = Lock()
        """Adding may move the index to more room, which nobody may search meanwhile."""
        self._growing = Lock()
        """Nor may it be saved: at the end, what was given up may still be under way."""

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, text_id: UUID) -> bool:
        return text_key(text_id) in self._index

    def load(self) -> None:
        """Take in what was saved; without it, or where it is damaged, there is nothing yet."""
        if self._path is None or not self._path.exists():
            return
        try:
            # usearch trusts what it reads: a damaged file may end the process.
            if self._digest_file(self._path).read_text(encoding="ascii") != _digest(self._path):
                raise ValueError("it is not as it was saved")
            index = self._new()
            index.load(str(self._path))
            if index.ndim != self._dimensions:
                raise ValueError(f"it has {index.ndim} dimensions")
            self._index = index
        # usearch has no error of its own.
        except (RuntimeError, ValueError, OSError, MemoryError) as error:
            logger.warning("making the index %s anew, which cannot be used: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            self._index = self._new()

    def add(self, text_ids: Sequence[UUID], vectors: Vectors) -> None:
        """Add (n, d) vectors of texts that are not there yet.

        Raises:
            StorageError: it does not take them.
        """
        keys = np.array([text_key(one) for one in text_ids], np.uint64)
        for start in range(0, len(keys), LOCKED_ROWS):
            stop = start + LOCKED_ROWS
            try:
                with self._growing, self._turn:
                    self._index.add(keys[start:stop], vectors[start:stop], threads=1)
            except (RuntimeError, MemoryError) as error:
                raise StorageError(f"the index {self._path} takes no vectors: {error}") from error
            time.sleep(PAUSE_SECONDS)

    def nearest(self, vector: Vectors, count: int) -> list[int]:
        """The keys of the texts that are nearest to a (d,) vector, as good as all of them.

        Raises:
            StorageError: it cannot be searched.
        """
        try:
            with self._turn:
                found = self._index.search(vector, count, threads=1)
        except (RuntimeError, MemoryError) as error:
            raise StorageError(f"the index {self._path} cannot be searched: {error}") from error
        return [int(key) for key in found.keys]

    def save(self) -> None:
        """Write it beside the database, whole or not at all."""
        if self._path is None:
            return
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        with self._growing:
            try:
                self._index.save(str(draft))
                digest = _digest(draft)
                draft.replace(self._path)
                self._digest_file(self._path).write_text(digest, encoding="ascii")
            except (RuntimeError, OSError) as error:
                logger.warning("the index %s is not saved, and is made anew: %s", self._path, error)
            finally:
                draft.unlink(missing_ok=True)

    @staticmethod
    def _digest_file(path: Path) -> Path:
        return path.with_name(f"{path.name}.blake2b")

    def _new(self) -> Index:
        # Imported at first need, since most databases never have so many queries.
        if find_spec("onnxruntime"):
            # usearch before onnxruntime crashes the process (2.26.6 and 1.32.0).
            import onnxruntime  # noqa: F401
        from usearch.index import Index

        return Index(
            ndim=self._dimensions,
            metric="ip",
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EFFORT_ADDING,
            expansion_search=EFFORT_SEARCHING,
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def text_key(text_id: UUID) -> int:
    """A text in short: 63 bits of its id, which is a hash already."""
    return text_id.int >> 65


def index_path(database: Path, model: str) -> Path:
    """Where the index of a model is kept."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", model)
    return database.with_name(f"{database.name}.{slug}.usearch")
