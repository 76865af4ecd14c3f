"""A sentence model as int8 ONNX, through onnxruntime on one thread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from session_buddy_skills.embeddings.embedder import Mode, Vectors, unit_rows
from session_buddy_skills.errors import EmbedderError

TEXTS_AT_ONCE = 32
TOKENS_AT_ONCE = 192
"""Padding included: more of them take longer, as they leave the processor's cache, and memory."""


class OnnxEmbedder:
    """Some 2 ms a text and 100 MB, from a folder that `onnx_making` made."""

    mode: Mode = "semantic"

    def __init__(self, folder: Path) -> None:
        try:
            # Before usearch, ever: the other order crashes the process (2.26.6 and 1.32.0).
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise EmbedderError(
                f"{error.name} is not installed; install session-buddy-skills[semantic]."
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            self.model = f"{meta['model']}-int8"
            self.dimensions = int(meta["dimensions"])
            self._padding = int(meta["padding"])
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.embed(["a text"])
        # Neither library has errors of its own.
        except Exception as error:
            raise EmbedderError(f"{folder} holds no usable model: {error}") from error

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        # One by one: for several at once it starts threads that take 60 MB.
        tokens = [self._tokenizer.encode(text).ids for text in texts]
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        vectors = np.empty((len(tokens), self.dimensions), np.float32)
        while order:
            batch = self._batch(order, tokens)
            vectors[batch] = self._run([tokens[place] for place in batch])
            order = order[len(batch) :]
        return unit_rows(vectors, len(texts), self.dimensions, self.model)

    def _batch(self, order: list[int], tokens: list[list[int]]) -> list[int]:
        """The first of the order, which are run together: padded to the last, the longest."""
        count = 1
        while (
            count < min(len(order), TEXTS_AT_ONCE)
            and (count + 1) * len(tokens[order[count]]) <= TOKENS_AT_ONCE
        ):
            count += 1
        return order[:count]

    def _run(self, batch: list[list[int]]) -> Vectors:
        ids = np.full((len(batch), max(1, len(batch[-1]))), self._padding, np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        try:
            found: Vectors = self._session.run(None, inputs)[0]
        # onnxruntime has a dozen errors, and no base for them.
        except Exception as error:
            raise EmbedderError(f"the model {self.model} failed: {error}") from error
        if found.shape[1] != self.dimensions:
            raise EmbedderError(
                f"the model {self.model} gave vectors of {found.shape[1]} dimensions, "
                f"not {self.dimensions}."
            )
        return found
