from __future__ import annotations

import pytest
from scipy.stats import binomtest

from session_buddy_skills.analytics.rates import wilson_interval


@pytest.mark.parametrize("n", [1, 2, 7, 50, 1_000, 1_000_000])
def test_interval_is_that_of_scipy(n: int) -> None:
    for successes in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert wilson_interval(successes, n) == pytest.approx(
            (expected.low, expected.high), abs=1e-12
        )


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes must be between 0 and n"):
        wilson_interval(successes, n)
