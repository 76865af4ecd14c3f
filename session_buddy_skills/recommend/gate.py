"""Whether anything fits at all.

A request is held against two measures: its highest cosine to anything known, and its relative
Mahalanobis distance (see `discriminant`). Both are put on one scale by what they are for requests
of the past, each looked at as if it had not been there (leave-one-out), so that no constant depends
on the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.recommend.discriminant import Discriminant

Floats = NDArray[np.floating]

FEWEST_REQUESTS = 20
"""Past requests below which nothing can be said of their spread."""
FOREIGN = 0.9
"""Share of the background that is turned away, where that costs next to no request of the past."""
DEVIATIONS = 3.09
"""Standard deviations below the mean where next to no request lies, one in 1,000 if normal."""
FARTHEST = 1e3
FEWEST_OF_NAMES = 0.05
"""Share of skills whose own names may be turned away."""

BACKGROUND = (
    "The cat slept on the warm windowsill all afternoon.",
    "My grandmother grew up in a village by the sea.",
    "It rained so hard that the picnic was over in minutes.",
    "He has played the cello since he was six years old.",
    "The bridge was closed for a week after the flood.",
    "Do you remember what we had for dinner last Sunday?",
    "She laughed until her coffee went cold.",
    "The old oak in the yard lost a branch in the storm.",
    "Our neighbours painted their fence bright yellow.",
    "I think I left my umbrella on the bus.",
    "The museum has a whole room of Roman coins.",
    "Their team scored twice in the last five minutes.",
    "A fox crossed the road just ahead of us.",
    "The dentist said to come back in six months.",
    "He never liked the taste of olives.",
    "The moon was so bright that we could see our shadows.",
    "What colour were the curtains in the old house?",
    "The children built a castle out of wet sand.",
    "My brother is afraid of spiders.",
    "The train was late again this morning.",
    "Bees had made a nest under the roof.",
    "She wore her father's watch to the wedding.",
    "The soup needs a little more salt.",
    "Nobody knew who had left the flowers.",
    "The lake freezes over every winter.",
    "His shoes were covered in mud.",
    "We danced until the band packed up.",
    "The library smells of dust and paper.",
    "Who was the tallest boy in your class?",
    "The baby finally fell asleep at three.",
    "They argued about politics for the whole flight.",
    "A thin layer of snow lay on the roofs.",
)
"""Sentences that ask nothing of any skill: what a model makes of them says how alike it finds what
has nothing to do with each other."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Turns away what resembles nothing known."""

    threshold: float
    scale: float
    similarity_mean: float = 0.0
    similarity_sd: float = 1.0
    distance_mean: float = 0.0
    distance_sd: float = math.inf
    """Infinite while there are too few requests to measure it by."""

    def measure(self, similarity: Floats, distance: Floats) -> Floats:
        """(s - mean s) / sd s - (d - mean d) / sd d; the higher, the more like what is known."""
        near: Floats = (similarity - self.similarity_mean) / self.similarity_sd
        if math.isinf(self.distance_sd):
            return near
        # Where nothing may be recommended, every distance is infinite.
        far: Floats = (distance - self.distance_mean) / self.distance_sd
        measure: Floats = near - np.minimum(far, FARTHEST)
        return measure

    def confidence(self, similarity: float, distance: float) -> float:
        """In 0 to 1: 1 / (1 + exp(-(m - threshold) / scale)); below 0.5 nothing fits."""
        measure = float(self.measure(np.array([similarity]), np.array([distance]))[0])
        return 1 / (1 + math.exp(min(50.0, (self.threshold - measure) / self.scale)))


def cold_gate(background: Floats, names: Floats) -> Gate:
    """The gate while there is no history to speak of: on the highest cosine alone.

    Turned away is what is less like any skill than nine tenths of the background, and than the
    names of the skills themselves are like a description.
    """
    threshold = np.quantile(background, FOREIGN)
    if len(names):
        threshold = min(threshold, np.quantile(names, FEWEST_OF_NAMES))
    return Gate(float(threshold), scale=max(0.05, float(background.std())))


def calibrated_gate(
    similarity: Floats, distance: Floats, background: tuple[Floats, Floats]
) -> Gate:
    """The gate for measures of past requests, and of background sentences, as they would be asked.

    Turned away is what is less like the known than nine tenths of the background, and further from
    the mean of past requests than next to all of them.
    """
    plain = Gate(
        threshold=0.0,
        scale=2.0,
        similarity_mean=float(similarity.mean()),
        similarity_sd=max(1e-3, float(similarity.std())),
        distance_mean=float(distance.mean()),
        distance_sd=max(1e-3, float(distance.std())),
    )
    known = plain.measure(similarity, distance)
    farthest = float(known.mean() - DEVIATIONS * known.std())
    foreign = float(np.quantile(plain.measure(*background), FOREIGN))
    return replace(plain, threshold=min(farthest, foreign))


def distances_left_out(
    fitted: Discriminant, shrinkage: float, vectors: Floats, skills: NDArray[np.integer]
) -> Floats:
    """(n,) of relative distances of rows of the fit, each as if it had not been in it.

    Without x, of its class's n rows, the mean moves by (x - μ) / (n - 1) away from it, and the
    covariance loses one product of r = x - μ with itself, c · n/(n-1) · r rᵀ with c = (1-a)/(N-K):
    by Sherman and Morrison (1950) every distance to a mean, v = x - m, grows by
    c · n/(n-1) · (vᵀΣ⁻¹r)² / (1 - c · n/(n-1) · rᵀΣ⁻¹r).
    """
    counts = fitted.counts[skills]
    ratio = counts / np.maximum(counts - 1, 1e-9)
    away = vectors - fitted.means[skills]
    turned = away @ fitted.within
    own = np.einsum("nd,nd->n", turned, away)
    free = max(fitted.counts.sum() - np.count_nonzero(fitted.counts), 1.0)
    growth = _growth((1 - shrinkage) / free * ratio, own)
    squared = np.einsum("nd,nd->n", vectors @ fitted.within, vectors)
    distance = squared[:, None] - 2 * fitted.scores(vectors)
    across = np.einsum("nd,nd->n", vectors, turned)[:, None] - turned @ fitted.means.T
    distance += growth[:, None] * across**2
    distance[np.arange(len(skills)), skills] = ratio**2 * (own + growth * own**2)
    background = fitted.background_distance(vectors)
    total = fitted.counts.sum()
    ratio, lost = total / (total - 1), (1 - shrinkage) * total / (total - 1) ** 2
    background = ratio**2 * (background + _growth(lost, background) * background**2)
    nearest: Floats = distance.min(axis=1) - background
    return nearest


def _growth(lost: Floats, own: Floats) -> Floats:
    """By how much of a squared product distances grow where `lost` of a row's is missing."""
    growth: Floats = lost / (1 - np.minimum(lost * own, 0.99))
    return growth
