"""Shares and how far they can be trusted."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of successes / n, within 0 and 1.

    With p = successes / n it is (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).

    Raises:
        ValueError: n is below 1, or successes is not between 0 and n.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"successes must be between 0 and n, and n above 0: {successes} of {n}")
    p = successes / n
    centre = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At the ends the two terms cancel exactly but for rounding.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high
