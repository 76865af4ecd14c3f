"""What every embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.errors import EmbedderError

Vectors = NDArray[np.float32]
Mode = Literal["semantic", "static", "lexical"]
"""What meaning is taken from: whole sentences, single words, or nothing but the words."""


class Embedder(Protocol):
    """Turns texts into vectors. Blocking; several threads may use it at once."""

    model: str
    """What the vectors are kept under: another model, or another form of it, has another name."""
    mode: Mode
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, d) of unit length; a text without any token known to the model is all zeros.

        Raises:
            EmbedderError: the model gave something else.
        """


def unit_rows(vectors: NDArray[np.floating], rows: int, dimensions: int, model: str) -> Vectors:
    """The vectors at unit length; zeros stay zeros.

    Raises:
        EmbedderError: there are not `rows` of that many finite `dimensions`.
    """
    if vectors.shape != (rows, dimensions):
        raise EmbedderError(
            f"the model {model} gave vectors of shape {vectors.shape}, not {(rows, dimensions)}."
        )
    if not np.isfinite(vectors).all():
        raise EmbedderError(f"the model {model} gave vectors that are not finite.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 1e-9, lengths, 1)).astype(np.float32)
