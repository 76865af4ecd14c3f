"""BM25 over one document per skill: name, description, and the queries that it completed."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import bm25s
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Scores = NDArray[np.float32]

K1 = 1.5
B = 0.75
COUNTED_FROM = 10_000
"""Terms of a document from which on they are counted, which takes a tenth of the room."""


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """Documents as they were when it was made; any thread may ask it."""

    split: Callable[[str], list[str]]
    vocabulary: dict[str, int]
    known_terms: int
    weights: bm25s.BM25 | None

    def scores(self, text: str, skills: int) -> Scores:
        """BM25 (Lucene's form) of the text in each of so many skills, ≥ 0; 0 for those not in it.

        score(q, D) = Σ_t idf(t) · f(t, D) / (f(t, D) + k1 · (1 - b + b · |D| / mean |D|)), over the
        distinct terms t of q, with idf(t) = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5)).
        """
        scores = np.zeros(skills, np.float32)
        found = {self.vocabulary.get(term, self.known_terms) for term in self.split(text)}
        known = sorted(term for term in found if term < self.known_terms)
        if self.weights is not None and known:
            # The library's own sum takes three times as long.
            weights = self.weights.scores
            ends = weights["indptr"]
            places = np.concatenate([np.arange(ends[term], ends[term + 1]) for term in known])
            documents, parts = weights["indices"][places], weights["data"][places]
            scores += np.bincount(documents, parts, minlength=skills)[:skills].astype(np.float32)
        return scores

    def matrix(self, skills: int) -> csr_array:
        """(K, T) of the weight of each term in each of so many skills' documents."""
        if self.weights is None:
            return csr_array((skills, self.known_terms), dtype=np.float32)
        weights = self.weights.scores
        shape = (self.known_terms, max(skills, int(weights["indices"].max(initial=-1)) + 1))
        terms = csr_array((weights["data"], weights["indices"], weights["indptr"]), shape)
        return csr_array(terms.T)[:skills]

    def cosines(self, skill: int, skills: int) -> Scores:
        """(K,) of the cosine of one skill's document with each other's, over BM25 weights."""
        matrix = self.matrix(skills)
        lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1))
        products = (matrix @ matrix[[skill]].T).toarray()[:, 0]
        found: Scores = (products / np.maximum(lengths * lengths[skill], 1e-9)).astype("f4")
        return found


class _Document:
    """The terms of one document: how often each came, and those that came since."""

    def __init__(self) -> None:
        self._terms: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._newest: array[int] = array("I")

    def extend(self, terms: array[int]) -> None:
        """Add terms at the end."""
        self._newest.extend(terms)
        if len(self._newest) > COUNTED_FROM:
            self._count()

    def terms(self) -> array[int]:
        """All terms, in the order of their numbers."""
        self._count()
        return array("I", np.repeat(self._terms, self._counts).tobytes())

    def _count(self) -> None:
        newest = np.frombuffer(self._newest, np.uint32)
        ones = np.ones(len(newest), np.int64)
        terms, places = np.unique(np.concatenate([self._terms, newest]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([self._counts, ones]), len(terms))
        self._terms, self._counts = terms, counts.astype(np.int64)
        self._newest = array("I")


class Lexicon:
    """The documents, which grow; skills are numbered from 0."""

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self._split = split
        self._vocabulary: dict[str, int] = {}
        self._documents: list[_Document] = []
        self._descriptions: dict[int, array[int]] = {}
        self._lock = Lock()

    def add(self, skill: int, text: str) -> None:
        """Add a text to a skill's document."""
        terms = self._split(text)
        with self._lock:
            self._room_for(skill)
            self._documents[skill].extend(self._numbers(terms))

    def describe(self, skill: int, text: str) -> None:
        """Put what a skill says of itself into its document, in place of what it said before."""
        terms = self._split(text)
        with self._lock:
            self._room_for(skill)
            self._descriptions[skill] = self._numbers(terms)

    def fit(self) -> LexicalIndex:
        """An index of the documents as they are."""
        with self._lock:
            terms = len(self._vocabulary)
            documents = [
                document.terms() + self._descriptions.get(skill, array("I"))
                for skill, document in enumerate(self._documents)
            ]
        weights = None
        if terms:
            weights = bm25s.BM25(k1=K1, b=B, method="lucene", csc_backend="numpy")
            weights.scores = weights.build_index_from_ids(
                range(terms), documents, show_progress=False
            )
        return LexicalIndex(self._split, self._vocabulary, terms, weights)

    def _room_for(self, skill: int) -> None:
        while len(self._documents) <= skill:
            self._documents.append(_Document())

    def _numbers(self, terms: list[str]) -> array[int]:
        number = self._vocabulary.setdefault
        return array("I", [number(term, len(self._vocabulary)) for term in terms])
