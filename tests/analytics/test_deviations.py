"""Deviations against scipy, and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import (
    betabinom,
    chi2,
    false_discovery_control,
    mannwhitneyu,
    nbinom,
    norm,
    power_divergence,
)
from scipy.stats import t as student

from session_buddy_skills.analytics.deviations import (
    mix_deviation,
    rank_deviation,
    rate_deviation,
    usage_deviations,
)
from session_buddy_skills.analytics.multiplicity import benjamini_hochberg

CASES = settings(max_examples=200, deadline=None, database=None)
shares = st.floats(0, 1)


@CASES
@given(n=st.integers(1, 400), b=st.integers(1, 3_000), recent=shares, before=shares)
def test_a_rate_deviates_as_the_beta_binomial_distribution_says(
    n: int, b: int, recent: float, before: float
) -> None:
    k, s = round(recent * n), round(before * b)
    expected = betabinom(n, s + 0.5, b - s + 0.5)
    middle = expected.pmf(k) / 2
    tail = min(expected.cdf(k) - middle, expected.sf(k) + middle)
    found = rate_deviation(k, n, s, b)
    assert found.p_value == pytest.approx(min(1, 2 * tail), rel=1e-4, abs=1e-9)
    assert abs(found.score) == pytest.approx(norm.isf(found.p_value / 2), abs=1e-6)
    if found.p_value < 0.5:
        assert (found.score > 0) == (expected.cdf(k) > 0.5)


def test_a_rate_of_many_runs_is_judged_too() -> None:
    assert rate_deviation(45_000, 50_000, 900_000, 1_000_000).p_value > 0.5
    assert rate_deviation(44_000, 50_000, 900_000, 1_000_000).p_value < 1e-20
    assert rate_deviation(0, 5_000, 5_000, 5_000).score < -30


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and n"):
        rate_deviation(3, 2, 1, 1)


@CASES
@given(
    counts=st.lists(st.integers(0, 9), min_size=2, max_size=12),
    baseline=st.lists(st.integers(0, 30), min_size=12, max_size=12),
)
def test_ranks_deviate_as_the_test_of_mann_and_whitney_says(
    counts: list[int], baseline: list[int]
) -> None:
    before = baseline[: len(counts)]
    if not sum(counts) or not sum(before):
        return
    recent, old = (np.repeat(np.arange(len(counts)), some) for some in (counts, before))
    found = rank_deviation(np.array(counts, np.float64), np.array(before, np.float64))
    if len(set(np.concatenate([recent, old]))) == 1:
        assert (found.p_value, found.score) == (1, 0)
        return
    expected = mannwhitneyu(recent, old, method="asymptotic")
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    if found.p_value < 0.9:
        assert (found.score > 0) == (expected.statistic > len(recent) * len(old) / 2)


@CASES
@given(
    counts=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    b=st.integers(2, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_use_deviates_as_the_negative_binomial_distribution_says(
    counts: list[int], b: int, seed: int
) -> None:
    buckets = np.random.default_rng(seed).poisson(20, (len(counts), b)).astype(np.float64)
    found = usage_deviations(np.array(counts, np.float64), buckets)
    mean = buckets.mean(axis=1)
    squared = [float(((row - m) ** 2).sum() / m) for row, m in zip(buckets, mean, strict=True)]
    shared = sum(squared) / (len(counts) * (b - 1))
    for one, count, m, own in zip(found, counts, mean, squared, strict=True):
        variance = max(1.0, (own + 10 * shared) / (b - 1 + 10)) * (1 + 1 / b) * m
        expected = nbinom(m * m / (variance - m), m / variance)
        lower = expected.cdf(count) - expected.pmf(count) / 2
        tail = student.sf(norm.isf(min(lower, 1 - lower)), b - 1 + 10)
        assert one.p_value == pytest.approx(2 * tail, rel=1e-4, abs=1e-9)
        if one.p_value < 0.9:
            assert (one.score > 0) == (lower > 0.5)


@CASES
@given(
    counts=st.lists(st.integers(5, 60), min_size=2, max_size=6),
    baseline=st.lists(st.integers(20, 300), min_size=6, max_size=6),
)
def test_a_mix_deviates_as_the_g_test_says(counts: list[int], baseline: list[int]) -> None:
    table = np.array([counts, baseline[: len(counts)]], np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    free = len(counts) - 1
    g, _ = power_divergence(table.ravel(), expected.ravel(), lambda_="log-likelihood")
    found = mix_deviation(*table)
    total, parts = table.sum(), [sum(1 / table.sum(axis=axis)) for axis in (0, 1)]
    williams = 1 + (total * parts[0] - 1) * (total * parts[1] - 1) / (6 * total * free)
    assert found.p_value == pytest.approx(chi2.sf(g / williams, free), rel=1e-6, abs=1e-12)


def test_rare_phases_are_put_together() -> None:
    same = mix_deviation(np.array([20.0, 1, 0, 0]), np.array([400.0, 5, 6, 7]))
    assert same.p_value > 0.3
    assert mix_deviation(np.array([20.0]), np.array([400.0])).p_value == 1
    assert mix_deviation(np.array([0.0, 20]), np.array([400.0, 1])).p_value < 1e-9


@CASES
@given(p_values=st.lists(st.floats(1e-12, 1), min_size=1, max_size=50))
def test_many_tests_are_adjusted_as_scipy_does(p_values: list[float]) -> None:
    found = benjamini_hochberg(np.array(p_values))
    assert found == pytest.approx(false_discovery_control(p_values))
