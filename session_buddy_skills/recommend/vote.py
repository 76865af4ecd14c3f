"""What was used for similar requests: a kernel vote of past uses, counted as logarithms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

BANDWIDTH = 0.04
"""How fast a vote falls with the cosine: at 0.1 below it counts e^-2.5, about a twelfth."""


def kernel(similarities: Vectors) -> Vectors:
    """How much a past request counts, in (0, 1], by its cosine: exp((s - 1) / 0.04)."""
    weights: Vectors = np.exp((similarities - np.float32(1)) / np.float32(BANDWIDTH))
    return weights


def log_votes(
    good: NDArray[np.number], bad: NDArray[np.number], passed_over: NDArray[np.number]
) -> NDArray[np.float64]:
    """(K,) of ln(V · V / (V + F + P/4)), from sums of kernels over uses of each skill.

    V: uses that completed, and the description. F: uses that failed or were given up. P: times that
    the skill was shown and another taken, which says less. What speaks against a skill shrinks its
    own votes, never below none: as the share of uses like this one that went well.
    """
    votes = np.maximum(good.astype(np.float64), 1e-30)
    against: NDArray[np.float64] = np.log(votes / (votes + bad + passed_over / 4))
    return np.log(votes) + against
