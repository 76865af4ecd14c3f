"""How far two shares differ."""

from __future__ import annotations

from math import sqrt

from session_buddy_skills.analytics.rates import wilson_interval


def newcombe_interval(successes: int, n: int, others: int, other_n: int) -> tuple[float, float]:
    """The 95 % interval of successes / n - others / other_n, from the two Wilson intervals.

    With shares p, q and their bounds: p - q - √((p - l)² + (u' - q)²) to p - q + √((u - p)² + (q -
    l')²).

    Source: R. G. Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17 (1998), method 10.

    Raises:
        ValueError: a count is not between 0 and its n, or an n is below 1.
    """
    low, high = wilson_interval(successes, n)
    other_low, other_high = wilson_interval(others, other_n)
    p, q = successes / n, others / other_n
    return (
        p - q - sqrt((p - low) ** 2 + (other_high - q) ** 2),
        p - q + sqrt((high - p) ** 2 + (q - other_low) ** 2),
    )
