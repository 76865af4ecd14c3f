"""What one model makes of requests and descriptions: vectors, and what is fitted to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.recommend.columns import BLOCK_ROWS, Blocks, Column
from session_buddy_skills.recommend.discriminant import Discriminant, Moments
from session_buddy_skills.recommend.gate import (
    FEWEST_REQUESTS,
    Gate,
    calibrated_gate,
    cold_gate,
    distances_left_out,
)
from session_buddy_skills.recommend.uses import Pairs

Vectors = NDArray[np.float32]
Neighbours = tuple[NDArray[np.int32], Vectors]
"""Numbers of requests, and the cosine of each with the one asked."""

NAME_WEIGHT = 0.5
DESCRIPTION_ROWS = 2.0
"""How many past requests a description counts as, in the discriminant."""
ROWS_OF_TRUST = 30.0
"""Rows per skill at which history counts half."""
SAMPLE = 500
"""Past requests that the gate is calibrated by."""


def description_vectors(descriptions: Vectors, names: Vectors) -> Vectors:
    """(n, d) of unit length from those of descriptions and of names: d + n/2."""
    mixed = descriptions + NAME_WEIGHT * names
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    return (mixed / np.where(lengths > 1e-9, lengths, 1)).astype(np.float32)


def trust_in_history(rows_per_skill: float) -> float:
    """r² / (r² + 30²), in 0 to 1: how much past requests say beside descriptions."""
    return rows_per_skill**2 / (rows_per_skill**2 + ROWS_OF_TRUST**2)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted at one moment; what came later is not in it."""

    discriminant: Discriminant | None
    gate: Gate
    trust: float


def profile_cosines(means: Vectors, skill: int) -> Vectors:
    """(K,) of the cosine of one skill's mean vector with each other's."""
    lengths = np.linalg.norm(means, axis=1)
    lengths[lengths < 1e-9] = 1
    cosines: Vectors = means @ means[skill] / (lengths * lengths[skill])
    return cosines


