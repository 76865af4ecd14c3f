"""Static word vectors from wordllama's wheel: a text is the mean of its tokens."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from session_buddy_skills.embeddings.embedder import Mode, Vectors, unit_rows

CHARS = 4_000
"""How much of a text is embedded; the mean over more says less."""

TEXTS_AT_ONCE = 256
"""Tokenised on all cores, and let go of again: a tokenised text takes kilobytes."""


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Undo what is done to the root logger meanwhile: wordllama sets it up when it is imported."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
        root.setLevel(level)


class StaticEmbedder:
    """A tenth of a millisecond a text, and 50 MB."""

    mode: Mode = "static"
    dimensions = 256
    model = "wordllama-l2-supercat-256"

    def __init__(self) -> None:
        with logging_as_it_was():
            import wordllama

        # Told where its own wheel keeps them, it does not look for weights on the network.
        words = wordllama.WordLlama.load(
            config="l2_supercat",
            dim=self.dimensions,
            cache_dir=Path(wordllama.__file__).parent,
            disable_download=True,
        )
        self._tokenizer = words.tokenizer
        self._tokenizer.no_padding()
        self._weights: Vectors = words.embedding

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            some = [text[:CHARS] for text in texts[first : first + TEXTS_AT_ONCE]]
            found = self._tokenizer.encode_batch_fast(some, add_special_tokens=False)
            for row, encoding in enumerate(found, first):
                # Text by text, four times as fast as the library, which pads all to the longest.
                if tokens := encoding.ids:
                    vectors[row] = np.add.reduce(self._weights.take(tokens, axis=0)) / len(tokens)
        return unit_rows(vectors, len(texts), self.dimensions, self.model)
