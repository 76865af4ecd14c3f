"""Trends against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy_skills.analytics.trends import weighted_line


@settings(max_examples=200, deadline=None, database=None)
@given(
    days=st.lists(st.integers(0, 60), min_size=3, max_size=40, unique=True),
    seed=st.integers(0, 2**32 - 1),
    slope=st.floats(-1, 1),
)
def test_a_line_is_that_of_statsmodels(days: list[int], seed: int, slope: float) -> None:
    chance = np.random.default_rng(seed)
    x = np.array(sorted(days), np.float64)
    y = slope * x + chance.normal(0, 1, len(x))
    weights = chance.integers(1, 50, len(x)).astype(np.float64)
    found = weighted_line(x, y, weights)
    expected = statsmodels.api.WLS(y, statsmodels.api.add_constant(x), weights=weights).fit()
    assert found.slope == pytest.approx(expected.params[1], rel=1e-7, abs=1e-9)
    assert (found.low, found.high) == pytest.approx(
        tuple(expected.conf_int()[1]), rel=1e-6, abs=1e-9
    )
    assert found.p_value == pytest.approx(expected.pvalues[1], rel=1e-5, abs=1e-12)
    ends = expected.predict(statsmodels.api.add_constant(x[[0, -1]], has_constant="add"))
    assert (found.start, found.end) == pytest.approx(tuple(ends), rel=1e-6, abs=1e-7)


def test_values_that_are_all_the_same_have_no_trend() -> None:
    days = np.arange(5.0)
    found = weighted_line(days, np.full(5, 0.9), np.full(5, 7.0))
    assert (found.slope, found.p_value, found.start, found.end) == (0, 1, 0.9, 0.9)


def test_a_perfect_line_is_certain() -> None:
    days = np.arange(4.0)
    found = weighted_line(days, 1 + 2 * days, np.ones(4))
    assert found.slope == pytest.approx(2)
    assert found.p_value < 1e-12


@pytest.mark.parametrize("days", [[0.0, 1.0], [3.0, 3.0, 3.0]])
def test_too_few_days_are_refused(days: list[float]) -> None:
    with pytest.raises(ValueError, match="three days"):
        weighted_line(np.array(days), np.zeros(len(days)), np.ones(len(days)))
