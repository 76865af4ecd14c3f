"""The judgements of A/B tests, against statsmodels, scipy and a series for Brownian motion."""

from __future__ import annotations

from itertools import pairwise
from math import exp, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_ind
from statsmodels.regression.linear_model import OLS

from session_buddy_skills.analytics.experiments import (
    ALPHA,
    BOUNDARY,
    Group,
    Times,
    detectable_difference,
    difference_of_means,
    difference_of_rates,
    information,
    sample_ratio_p_value,
    sequential_interval,
)

Users = list[list[bool]]
"""The runs of each user."""
users = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=2, max_size=8)


def group(made: Users) -> Group:
    counts = [(len(runs), sum(runs)) for runs in made]
    return Group(
        users=len(made),
        runs=sum(n for n, _ in counts),
        completed=sum(k for _, k in counts),
        runs_squared=sum(n * n for n, _ in counts),
        completed_squared=sum(k * k for _, k in counts),
        product=sum(n * k for n, k in counts),
    )


@settings(max_examples=200, deadline=None)
@given(made=users)
def test_the_variance_is_that_of_a_regression_with_clusters(made: Users) -> None:
    runs = np.array([run for one in made for run in one], float)
    clusters = np.repeat(np.arange(len(made)), [len(one) for one in made])
    fit = OLS(runs, np.ones(len(runs))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    expected = float(fit.cov_params()[0, 0])
    found = group(made)
    if expected > 1e-9:
        assert found.variance == pytest.approx(expected)
    else:  # all users do alike
        rate = (found.completed + 0.5) / (found.runs + 1)
        assert found.variance == pytest.approx(rate * (1 - rate) / found.runs)


@settings(max_examples=200, deadline=None)
@given(one=users, other=users)
def test_a_difference_turns_round_with_its_groups(one: Users, other: Users) -> None:
    there, back = (
        difference_of_rates(*pair)
        for pair in ((group(one), group(other)), (group(other), group(one)))
    )
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_value == pytest.approx(back.p_value)
    assert (there.p_value < ALPHA) == (there.low > 0 or there.high < 0)


def test_a_difference_needs_runs_in_both_groups() -> None:
    nothing = Group(0, 0, 0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="each group needs a run"):
        difference_of_rates(group([[True]]), nothing)


def test_the_boundary_is_left_with_the_promised_chance() -> None:
    """Feller's series for a Brownian motion that stays between two barriers for a unit of time."""
    stays = sum(
        (-1) ** k / (2 * k + 1) * exp(-((2 * k + 1) ** 2) * pi**2 / (8 * BOUNDARY**2))
        for k in range(50)
    )
    assert 1 - 4 / pi * stays == pytest.approx(ALPHA, abs=1e-4)


@settings(max_examples=200, deadline=None)
@given(one=users, other=users)
def test_early_looks_ask_for_more(one: Users, other: Users) -> None:
    control, treatment = group(one), group(other)
    difference = difference_of_rates(control, treatment)
    size = max(control.runs, treatment.runs)
    shares = (0.1, 0.5, information(control, treatment, size), 1.0)
    assert shares[2] <= 1
    for early, late in pairwise(sorted(shares)):
        low, high = sequential_interval(difference, early)
        later_low, later_high = sequential_interval(difference, late)
        assert low <= later_low <= difference.low <= difference.high <= later_high <= high
    low, _ = sequential_interval(difference, 0.25)
    z = difference.value / difference.error
    assert (low > 0) == (z * 0.5 > BOUNDARY)


@settings(max_examples=200, deadline=None)
@given(control=st.integers(0, 300), treatment=st.integers(0, 300))
def test_unlike_sizes_are_as_likely_as_scipy_says(control: int, treatment: int) -> None:
    both = control + treatment
    expected = binomtest(control, both, 0.5).pvalue if both else 1.0
    assert sample_ratio_p_value(control, treatment) == pytest.approx(expected)


seconds = st.lists(st.integers(0, 40_000).map(lambda n: n / 4), min_size=2, max_size=20)


@pytest.mark.filterwarnings("ignore:Precision loss occurred")
@settings(max_examples=200, deadline=None)
@given(control=seconds, treatment=seconds)
def test_durations_are_compared_as_scipy_does(control: list[float], treatment: list[float]) -> None:
    groups = [Times(len(one), float(np.mean(one)), float(np.var(one, ddof=1)))
              for one in (control, treatment)]  # fmt: skip
    found = difference_of_means(*groups)
    assert found is not None
    if groups[0].variance + groups[1].variance == 0:
        assert found.p_value == float(found.value == 0)
        return
    expected = ttest_ind(treatment, control, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


def test_one_user_has_no_spread() -> None:
    assert difference_of_means(Times(1, 3.0, 0.0), Times(9, 4.0, 1.0)) is None


def test_what_a_sample_can_find_shrinks_with_its_root() -> None:
    one_each = group([[True]] * 200 + [[False]] * 200)
    assert detectable_difference(one_each, one_each, 500) == pytest.approx(0.0975, abs=2e-4)
    small = detectable_difference(one_each, one_each, 2_000)
    assert small == pytest.approx(detectable_difference(one_each, one_each, 500) / 2)


def test_runs_that_are_alike_find_less() -> None:
    """Four equal runs a user tell as much as one, so that the difference is twice as large."""
    alike = group([[True] * 4] * 50 + [[False] * 4] * 50)
    found = detectable_difference(alike, alike, 500)
    assert found == pytest.approx(2 * 0.0975, rel=0.02)
