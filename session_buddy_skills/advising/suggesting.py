"""One skill that is worth naming unasked, if the record speaks for it strongly."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.advising.explaining import best
from session_buddy_skills.advising.knowledge import Knowledge
from session_buddy_skills.analytics.rates import wilson_interval
from session_buddy_skills.recommend.ranking import Fit
from session_buddy_skills.recommend.uses import Pairs

LEAST_COSINE = 0.5
"""With this a past request is one like the request that was made."""
LEAST_CONFIDENCE = 0.8
"""That any skill fits: well above what a recommendation, which was asked for, needs."""
LEAST_SHARE = 0.6
"""Of the uses for requests like this, those of the skill."""
LEAST_BOUND = 0.6
"""The lower bound of its completion rate for them: six of six, or twelve of fourteen."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A skill, and how its uses for requests like this one ended."""

    skill_name: str
    completed: int
    settled: int

    @property
    def line(self) -> str:
        """What is said of it."""
        return (
            f"The skill {self.skill_name} has worked {self.completed} of {self.settled} times for "
            "requests like this."
        )


def suggested(
    knowledge: Knowledge, fit: Fit, pairs: Pairs, left_out: Collection[int]
) -> Suggestion | None:
    """The skill that fits best, where that is beyond doubt."""
    if fit.near is None or fit.confidence < LEAST_CONFIDENCE:
        return None
    cosines, rows = fit.near
    rows = rows[cosines >= LEAST_COSINE]
    count, skill = len(fit.scores), pairs.skill[rows]
    completed, failed = (
        np.bincount(skill, weights=_uses(kind[rows]), minlength=count)
        for kind in (pairs.good, pairs.bad)
    )
    settled = completed + failed
    for first in best(fit.scores, knowledge, left_out, 1):
        good, all_ended = int(completed[first]), int(settled[first])
        if all_ended < LEAST_SHARE * settled.sum() or not all_ended:
            return None
        if wilson_interval(good, all_ended)[0] >= LEAST_BOUND:
            return Suggestion(knowledge.uses.names[first], good, all_ended)
    return None


def _uses(weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many uses a weight of `Pairs` stands for."""
    return np.where(weight > 0, np.round(np.exp(weight.astype(np.float64) - 1)), 0)
