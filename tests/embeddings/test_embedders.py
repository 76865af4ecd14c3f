"""Each embedder with its real model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from session_buddy_skills.embeddings.embedder import Embedder, unit_rows
from session_buddy_skills.embeddings.onnx import OnnxEmbedder
from session_buddy_skills.embeddings.onnx_making import LEAST_COSINE, TEXTS, make
from session_buddy_skills.embeddings.sentences import SentenceEmbedder
from session_buddy_skills.embeddings.static import StaticEmbedder
from session_buddy_skills.errors import EmbedderError
from tests.models import FOLDER, NAME

ODD = ["", "   ", "🎉", "x" * 20_000, "the of and", "单元测试", "a\nb\tc", "\u200b"]


@pytest.fixture(scope="module", params=["static", "onnx", "sentence-transformers"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "static":
        return StaticEmbedder()
    if request.param == "onnx":
        return OnnxEmbedder(request.getfixturevalue("made_model"))
    return SentenceEmbedder(FOLDER, NAME)


def cosines(embedder: Embedder, one: str, others: Sequence[str]) -> list[float]:
    first, *rest = embedder.embed([one, *others])
    return [float(first @ other) for other in rest]


@pytest.mark.slow
def test_vectors_are_of_unit_length_and_like_texts_are_near(embedder: Embedder) -> None:
    vectors = embedder.embed(["run the tests", "commit my changes"])
    assert vectors.shape == (2, embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    near, far = cosines(embedder, "run the tests", ["execute the test suite", "bake a cake"])
    assert near > far + 0.2


@pytest.mark.slow
def test_odd_texts_have_finite_vectors(embedder: Embedder) -> None:
    vectors = embedder.embed(ODD)
    assert vectors.shape == (len(ODD), embedder.dimensions)
    assert np.isfinite(vectors).all()
    assert embedder.embed([]).shape == (0, embedder.dimensions)


@pytest.mark.slow
def test_a_vector_does_not_depend_on_what_it_is_embedded_with(embedder: Embedder) -> None:
    texts = ["run the tests", "a much longer text " * 30, "🎉", "deploy", "x"] * 20
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts[:5]])
    assert together[:5] == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
def test_the_int8_model_is_close_to_the_original(made_model: Path) -> None:
    made, original = OnnxEmbedder(made_model), SentenceEmbedder(FOLDER, NAME)
    assert made.model != original.model
    close = np.einsum("nd,nd->n", made.embed(TEXTS), original.embed(TEXTS))
    assert close.min() >= LEAST_COSINE
    assert (made_model / "model.onnx").stat().st_size < 25e6


@pytest.mark.slow
def test_what_is_no_model_is_refused_in_a_sentence(tmp_path: Path, made_model: Path) -> None:
    with pytest.raises(EmbedderError, match="holds no usable sentence model"):
        make(tmp_path, tmp_path / "made", NAME)
    assert not (tmp_path / "made").exists()
    with pytest.raises(EmbedderError, match="holds no usable model"):
        OnnxEmbedder(tmp_path)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in ("meta.json", "tokenizer.json", "model.onnx"):
        content = (made_model / name).read_bytes()
        (damaged / name).write_bytes(content[: len(content) // 2] if name[0] == "m" else content)
    with pytest.raises(EmbedderError, match="holds no usable model"):
        OnnxEmbedder(damaged)


def test_vectors_of_another_size_or_that_are_not_finite_are_refused() -> None:
    with pytest.raises(EmbedderError, match=r"shape \(1, 3\), not \(1, 4\)"):
        unit_rows(np.ones((1, 3)), 1, 4, "m")
    with pytest.raises(EmbedderError, match="not finite"):
        unit_rows(np.array([[np.nan, 1]]), 1, 2, "m")
    assert unit_rows(np.zeros((1, 2)), 1, 2, "m").tolist() == [[0, 0]]
