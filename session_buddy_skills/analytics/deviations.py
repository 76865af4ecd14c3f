"""How far a recent window is from the baseline before it, as a p-value and a z-equivalent.

Each p-value is two-sided: twice the smaller tail, in which what was seen itself counts half (mid-p;
H. O. Lancaster, "Significance tests in discrete distributions", Journal of the American
Statistical Association 56, 1961), since whole tails of small counts find too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaincc, gammaln, ndtr, ndtri, stdtr

Floats = NDArray[np.float64]

PRIOR = 0.5
"""Of Jeffreys' prior of a rate."""
SHARED_BUCKETS = 10.0
"""Buckets' worth of weight that the dispersion of all skills has in that of each."""
LEAST_EXPECTED = 2.0
"""Expected count below which categories are put together."""
SMALLEST_P = 1e-300


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far what was seen lies from what was expected."""

    p_value: float
    score: float
    """The z at which a normal variable is that unlikely; below 0 if less was seen."""


def rate_deviation(successes: int, n: int, baseline_successes: int, baseline_n: int) -> Deviation:
    """Successes of n runs against those of a baseline, whose own uncertainty counts.

    With Jeffreys' prior the rate is Beta(s + ½, b - s + ½) after s of the b baseline runs, and the
    successes are beta-binomial.

    Raises:
        ValueError: a count is not between 0 and its n.
    """
    if not (0 <= successes <= n and 0 <= baseline_successes <= baseline_n):
        raise ValueError("successes must be between 0 and n")
    a, b = baseline_successes + PRIOR, baseline_n - baseline_successes + PRIOR
    if successes * (a + b) <= n * a:
        tail, sign = _beta_binomial_tail(successes, n, a, b), -1.0
    else:
        # The upper tail of successes is the lower one of failures.
        tail, sign = _beta_binomial_tail(n - successes, n, b, a), 1.0
    # The tail on the mean's side of the median is the larger one.
    return _two_sided(tail, sign) if tail <= 0.5 else _two_sided(1 - tail, -sign)


def _beta_binomial_tail(k: int, n: int, a: float, b: float) -> float:
    """P(K < k) + P(K = k) / 2 for a k up to the mean, without terms too small to matter."""
    spread = sqrt(n * a * b * (a + b + n) / ((a + b) ** 2 * (a + b + 1)))
    seen = np.arange(max(0, k - int(12 * spread) - 50), k + 1, dtype=np.float64)
    chosen = gammaln(n + 1) - gammaln(seen + 1) - gammaln(n - seen + 1)
    terms = np.exp(chosen + betaln(seen + a, n - seen + b) - betaln(a, b))
    return float(terms[:-1].sum() + terms[-1] / 2)


def rank_deviation(counts: Floats, baseline: Floats) -> Deviation:
    """Values in (k,) ordered bins against those of a baseline, by the rank-sum test with ties.

    It asks whether recent values tend to be larger or smaller, whatever their distribution: single
    extremes and scale have no say.

    Source: H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is
    stochastically larger than the other", Annals of Mathematical Statistics 18 (1947); variance
    with ties as in E. L. Lehmann, Nonparametrics (1975), with a continuity correction of ½.
    """
    n, m = counts.sum(), baseline.sum()
    both = counts + baseline
    below = np.cumsum(baseline) - baseline
    wins = float(counts @ (below + baseline / 2))
    total = n + m
    ties = float((both**3 - both).sum())
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    away = wins - n * m / 2
    if variance <= 0 or abs(away) <= 0.5:
        return Deviation(1.0, 0.0)
    z = copysign((abs(away) - 0.5) / sqrt(variance), away)
    return Deviation(_at_least(2 * float(ndtr(-abs(z)))), z)


def usage_deviations(counts: Floats, buckets: Floats) -> list[Deviation]:
    """(k,) of uses in the recent window against (k, b) of as many windows before it; b >= 2.

    The count of a window is taken for negative binomial with the skill's mean μ over its buckets
    and a variance of φ(1 + 1/b)μ, of which 1/b is the uncertainty of μ. φ is the mean squared
    Pearson residual, of the skill's buckets and, as ten more, of all skills' together; at least 1.
    What is found is looked up in Student's distribution, since φ is itself estimated.
    """
    b = buckets.shape[1]
    mean = buckets.mean(axis=1)
    known = np.maximum(mean, 1e-9)
    squared = ((buckets - mean[:, None]) ** 2).sum(axis=1) / known
    shared = squared.sum() / max(1, len(mean) * (b - 1))
    dispersion = np.maximum(1.0, (squared + SHARED_BUCKETS * shared) / (b - 1 + SHARED_BUCKETS))
    size = known / (dispersion * (1 + 1 / b) - 1)
    chance = size / (size + known)
    at_most = betainc(size, counts + 1, chance)
    less = np.where(counts > 0, betainc(size, np.maximum(counts, 1), chance), 0.0)
    lower = (less + at_most) / 2
    return [
        _by_student(min(low, 1 - low), 1.0 if low > 0.5 else -1.0, b - 1 + SHARED_BUCKETS)
        for low in lower.tolist()
    ]


def mix_deviation(counts: Floats, baseline: Floats) -> Deviation:
    """(k,) of counts by category against those of a baseline, by the likelihood ratio test.

    G² = 2 Σ O ln(O/E), over Williams' correction, is chi-squared with k - 1 degrees of freedom.
    Categories in which fewer than 2 are expected are put together. The score is never below 0.

    Source: D. A. Williams, "Improved likelihood ratio tests for complete contingency tables",
    Biometrika 63 (1976).
    """
    n, m = counts.sum(), baseline.sum()
    both = counts + baseline
    rare = both * min(n, m) / (n + m) < LEAST_EXPECTED
    table = np.stack([counts, baseline])
    rest = table[:, rare].sum(axis=1, keepdims=True)
    table = table[:, ~rare]
    if rest.sum() > 0:
        table = np.concatenate([table, rest], axis=1)
    if table.shape[1] < 2:
        return Deviation(1.0, 0.0)
    totals, rows = table.sum(axis=0), np.array([[n], [m]])
    expected = rows * totals / (n + m)
    seen = table > 0
    g = 2 * float((table[seen] * np.log(table[seen] / expected[seen])).sum())
    free = table.shape[1] - 1
    spread = float(((n + m) * (1 / rows).sum() - 1) * ((n + m) * (1 / totals).sum() - 1))
    g /= 1 + spread / (6 * (n + m) * free)
    p_value = _at_least(float(gammaincc(free / 2, max(g, 0.0) / 2)))
    return Deviation(p_value, float(-ndtri(p_value / 2)))


def _two_sided(tail: float, sign: float) -> Deviation:
    p_value = _at_least(min(1.0, 2 * tail))
    return Deviation(p_value, sign * float(-ndtri(p_value / 2)))


def _by_student(tail: float, sign: float, degrees: float) -> Deviation:
    z = float(-ndtri(_at_least(tail)))
    return _two_sided(float(stdtr(degrees, -z)), sign)


def _at_least(p_value: float) -> float:
    return max(p_value, SMALLEST_P)
