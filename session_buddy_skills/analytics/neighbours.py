"""What users of like success do well with, that one has not used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.analytics.bounds import wilson_lower_bounds

Floats = NDArray[np.float64]

NEIGHBOURS = 20
"""Users that are looked at, the most alike first."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """For one user, of k skills each (k,)."""

    scores: Floats
    """In 0 to 1: the neighbours' lower bounds, each weighing by its likeness; 0 without any."""
    completed: Floats
    decided: Floats
    """The neighbours' runs of each skill."""
    neighbours: Floats
    """How many neighbours have used each skill."""
    popularity: Floats
    """In 0 to 1: the lower bound over all users, times the share of users that used the skill."""


def suggest(completed: Floats, decided: Floats, user: int | None) -> Suggestions:
    """Judge (u, k) of runs of u users with k skills; `user` is the row of the one who asks.

    Two users are as like as the cosine of their rows of lower bounds of completion rates, over the
    skills that either used: alike are those who succeed with the same skills. The most alike 20, of
    those that are alike at all, are the neighbours.
    """
    success = wilson_lower_bounds(completed, decided)
    used = decided > 0
    users, skills = decided.shape
    whole = wilson_lower_bounds(completed.sum(axis=0), decided.sum(axis=0))
    popularity = whole * used.sum(axis=0) / max(1, users)
    nothing = np.zeros(skills)
    if user is None:
        return Suggestions(nothing, nothing, nothing, nothing, popularity)
    lengths = np.linalg.norm(success, axis=1)
    lengths[lengths == 0] = 1
    likeness = success @ success[user] / (lengths * lengths[user])
    likeness[user] = 0
    nearest = np.argsort(-likeness, kind="stable")[:NEIGHBOURS]
    nearest = nearest[likeness[nearest] > 0]
    weights = likeness[nearest, None] * used[nearest]
    total = weights.sum(axis=0)
    scores = np.where(total > 0, (weights * success[nearest]).sum(axis=0), 0) / np.where(
        total > 0, total, 1
    )
    return Suggestions(
        scores,
        completed[nearest].sum(axis=0),
        decided[nearest].sum(axis=0),
        used[nearest].sum(axis=0).astype(np.float64),
        popularity,
    )
