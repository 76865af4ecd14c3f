"""A linear discriminant with one covariance for all skills, in closed form.

Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 4.3. With a class mean μ_k and
the shrunk covariance Σ, δ_k(x) = xᵀΣ⁻¹μ_k - ½ μ_kᵀΣ⁻¹μ_k: the prior is left out, since what is used
often is not asked for more often in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Discriminant:
    """What was fitted; K skills, d dimensions. Any thread may ask it."""

    means: Vectors
    """(K, d)."""
    counts: Floats
    """(K,): the weight behind each mean; a skill with none takes no part."""
    centre: Vectors
    """(d,): the mean of all rows."""
    within: Vectors
    """(d, d): Σ⁻¹ of rows around the means of their skills."""
    total: Vectors
    """(d, d): Σ₀⁻¹ of rows around the centre."""
    directions: Vectors
    """(K, d): Σ⁻¹μ_k."""
    offsets: Vectors
    """(K,): ½ μ_kᵀΣ⁻¹μ_k."""

    def scores(self, vectors: Vectors) -> Vectors:
        """(n, K) of δ; -inf for a skill without rows."""
        scores: Vectors = vectors @ self.directions.T - self.offsets
        scores[:, self.counts == 0] = -np.inf
        return scores

    def relative_distance(self, vectors: Vectors, scores: Vectors) -> Vectors:
        """(n,) of the relative Mahalanobis distance; the lower, the more like a known skill.

        min_k (x-μ_k)ᵀΣ⁻¹(x-μ_k) - (x-μ)ᵀΣ₀⁻¹(x-μ), after Ren et al. 2021 (arXiv:2106.09022).
        """
        squared = np.einsum("nd,nd->n", vectors @ self.within, vectors)
        distance: Vectors = squared - 2 * scores.max(axis=1) - self.background_distance(vectors)
        return distance

    def background_distance(self, vectors: Vectors) -> Vectors:
        """(n,) of (x-μ)ᵀΣ₀⁻¹(x-μ)."""
        away = vectors - self.centre
        distance: Vectors = np.einsum("nd,nd->n", away @ self.total, away)
        return distance


class Moments:
    """Sums over weighted rows, from which a discriminant is made at any time."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._second = np.zeros((dimensions, dimensions))
        self._sums = np.zeros((0, dimensions))
        self._counts = np.zeros(0)

    @property
    def rows_per_skill(self) -> float:
        """Mean weight of the skills that have any."""
        taking_part = self._counts[self._counts > 0]
        return float(taking_part.mean()) if len(taking_part) else 0.0

    def add(self, vectors: Vectors, skills: NDArray[np.intp], weights: Floats) -> None:
        """Add (n, d) rows of these skills; a negative weight takes a row out again."""
        if not len(skills):
            return
        missing = int(skills.max()) + 1 - len(self._counts)
        if missing > 0:
            self._sums = np.vstack([self._sums, np.zeros((missing, self._dimensions))])
            self._counts = np.append(self._counts, np.zeros(missing))
        weighted = vectors * weights[:, None].astype(np.float32)
        # A product of some thousand rows is exact enough as float32, and takes a third of the time.
        self._second += weighted.T @ vectors
        order = np.argsort(skills, kind="stable")
        present, starts = np.unique(skills[order], return_index=True)
        self._sums[present] += np.add.reduceat(weighted[order], starts)
        self._counts += np.bincount(skills, weights, len(self._counts))

    def fit(self, shrinkage: float) -> Discriminant | None:
        """The discriminant of these rows; None if there are none.

        Both covariances are drawn toward a sphere of the rows' own size by `shrinkage` in (0, 1]:
        Σ = (1-a)·W/(n-K) + a·tr(T)/d·I, with W the scatter within skills and T the total one.
        """
        total_weight = self._counts.sum()
        if total_weight <= 0:
            return None
        means = self._sums / np.maximum(self._counts, 1e-9)[:, None]
        centre = self._sums.sum(axis=0) / total_weight
        spread = self._second / total_weight - np.outer(centre, centre)
        sphere = np.eye(self._dimensions) * max(np.trace(spread) / self._dimensions, 1e-6)
        free = total_weight - np.count_nonzero(self._counts > 0)
        scatter = (self._second - means.T @ self._sums) / free if free >= 1 else sphere
        within = np.linalg.inv((1 - shrinkage) * scatter + shrinkage * sphere)
        directions = means @ within
        return Discriminant(
            means=means.astype(np.float32),
            counts=self._counts.copy(),
            centre=centre.astype(np.float32),
            within=within.astype(np.float32),
            total=np.linalg.inv((1 - shrinkage) * spread + shrinkage * sphere).astype(np.float32),
            directions=directions.astype(np.float32),
            offsets=(0.5 * np.einsum("kd,kd->k", directions, means)).astype(np.float32),
        )
