"""The parts of the ranking, against loops that follow the formulas to the letter."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from session_buddy_skills.analytics.bounds import wilson_lower_bounds
from session_buddy_skills.analytics.rates import wilson_interval
from session_buddy_skills.recommend.fusion import fuse, spread
from session_buddy_skills.recommend.lexical import K1, B, Lexicon
from session_buddy_skills.recommend.ranking import Fit, Meaning, final_scores, semantic_fit
from session_buddy_skills.recommend.space import Fitted, Space
from session_buddy_skills.recommend.terms import gram_terms, readable_name, word_terms, words
from session_buddy_skills.recommend.uses import Uses
from session_buddy_skills.recommend.vote import BANDWIDTH, log_votes
from tests.conftest import ROOT

DOCUMENTS = [
    "run the unit tests and report what failed",
    "commit the changes with a message",
    "deploy the service, then run the smoke tests",
    "",
]


def unit(rows: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimensions)).astype(np.float32)
    found: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runUnitTests", ["run", "unit", "tests"]),
        ("plugin:run_tests-now", ["plugin", "run", "tests", "now"]),
        ("Ünïcode ＦＵＬＬ width", ["ünïcode", "full", "width"]),
        ("单元测试 🎉", ["单元测试"]),
        ("  \t\n", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_name_without_words_stays_as_it_is() -> None:
    assert readable_name("🎉") == "🎉"
    assert readable_name("pytest-run") == "pytest run"


def test_terms_are_words_pairs_and_parts_of_words() -> None:
    assert word_terms("run all tests") == ["run", "all", "tests", "run all", "all tests"]
    assert gram_terms("run tests") == ["run", "test", "ests"]


@pytest.mark.parametrize("split", [word_terms, gram_terms])
@pytest.mark.parametrize("query", ["run the tests", "tests tests", "nothing known", "", "the"])
def test_bm25_is_what_its_formula_says(split: object, query: str) -> None:
    assert callable(split)
    lexicon = Lexicon(split)
    for skill, text in enumerate(DOCUMENTS):
        lexicon.describe(skill, text)
    found = lexicon.fit().scores(query, len(DOCUMENTS))

    documents = [Counter(split(text)) for text in DOCUMENTS]
    mean = sum(sum(one.values()) for one in documents) / len(documents)
    for skill, document in enumerate(documents):
        expected = 0.0
        for term in set(split(query)):
            having = sum(term in other for other in documents)
            if term in document:
                frequency, length = document[term], sum(document.values())
                weight = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
                expected += weight * frequency / (frequency + K1 * (1 - B + B * length / mean))
        assert found[skill] == pytest.approx(expected, rel=1e-5)


def test_a_document_grows_and_its_description_is_replaced() -> None:
    lexicon = Lexicon(word_terms)
    lexicon.describe(0, "lints python")
    lexicon.describe(1, "formats code")
    lexicon.add(1, "make it pretty")
    lexicon.describe(0, "checks types")
    index = lexicon.fit()
    assert index.scores("lints python", 2).tolist() == [0, 0]
    assert index.scores("types", 2)[0] > 0
    assert index.scores("pretty code", 3)[1] > 0


def test_many_terms_are_counted_as_if_each_was_kept() -> None:
    chance = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in chance.zipf(1.5, 900) % 500) for _ in range(30)]
    grown, whole = Lexicon(word_terms), Lexicon(str.split)
    for text in texts:
        grown.add(0, text)
        grown.add(1, text[: len(text) // 2])
    grown.describe(0, "only here")
    for skill, part in enumerate([1, 2]):
        terms = [term for text in texts for term in word_terms(text[: len(text) // part])]
        whole.describe(skill, " ".join(term.replace(" ", "+") for term in terms))
    whole.add(0, "only here only+here")
    for query in ("w1 w2 w17", "w3 w499", "only here"):
        expected = whole.fit().scores(" ".join(_joined(query)), 2)
        assert grown.fit().scores(query, 2) == pytest.approx(expected, rel=1e-5)


def _joined(query: str) -> list[str]:
    return [term.replace(" ", "+") for term in word_terms(query)]


def test_documents_are_compared_by_the_cosine_of_their_weights() -> None:
    lexicon = Lexicon(word_terms)
    for skill, text in enumerate(["run tests", "run tests", "bake bread", "run away"]):
        lexicon.describe(skill, text)
    cosines = lexicon.fit().cosines(0, 4)
    assert cosines[0] == pytest.approx(1)
    assert cosines[1] == pytest.approx(1)
    assert cosines[2] == 0
    assert 0 < cosines[3] < 1


def test_votes_are_logarithms_of_what_speaks_for_a_skill() -> None:
    good, bad, passed = np.array([2.0, 2.0, 0.0]), np.array([0.0, 2.0, 1.0]), np.array([0.0, 4, 0])
    votes = log_votes(good, bad, passed)
    assert votes[0] == pytest.approx(math.log(2))
    assert votes[1] == pytest.approx(math.log(2 * 2 / (2 + 2 + 4 / 4)))
    assert np.isfinite(votes).all()
    assert votes.argmin() == 2


def test_the_fit_is_that_of_a_loop_over_all_uses() -> None:
    """Votes of every pair, summed one by one, with words and parts of words left out."""
    chance = np.random.default_rng(1)
    vectors, described = unit(60, 8, 1), unit(5, 8, 2)
    space = Space(8, unit(4, 8, 3))
    space.describe(list(range(5)), described, described)
    space.add(list(range(60)), vectors)
    uses = Uses()
    for name in "abcde":
        uses.skill(name)
    counts: dict[tuple[int, int], list[int]] = {}
    for _ in range(200):
        text, skill, kind = (int(chance.integers(top)) for top in (60, 5, 3))
        counts.setdefault((text, skill), [0, 0, 0])[kind] += 1
        if kind == 2:
            uses.pass_over(text, skill)
        else:
            uses.relate(text, skill, int(kind == 0), int(kind == 1))

    query = unit(1, 8, 4)[0]
    nothing = np.zeros(5, np.float32)
    meaning = Meaning(
        query, space.everything(query), space.descriptions, Fitted(None, space.fitted.gate, 0)
    )
    fit = semantic_fit(meaning, uses.pairs(), nothing, nothing, np.ones(5, bool))

    sums = np.zeros((3, 5))
    nearest = described @ query
    sums[0] += np.exp((nearest - 1) / BANDWIDTH)
    for (text, skill), kinds in counts.items():
        cosine = float(vectors[text] @ query)
        for kind, times in enumerate(kinds):
            if times:
                sums[kind, skill] += (1 + math.log(times)) * math.exp((cosine - 1) / BANDWIDTH)
        if kinds[0]:
            nearest[skill] = max(nearest[skill], cosine)
    votes = np.log(sums[0] ** 2 / (sums[0] + sums[1] + sums[2] / 4))
    expected = (votes - votes.min()) / (votes.max() - votes.min())
    # The two other parts are equal for all, and so 1.
    assert fit.scores == pytest.approx((expected + 0.5 + 0.5) / 2, abs=1e-5)
    assert fit.similarity == pytest.approx(nearest, abs=1e-5)


def test_spreading_and_fusing() -> None:
    assert spread(np.array([1.0, 3.0, 2.0])).tolist() == [0, 1, 0.5]
    assert spread(np.array([-np.inf, 3.0, 2.0])).tolist() == [0, 1, 0]
    assert spread(np.array([4.0, 4.0])).tolist() == [1, 1]
    assert spread(np.array([-np.inf])).tolist() == [0]
    both = fuse([(1, np.array([0.0, 2.0])), (3, np.array([5.0, 1.0]))])
    assert both.tolist() == [0.75, 0.25]


def test_scores_mix_fit_success_steps_and_phase() -> None:
    fit = Fit(np.array([1.0, 0.5]), None, 0.8)
    success, phase, after = np.array([0.0, 1.0]), np.array([0.2, 0.9]), np.array([0.5, 0.0])
    assert final_scores(fit, success, None, 0.3) == pytest.approx([0.8 * 0.95, 0.8 * 0.5])
    assert final_scores(fit, success, phase, 0) == pytest.approx([0.8 * 0.95, 0.8 * 0.5])
    assert final_scores(fit, success, phase, 1).tolist() == phase.tolist()
    mixed = final_scores(fit, success, phase, 0.3, after)
    assert mixed[0] == pytest.approx(0.7 * (0.76 + 0.1 * 0.5) + 0.3 * 0.2)


def test_the_example_of_the_documentation_is_right() -> None:
    page = (ROOT / "docs/recommendations.md").read_text(encoding="utf-8")
    fit, success = Fit(np.array([1.0]), None, 0.999391), np.array([wilson_interval(3, 4)[0]])
    assert f"{success[0]:.6f}" in page
    for weight in (0.0, 0.3):
        assert f"**{final_scores(fit, success, success, weight)[0]:.6f}**" in page


def test_lower_bounds_are_those_of_wilson() -> None:
    completed, settled = np.array([0.0, 0, 1, 7, 50]), np.array([0.0, 3, 1, 10, 50])
    bounds = wilson_lower_bounds(completed, settled)
    assert bounds[0] == 0
    for place in range(1, 5):
        low, _ = wilson_interval(int(completed[place]), int(settled[place]))
        assert bounds[place] == pytest.approx(low)
