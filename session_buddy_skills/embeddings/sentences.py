"""Any model of sentence-transformers, through torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from session_buddy_skills.embeddings.embedder import Mode, Vectors, unit_rows
from session_buddy_skills.errors import EmbedderError

BATCH = 32


class SentenceEmbedder:
    """Some 15 ms a text, half a gigabyte, and seconds to load."""

    mode: Mode = "semantic"

    def __init__(self, folder: Path, model: str) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EmbedderError(
                "sentence-transformers is not installed; install session-buddy-skills[semantic]."
            ) from error
        # More get into each other's way, and into that of requests.
        torch.set_num_threads(1)
        try:
            self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        # It has no error of its own, and passes on those of what it is made of.
        except Exception as error:
            raise EmbedderError(f"{folder} holds no usable sentence model: {error}") from error
        self.model = model
        self.dimensions = self._encode(["size"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return unit_rows(self._encode(texts), len(texts), self.dimensions, self.model)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        try:
            found = self._model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)
        # As above.
        except Exception as error:
            raise EmbedderError(f"the model {self.model} failed: {error}") from error
        return np.asarray(found, np.float32)
