"""Groups of skills, against a plain agglomeration, and the words that tell them apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from session_buddy_skills.recommend import clusters
from session_buddy_skills.recommend.clusters import (
    grouped,
    names_of,
    same_as_before,
    telling_terms,
)
from session_buddy_skills.recommend.lexical import Lexicon
from session_buddy_skills.recommend.terms import word_terms


def agglomerated(unit: np.ndarray, count: int) -> set[frozenset[int]]:
    """Ward by hand: the two groups become one that lift the sum of squares least."""
    groups = [[n] for n in range(len(unit))]

    def cost(one: list[int], other: list[int]) -> float:
        away = unit[one].mean(axis=0) - unit[other].mean(axis=0)
        return float(len(one) * len(other) / (len(one) + len(other)) * (away @ away))

    while len(groups) > count:
        pairs = combinations(range(len(groups)), 2)
        a, b = min(pairs, key=lambda two: cost(groups[two[0]], groups[two[1]]))
        groups[a] += groups.pop(b)
    return {frozenset(one) for one in groups}


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), skills=st.integers(3, 30))
def test_groups_are_those_of_a_plain_agglomeration(seed: int, skills: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(skills, 6)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for given_as in (vectors, csr_array(vectors)):
        found = grouped(given_as)
        groups = [np.flatnonzero(found.labels == n) for n in range(found.labels.max() + 1)]
        sizes = [len(one) for one in groups]
        assert sizes == sorted(sizes, reverse=True)
        assert {frozenset(one.tolist()) for one in groups} == agglomerated(
            unit.astype(np.float64), len(groups)
        )
        assert len(groups) == round(skills**0.5)
        for members in groups:
            centre = unit[members].mean(axis=0)
            cosines = unit[members] @ centre / np.linalg.norm(centre)
            assert found.closeness[members] == pytest.approx(cosines, abs=1e-5)


def test_many_skills_go_to_the_nearest_group(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)[:7]
    belongs = np.arange(49) % 7
    vectors = centres[belongs] + chance.normal(0, 0.05, (49, 8)).astype(np.float32)
    whole = grouped(vectors).labels
    monkeypatch.setattr(clusters, "MOST_COMPARED", 45)
    few = grouped(vectors).labels
    for labels in (whole, few):
        together = {(labels[n], belongs[n]) for n in range(49)}
        assert len(together) == 7


@pytest.mark.parametrize("skills", [1, 2])
def test_one_or_two_skills_are_groups_of_their_own(skills: int) -> None:
    found = grouped(np.eye(2, dtype=np.float32)[:skills])
    assert found.labels.tolist() == list(range(skills))
    assert found.closeness.tolist() == [1.0] * skills


def test_words_tell_the_groups_apart() -> None:
    lexicon = Lexicon(word_terms)
    said = [
        "Run the tests with pytest and report failures",
        "Tests in the browser, and report screenshots of tests",
        "Deploy the service to production and report",
        "Roll back a deployment of the service in production",
    ]
    for skill, text in enumerate(said):
        lexicon.describe(skill, text)
    index = lexicon.fit()
    labels = np.array([0, 0, 1, 1])
    terms = telling_terms(index.matrix(4), labels, list(index.vocabulary))
    assert terms[0][0] == "tests"
    assert set(terms[1][:2]) == {"service", "production"}
    assert "deploy" not in terms[1] or "deployment" not in terms[1]
    assert not {"the", "and", "report"} & {*terms[0][:3], *terms[1][:3]}


def test_names_are_distinct() -> None:
    names = names_of([["a", "b", "c", "d"], ["a", "b", "c"], []])
    assert names == ["a, b, c", "a, b, c (2)", "group 3"]


def test_a_group_is_the_one_it_shares_half_with() -> None:
    before = {"x": ["a", "b", "c", "d"], "y": ["e", "f"]}
    assert same_as_before(before, [["e", "f", "g"], ["a", "b", "c"], ["h"]]) == {0: "y", 1: "x"}
    assert same_as_before(before, [["a", "b"], ["c", "d"]]) == {0: "x"}
    assert same_as_before(before, [["a", "e", "h"]]) == {}
