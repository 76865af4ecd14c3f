"""How far two things come together more often than chance would have them."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.analytics.rates import Z_95
from session_buddy_skills.community import Relationship

Floats = NDArray[np.float64]

STRONG = 3.0
MODERATE = 1.5
SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Association:
    """Of k pairs (a, b), each (k,)."""

    lift: Floats
    """Above 0; 1 where the two are independent."""
    low: Floats
    high: Floats
    p_value: Floats


def associate(both: Floats, with_a: Floats, with_b: Floats, total: float) -> Association:
    """Judge pairs by how many of `total` sessions have both, a, and b; both is at least 1.

    lift = both · total / (with_a · with_b), the share of sessions with both over what it would be
    if they were independent. Its interval is symmetric in log lift, whose variance by the delta
    method is 1/both - 1/a - 1/b + 2 · both / (a · b) - 1/total, with half a session more in each of
    the four cells: without, it vanishes where all sessions of one are sessions of the other. The
    p-value is that of the log-
    likelihood ratio G² = 2 Σ O ln(O/E) over the four cells, as chi-squared with one degree of
    freedom.

    Source: T. Dunning, "Accurate methods for the statistics of surprise and coincidence",
    Computational Linguistics 19 (1993).
    """
    lift = both * total / (with_a * with_b)
    n, a, b, n_total = both + 0.5, with_a + 1, with_b + 1, total + 2
    variance = 1 / n - 1 / a - 1 / b + 2 * n / (a * b) - 1 / n_total
    spread = np.exp(Z_95 * np.sqrt(np.maximum(variance, 0.0)))
    without_a, without_b = total - with_a, total - with_b
    cells = (
        (both, with_a * with_b),
        (with_a - both, with_a * without_b),
        (with_b - both, without_a * with_b),
        (total - with_a - with_b + both, without_a * without_b),
    )
    half = np.zeros(len(both))
    for observed, expected in cells:
        seen = observed > 0
        ratio = observed[seen] * total / expected[seen]
        half[seen] += observed[seen] * np.log(ratio)
    # P(chi² > g) = erfc(sqrt(g / 2)), with g = 2 · half; a sum of zeros may round below zero.
    p_value = np.array([erfc(root) for root in np.sqrt(np.maximum(half, 0.0))])
    return Association(lift, lift / spread, lift * spread, p_value)


def relationship(lift: float, p_value: float) -> Relationship:
    """In a word: independent unless p < 0.05, else by the lift: 3, 1.5, 1, below."""
    if p_value >= SIGNIFICANT:
        return "independent"
    if lift < 1:
        return "avoiding"
    return "strong" if lift >= STRONG else "moderate" if lift >= MODERATE else "weak"
