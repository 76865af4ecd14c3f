"""From a request and what is known to how each skill fits it, and whether any does. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.advising.explaining import Context
from session_buddy_skills.advising.knowledge import TEXT_CHARS, Knowledge
from session_buddy_skills.advising.live_model import LiveModel
from session_buddy_skills.embeddings.embedder import Vectors
from session_buddy_skills.recommend.ranking import Fit, Meaning, lexical_fit, semantic_fit
from session_buddy_skills.recommend.space import Neighbours
from session_buddy_skills.recommend.terms import telling
from session_buddy_skills.recommend.terms import words as split_words
from session_buddy_skills.recommend.uses import Pairs
from session_buddy_skills.recommendations import Reason, RecommendRequest

Floats = NDArray[np.float64]
SHORTEST_NAME = 4
"""Letters below which a skill's name is taken for a word like any other."""


def gated(
    scores: Floats, fit: Fit, request: RecommendRequest, context: Context
) -> tuple[Floats, Reason]:
    """The scores, -inf for what is not to be recommended; and why, if that is everything."""
    nothing = np.full_like(scores, -np.inf)
    if context.alone:
        told = bool(request.workflow_phase or request.session_id)
        return np.where(scores > 0, scores, -np.inf), "no_history" if told else "empty_query"
    if fit.similarity is None:
        # Without a cosine none is known to be high enough.
        out_of_reach = request.min_similarity is not None and request.min_similarity > -1
        known = fit.scores > 0
        return (nothing if out_of_reach else np.where(known, scores, -np.inf)), "below_threshold"
    if request.min_similarity is not None:
        enough = fit.similarity >= request.min_similarity
        return np.where(enough, scores, -np.inf), "below_threshold"
    return (nothing if fit.confidence < 0.5 else scores), "below_threshold"


def embedded_and_ranked(
    text: str, model: LiveModel, rank: Callable[..., tuple[Fit, Pairs]]
) -> tuple[Fit, Pairs]:
    """How each skill fits a text, with the model's vector of it. Blocking."""
    vector = model.embedder.embed([text[:TEXT_CHARS]])[0]
    return rank(model, vector, model.finder.near(vector))


def ranked(
    text: str,
    knowledge: Knowledge,
    left_out: Collection[int],
    model: LiveModel | None = None,
    vector: Vectors | None = None,
    near: Neighbours | None = None,
) -> tuple[Fit, Pairs]:
    """How each skill fits a text, and the pairs that this rests on; by words without a vector."""
    # In this order, so that no pair or description is of a skill that is not counted.
    pairs = knowledge.uses.pairs()
    descriptions = model.space.descriptions if model else None
    count = max(len(knowledge.uses.names), 0 if descriptions is None else len(descriptions))
    if not text.strip():
        return Fit(np.zeros(count), None, 0.0), pairs
    if (
        model is None
        or descriptions is None
        or vector is None
        or near is None
        or not vector.any()
        # Nothing is taken in yet, so that a cosine says nothing.
        or model.space.fitted.discriminant is None
    ):
        words, grams = (index.scores(telling(text), count) for index in knowledge.indexes)
        return lexical_fit(words, grams), pairs
    allowed = np.ones(count, bool)
    allowed[[skill for skill in left_out if skill < count]] = False
    words, grams = (index.scores(text, count) for index in knowledge.indexes)
    meaning = Meaning(vector, near, descriptions, model.space.fitted)
    fit = semantic_fit(meaning, pairs, words, grams, allowed)
    if fit.confidence < 0.5 and _names_one(text, knowledge, left_out):
        fit = replace(fit, confidence=0.5)
    return fit, pairs


def _names_one(text: str, knowledge: Knowledge, left_out: Collection[int]) -> bool:
    """Whether the request names a skill outright: however odd it is else, it is not turned away."""
    asked = f" {' '.join(split_words(text))} "
    return any(
        len(telling(one.name)) >= SHORTEST_NAME and f" {one.name} " in asked
        for skill, one in list(knowledge.descriptions.items())
        if skill not in left_out
    )