class Space:
    """Vectors of requests, by number, and of skills' descriptions."""

    def __init__(self, dimensions: int, background: Vectors) -> None:
        self.dimensions = dimensions
        self.moments = Moments(dimensions)
        self.blocks = Blocks(dimensions)
        self.texts: Column[np.int32] = Column(np.int32)
        """The request of each row."""
        self.descriptions = np.zeros((0, dimensions), np.float32)
        self._plain = self._names = self.descriptions
        """Descriptions and names apart."""
        self.fitted = Fitted(None, Gate(-np.inf, 1.0), 0.0)
        self._rows: Column[np.int32] = Column(np.int32)
        """The row of each request, or -1."""
        self._skill_of: Column[np.int32] = Column(np.int32)
        """A skill that completed the request of each row, or -1."""
        self._counted = np.zeros(0, np.float32)
        """How much of each pair's weight is in the moments."""
        self._background = background

    def lacking(self, first: int, stop: int) -> list[int]:
        """The requests from `first` to below `stop` that have no vector."""
        rows = np.full(stop - first, -1, np.int32)
        known = self._rows.values[first:stop]
        rows[: len(known)] = known
        return (np.flatnonzero(rows < 0) + first).tolist()

    def add(self, texts: list[int], vectors: Vectors) -> None:
        """Take in (n, d) vectors of distinct requests; those that are there already stay."""
        numbers = np.array(texts, np.int32)
        missing = int(numbers.max(initial=-1)) + 1 - len(self._rows)
        self._rows.extend(np.full(max(0, missing), -1, np.int32))
        new = self._rows.values[numbers] < 0
        numbers, vectors = numbers[new], vectors[new]
        first = len(self.blocks)
        self.blocks.extend(vectors)
        self._skill_of.extend(np.full(len(numbers), -1, np.int32))
        # In this order: a row that is found is one whose text is known.
        self.texts.extend(numbers)
        self._rows.values[numbers] = np.arange(first, first + len(numbers))

    def rows_of(self, texts: list[int]) -> Vectors:
        """(n, d) of the vectors of requests."""
        return self.blocks.rows(self._rows.values[np.array(texts, np.intp)])

    def weigh(self, pairs: Pairs) -> None:
        """Bring the moments into step with the weights of the pairs, which have only grown."""
        counted = np.zeros(len(pairs.good), np.float32)
        counted[: len(self._counted)] = self._counted
        ahead = np.flatnonzero(pairs.good > counted)
        ahead = ahead[pairs.text[ahead] < len(self._rows)]
        rows_of = self._rows.values[pairs.text[ahead]]
        ahead, rows_of = ahead[rows_of >= 0], rows_of[rows_of >= 0]
        for start in range(0, len(ahead), BLOCK_ROWS):
            some, rows = ahead[start : start + BLOCK_ROWS], rows_of[start : start + BLOCK_ROWS]
            skills = pairs.skill[some].astype(np.intp)
            weights = (pairs.good[some] - counted[some]).astype(np.float64)
            self._skill_of.values[rows] = skills
            self.moments.add(self.blocks.rows(rows), skills, weights)
            counted[some] = pairs.good[some]
        self._counted = counted

    def forget_uses(self) -> None:
        """Have moments of nothing, for pairs that are counted anew; the vectors stay."""
        self.moments = Moments(self.dimensions)
        self._skill_of.values[:] = -1
        self._counted = np.zeros(0, np.float32)
        described = np.flatnonzero(self.descriptions.any(axis=1))
        weights = np.full(len(described), DESCRIPTION_ROWS)
        self.moments.add(self.descriptions[described], described, weights)

    def describe(self, skills: list[int], descriptions: Vectors, names: Vectors) -> None:
        """Take in what skills say of themselves, and their names; the last thing counts."""
        vectors = description_vectors(descriptions, names)
        missing = max(skills, default=-1) + 1 - len(self.descriptions)
        if missing > 0:
            empty = np.zeros((missing, self.dimensions), np.float32)
            self.descriptions = np.concatenate([self.descriptions, empty])
            self._plain = np.concatenate([self._plain, empty])
            self._names = np.concatenate([self._names, empty])
        self._plain[skills] = descriptions
        self._names[skills] = names
        before = self.descriptions[skills]
        had = before.any(axis=1)
        numbers = np.array(skills, np.intp)
        rows = np.full(len(skills), DESCRIPTION_ROWS)
        self.moments.add(before[had], numbers[had], -rows[had])
        self.moments.add(vectors, numbers, rows)
        changed = self.descriptions.copy()
        changed[skills] = vectors
        self.descriptions = changed

    def everything(self, vector: Vectors) -> Neighbours:
        """The cosine of every request with a (d,) vector."""
        texts = self.texts.values
        return texts, self.blocks.products(vector[None])[0][: len(texts)]

    def near(self, vector: Vectors, texts: list[int], start: int) -> Neighbours:
        """The cosine of those requests that have a vector, and of every one from row `start` on."""
        numbers, rows_of = np.array(texts, np.intp), self._rows.values
        rows = rows_of[numbers[numbers < len(rows_of)]]
        rows = rows[rows >= 0]
        all_texts = self.texts.values
        later = self.blocks.products(vector[None], start)[0][: max(0, len(all_texts) - start)]
        found = np.concatenate([self.blocks.rows(rows) @ vector, later])
        return np.concatenate([all_texts[rows], all_texts[start:]]), found

    def fit(self) -> Fitted:
        """The discriminant and the gate of what is there."""
        moments = self.moments
        trust = trust_in_history(max(0.0, moments.rows_per_skill - DESCRIPTION_ROWS))
        shrinkage = 0.9 - 0.7 * trust
        discriminant = moments.fit(shrinkage)
        described = self.descriptions
        if discriminant is None:
            return Fitted(None, Gate(-np.inf, 1.0), trust)
        back = self._background
        similarity = np.maximum(self._highest(back, described), self.blocks.highest(back))
        sample = self._sample(discriminant)
        if len(sample) < FEWEST_REQUESTS:
            named = self._names[self._names.any(axis=1)]
            gate = cold_gate(similarity, self._highest(named, self._plain))
            return Fitted(discriminant, gate, trust)
        vectors = self.blocks.rows(sample)
        skills = self._skill_of.values[sample]
        gate = calibrated_gate(
            np.maximum(self.blocks.highest(vectors, sample), self._highest(vectors, described)),
            distances_left_out(discriminant, shrinkage, vectors, skills),
            (similarity, discriminant.relative_distance(back, discriminant.scores(back))),
        )
        return Fitted(discriminant, gate, trust)

    def _sample(self, discriminant: Discriminant) -> NDArray[np.intp]:
        """Rows of completed requests, evenly over time, whose skill has more rows than that."""
        skills = self._skill_of.values
        usable = np.flatnonzero((skills >= 0) & (skills < len(discriminant.counts)))
        usable = usable[discriminant.counts[skills[usable]] > 1]
        return usable[np.linspace(0, len(usable) - 1, min(SAMPLE, len(usable))).astype(np.intp)]

    @staticmethod
    def _highest(vectors: Vectors, described: Vectors) -> Vectors:
        if not len(described):
            return np.full(len(vectors), -1, np.float32)
        highest: Vectors = (vectors @ described.T).max(axis=1)
        return highest
