"""The ranking: fit to the request, then success, then fit to the phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.recommend.fusion import fuse
from session_buddy_skills.recommend.space import Fitted, Neighbours
from session_buddy_skills.recommend.uses import Pairs
from session_buddy_skills.recommend.vote import kernel, log_votes

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

SUCCESS_WEIGHT = 0.05
"""The share of a score that is lost where nothing is known to succeed."""
LEAST_SCORE = 0.01
STEP_WEIGHT = 0.1
"""How much what usually comes next says, where the session has done something."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How each of K skills fits one request."""

    scores: Floats
    """(K,) in 0 to 1, of which the best is near 1."""
    similarity: Vectors | None
    """(K,) of the highest cosine with a completed request or the description; None without a
    model."""
    confidence: float
    """In 0 to 1, that any of them fits; below 0.5 none does."""
    described: Vectors | None = None
    """(K,) of the cosine with the description."""
    near: tuple[Vectors, NDArray[np.intp]] | None = None
    """Pairs that are near: the cosine of each, and its row."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One request as a model sees it, beside what that model made of everything else."""

    vector: Vectors
    neighbours: Neighbours
    descriptions: Vectors
    fitted: Fitted


def semantic_fit(
    meaning: Meaning, pairs: Pairs, words: Vectors, grams: Vectors, allowed: NDArray[np.bool_]
) -> Fit:
    """Fuse vote, discriminant and both BM25 scores, each (K,) spread over 0 to 1.

    With the trust t in history (see `space.trust_in_history`) the vote weighs 1, the discriminant
    5 - 4.2t, words ½ + t/5 and parts of words ½ - t/2: the fewer past requests there are, the more
    is the discriminant worth beside them, and a form of a word that nobody has used yet. Only
    those that are `allowed`, (K,), say whether anything fits.
    """
    skills = len(words)
    known = len(meaning.descriptions)
    described = np.full(skills, -1, np.float32)
    described[:known] = meaning.descriptions @ meaning.vector
    has_description = np.zeros(skills, bool)
    has_description[:known] = meaning.descriptions.any(axis=1)
    cosine, rows = _near(pairs, meaning.neighbours)
    skill = pairs.skill[rows]
    weight = kernel(cosine)
    good, bad, passed_over = (
        np.bincount(skill, weights=weight * kind[rows], minlength=skills)
        for kind in (pairs.good, pairs.bad, pairs.passed_over)
    )
    votes = log_votes(good + kernel(described) * has_description, bad, passed_over)
    similarity = np.where(has_description, described, np.float32(-1))
    completed = pairs.good[rows] > 0
    np.maximum.at(similarity, skill[completed], cosine[completed])

    trust = meaning.fitted.trust
    parts: list[tuple[float, NDArray[np.floating]]] = [
        (1.0, votes),
        (0.5 + 0.2 * trust, words),
        (0.5 - 0.5 * trust, grams),
    ]
    confidence = 1.0
    discriminant = meaning.fitted.discriminant
    if discriminant is not None:
        one = meaning.vector[None]
        found = discriminant.scores(one)
        found[:, ~allowed[: found.shape[1]]] = -np.inf
        distance = discriminant.relative_distance(one, found)
        scores = np.full(skills, -np.inf)
        scores[: found.shape[1]] = found[0]
        parts.append((5 - 4.2 * trust, scores))
        highest = float(similarity[allowed].max(initial=-1))
        confidence = meaning.fitted.gate.confidence(highest, float(distance[0]))
    return Fit(fuse(parts), similarity, confidence, described, (cosine, rows))


def lexical_fit(words: Vectors, grams: Vectors) -> Fit:
    """Fuse both BM25 scores, of words that tell something; where none is known, nothing fits."""
    known = (words > 0) | (grams > 0)
    if not known.any():
        return Fit(np.zeros(len(words)), None, 0.0)
    fused = fuse([(0.5, words), (0.5, grams)])
    # The least of those that are known is still more than nothing.
    scores = np.where(known, np.maximum(fused, LEAST_SCORE), 0.0)
    return Fit(scores, None, 1.0 if words.any() else 0.5)


def final_scores(
    fit: Fit,
    success: Floats,
    in_phase: Floats | None,
    phase_weight: float,
    after: Floats | None = None,
) -> Floats:
    """(K,) in 0 to 1: (1 - w) · min(1, s + 0.1 · after) + w · phase.

    s = c · fit · (0.95 + 0.05 · success), with the confidence c; success and phase are lower bounds
    of completion rates, over all runs and over those in the phase; after is that of the share of
    times that the skill came, and completed, after the session's last step, 0 without one. w is
    the phase's weight, 0 without a phase.
    """
    scores = fit.confidence * fit.scores * (1 - SUCCESS_WEIGHT + SUCCESS_WEIGHT * success)
    if after is not None:
        scores = np.minimum(1.0, scores + STEP_WEIGHT * after)
    if in_phase is not None:
        scores = (1 - phase_weight) * scores + phase_weight * in_phase
    return scores


def _near(pairs: Pairs, neighbours: Neighbours) -> tuple[Vectors, NDArray[np.intp]]:
    """The pairs of these requests, and the cosine of each."""
    texts, cosines = neighbours
    if not len(texts) or not len(pairs.text):
        return np.zeros(0, np.float32), np.zeros(0, np.intp)
    by_text = np.full(max(int(pairs.text.max()), int(texts.max())) + 1, np.nan, np.float32)
    by_text[texts] = cosines
    found = by_text[pairs.text]
    rows = np.flatnonzero(~np.isnan(found))
    return found[rows], rows
