"""What is fitted in closed form, against covariances and fits made the long way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from session_buddy_skills.recommend.discriminant import Discriminant, Moments
from session_buddy_skills.recommend.gate import (
    calibrated_gate,
    cold_gate,
    distances_left_out,
)
from session_buddy_skills.recommend.space import DESCRIPTION_ROWS, Space
from session_buddy_skills.recommend.uses import Uses

D, K = 6, 4
SHRINKAGE = 0.4
Vectors = NDArray[np.float32]


def rows(seed: int = 0, count: int = 80) -> tuple[Vectors, NDArray[np.intp]]:
    """Vectors around the means of four skills."""
    chance = np.random.default_rng(seed)
    means = chance.normal(size=(K, D)) * 2
    skills = chance.integers(0, K, count)
    return (means[skills] + chance.normal(size=(count, D))).astype(np.float32), skills


def fitted(
    vectors: Vectors, skills: NDArray[np.intp], weights: NDArray[np.float64]
) -> Discriminant:
    moments = Moments(D)
    moments.add(vectors, skills, weights)
    found = moments.fit(SHRINKAGE)
    assert found is not None
    return found


def test_it_is_the_textbook_discriminant() -> None:
    vectors, skills = rows()
    found = fitted(vectors, skills, np.ones(len(skills)))
    means = np.stack([vectors[skills == skill].mean(axis=0) for skill in range(K)])
    away = vectors - means[skills]
    scatter = away.T @ away / (len(skills) - K)
    sphere = np.eye(D) * np.trace(np.cov(vectors.T, bias=True)) / D
    inverse = np.linalg.inv((1 - SHRINKAGE) * scatter + SHRINKAGE * sphere)
    x = vectors[:5]
    expected = np.array([[row @ inverse @ m - m @ inverse @ m / 2 for m in means] for row in x])
    assert found.scores(x) == pytest.approx(expected, rel=1e-3, abs=1e-3)
    total = np.linalg.inv((1 - SHRINKAGE) * np.cov(vectors.T, bias=True) + SHRINKAGE * sphere)
    centre = vectors.mean(axis=0)
    distances = [
        min((row - m) @ inverse @ (row - m) for m in means)
        - (row - centre) @ total @ (row - centre)
        for row in x
    ]
    assert found.relative_distance(x, found.scores(x)) == pytest.approx(distances, abs=1e-2)


def test_a_weight_is_as_many_rows_and_may_be_taken_out_again() -> None:
    vectors, skills = rows()
    twice = fitted(np.vstack([vectors, vectors]), np.append(skills, skills), np.ones(160))
    weighted = fitted(vectors, skills, np.full(80, 2.0))
    assert weighted.scores(vectors) == pytest.approx(twice.scores(vectors), rel=1e-4, abs=1e-4)
    moments = Moments(D)
    moments.add(vectors, skills, np.ones(80))
    moments.add(vectors[:1] + 9, skills[:1], np.ones(1))
    moments.add(vectors[:1] + 9, skills[:1], -np.ones(1))
    back = moments.fit(SHRINKAGE)
    assert back is not None
    plain = fitted(vectors, skills, np.ones(80))
    assert back.scores(vectors) == pytest.approx(plain.scores(vectors), rel=1e-3, abs=1e-3)


def test_without_rows_there_is_none() -> None:
    assert Moments(D).fit(SHRINKAGE) is None
    one = fitted(np.ones((1, D), np.float32), np.array([2]), np.ones(1))
    scores = one.scores(np.ones((1, D), np.float32))
    assert scores[0, :2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(scores[0, 2])


def test_leaving_a_row_out_is_like_fitting_without_it() -> None:
    """With few rows for their dimensions, where a row makes its own distance look short."""
    chance = np.random.default_rng(5)
    skills = np.arange(60) % 6
    vectors = (chance.normal(size=(6, 30))[skills] + chance.normal(size=(60, 30))).astype("f4")

    def fit(kept: NDArray[np.bool_]) -> Discriminant:
        moments = Moments(30)
        moments.add(vectors[kept], skills[kept], np.ones(int(kept.sum())))
        found = moments.fit(SHRINKAGE)
        assert found is not None
        return found

    whole = fit(np.ones(60, bool))
    expected = []
    for row in range(60):
        without, one = fit(np.arange(60) != row), vectors[row : row + 1]
        expected.append(without.relative_distance(one, without.scores(one))[0])
    kept_in = whole.relative_distance(vectors, whole.scores(vectors))
    found = distances_left_out(whole, SHRINKAGE, vectors, skills)
    assert np.abs(found - expected).mean() < 0.2 * np.abs(kept_in - expected).mean()


def test_a_calibrated_gate_keeps_what_is_like_the_past() -> None:
    chance = np.random.default_rng(0)
    known = (chance.normal(0.8, 0.05, 500), chance.normal(0, 10, 500))
    foreign = (chance.normal(0.1, 0.05, 32), chance.normal(200, 10, 32))
    gate = calibrated_gate(*known, foreign)
    kept = [gate.confidence(*one) >= 0.5 for one in zip(*known, strict=True)]
    assert sum(kept) >= 499
    silent = [gate.confidence(*one) < 0.5 for one in zip(*foreign, strict=True)]
    assert sum(silent) == pytest.approx(0.9 * 32, abs=1)
    # Where the two cannot be told apart, next to nothing is turned away.
    hard = calibrated_gate(*known, known)
    assert sum(hard.confidence(*one) >= 0.5 for one in zip(*known, strict=True)) >= 498


def test_a_cold_gate_stays_below_the_names_of_the_skills() -> None:
    background = np.linspace(0, 0.3, 31)
    assert cold_gate(background, np.array([0.6, 0.7])).threshold == pytest.approx(0.27)
    assert cold_gate(background, np.array([0.1, 0.7])).threshold == pytest.approx(0.13)


def space_of(vectors: Vectors, skills: NDArray[np.intp]) -> tuple[Space, Uses]:
    space, uses = Space(D, rows(9, 8)[0]), Uses()
    for skill in range(K):
        uses.skill(str(skill))
    space.describe(list(range(K)), np.eye(K, D, dtype=np.float32), np.eye(K, D, dtype=np.float32))
    space.add(list(range(len(vectors))), vectors)
    for text, skill in enumerate(skills.tolist()):
        uses.relate(text, skill, 1, 0)
    return space, uses


def test_a_space_counts_every_use_once_however_often_it_is_weighed() -> None:
    vectors, skills = rows()
    space, uses = space_of(vectors, skills)
    space.weigh(uses.pairs())
    space.weigh(uses.pairs())
    uses.relate(0, int(skills[0]), 2, 0)
    space.weigh(uses.pairs())
    found = space.fit()
    weights = np.ones(80)
    weights[0] = 1 + np.log(3)
    expected = Moments(D)
    expected.add(vectors, skills, weights)
    described = np.eye(K, D, dtype=np.float32)
    expected.add(described, np.arange(K), np.full(K, DESCRIPTION_ROWS))
    other = expected.fit(0.9 - 0.7 * found.trust)
    assert found.discriminant is not None
    assert other is not None
    assert found.discriminant.means == pytest.approx(other.means, abs=1e-5)
    assert found.discriminant.counts == pytest.approx(other.counts, abs=1e-5)


def test_a_description_takes_the_place_of_the_one_before() -> None:
    space, _ = space_of(*rows())
    other = -np.eye(K, D, dtype=np.float32)
    space.describe([1], other[1:2], other[1:2])
    found = space.fit().discriminant
    assert found is not None
    assert found.counts.tolist() == [DESCRIPTION_ROWS] * K
    assert found.means[1] == pytest.approx(other[1])


def test_what_is_near_is_what_a_scan_finds() -> None:
    vectors, skills = rows(count=9_000)
    space, _ = space_of(vectors, skills)
    query = vectors[3]
    texts, cosines = space.everything(query)
    assert cosines == pytest.approx(vectors @ query, rel=1e-4, abs=1e-4)
    some, near = space.near(query, [5, 3], 8_990)
    assert some.tolist() == [5, 3, *range(8_990, 9_000)]
    assert near == pytest.approx((vectors @ query)[some], rel=1e-4, abs=1e-4)
    assert texts.tolist() == list(range(9_000))
    space.blocks.shrink(9_000)
    # The first block alone, since the second is not full; steps are coarse in few dimensions.
    lengths = np.linalg.norm(vectors, axis=1)
    moved = np.abs(space.everything(query)[1] - cosines) / (lengths * lengths[3])
    assert 0 < moved.max() < 0.01
    assert moved[8_192:].max() == 0
    kept = space.blocks.rows(np.array([0, 8_999]))
    assert kept == pytest.approx(vectors[[0, 8_999]], abs=float(lengths.max()) / 127)
    assert space.blocks.highest(query[None], np.array([3])) == pytest.approx(
        [np.delete(vectors @ query, 3).max()], rel=2e-3
    )
