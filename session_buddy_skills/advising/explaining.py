"""From scores to what is answered: which skills, what speaks for them, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy_skills.advising.knowledge import Knowledge
from session_buddy_skills.analytics.bounds import wilson_lower_bounds
from session_buddy_skills.recommend.ranking import Fit, final_scores
from session_buddy_skills.recommend.uses import Pairs, Tally
from session_buddy_skills.recommendations import Evidence, Recommendation
from session_buddy_skills.reports import rate

Floats = NDArray[np.float64]
EVIDENCE_ITEMS = 3


@dataclass(frozen=True, slots=True)
class Context:
    """Where a request comes from, beside its words."""

    phase: str | None = None
    phase_weight: float = 0.0
    project: str | None = None
    user: str | None = None
    """Hashed."""
    after: str | None = None
    """The skill that the session used last."""
    next_steps: dict[str, Tally] | None = None
    """What came after that skill in other sessions; settled is how often anything did."""
    alone: bool = False
    """Whether phase and steps are all there is to go by."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The pairs that are near a request, and the cosine of each."""

    pairs: Pairs
    rows: NDArray[np.intp]
    cosines: NDArray[np.float32]
    skills: NDArray[np.int32]

    @classmethod
    def ended(cls, pairs: Pairs, fit: Fit) -> Nearest | None:
        """Those of which a use has ended; None without a model."""
        if fit.near is None:
            return None
        cosines, rows = fit.near
        ended = pairs.good[rows] + pairs.bad[rows] > 0
        rows = rows[ended]
        return cls(pairs, rows, cosines[ended], pairs.skill[rows])


def scored(knowledge: Knowledge, fit: Fit, context: Context) -> Floats:
    """(K,) of final scores of the skills."""
    count = len(fit.scores)
    uses = knowledge.uses
    overall = uses.tallies.get(("", ""), {})
    narrower = [
        uses.tallies.get((kind, value), {})
        for kind, value in (("project", context.project), ("user", context.user))
        if value is not None
    ]
    tallies = dict(list(overall.items()))
    for some in narrower:
        tallies.update({skill: tally for skill, tally in list(some.items()) if tally.settled})
    in_phase = after = None
    if context.phase is not None:
        in_phase = lower_bounds(uses.tallies.get(("phase", context.phase), {}), count)
    if context.next_steps:
        after = lower_bounds(numbered(context.next_steps, knowledge), count)
    return final_scores(fit, lower_bounds(tallies, count), in_phase, context.phase_weight, after)


def numbered(tallies: Mapping[str, Tally], knowledge: Knowledge) -> dict[int, Tally]:
    """The tallies by the number of the skill, of those that are known."""
    numbers = knowledge.uses.numbers
    return {numbers[name]: tally for name, tally in tallies.items() if name in numbers}


def best(
    scores: NDArray[np.floating], knowledge: Knowledge, left_out: Collection[int], limit: int
) -> list[int]:
    """The skills of the highest scores above -inf, equal ones by name."""
    names = knowledge.uses.names
    rounded = np.round(scores, 12)
    rounded[[skill for skill in left_out if skill < len(rounded)]] = -np.inf
    possible = np.flatnonzero(rounded > -np.inf)
    if len(possible) > limit:
        last = np.partition(rounded[possible], -limit)[-limit]
        possible = possible[rounded[possible] >= last]
    return sorted(possible.tolist(), key=lambda skill: (-rounded[skill], names[skill]))[:limit]


def explained(
    skill: int, score: float, knowledge: Knowledge, fit: Fit, context: Context, near: Nearest | None
) -> Recommendation:
    """One skill as it is recommended."""
    uses = knowledge.uses
    tally, where = _tally(knowledge, skill, context)
    overall = uses.tally(skill)
    evidence = _evidence(skill, knowledge, near, context)
    similarity = _cosine(fit.similarity, skill)
    description = knowledge.descriptions.get(skill)
    if description is not None and description.text and not context.alone:
        said = Evidence(kind="description", similarity=_cosine(fit.described, skill))
        evidence = sorted([*evidence, said], key=_nearness)[:EVIDENCE_ITEMS]
    return Recommendation(
        skill_name=uses.names[skill],
        score=round(float(score), 6),
        similarity_score=similarity,
        completed=overall.completed * 2 > overall.settled,
        completion_rate=rate(tally.completed, tally.settled),
        duration_seconds=_median(uses.durations.get(skill, ())),
        workflow_phase=_best_phase(knowledge, skill),
        evidence=evidence,
        reason=_sentence(tally, where, evidence, knowledge, skill, context),
    )


def lower_bounds(tallies: dict[int, Tally], count: int) -> Floats:
    """(count,) of the lower bound of each skill's completion rate; 0 where nothing is known."""
    completed, settled = np.zeros(count), np.zeros(count)
    for skill, tally in list(tallies.items()):
        if skill < count:
            completed[skill], settled[skill] = tally.completed, tally.settled
    return wilson_lower_bounds(completed, settled)


def _tally(knowledge: Knowledge, skill: int, context: Context) -> tuple[Tally, str]:
    """The uses that the completion rate is over, and whose they are."""
    for kind, value, where in (
        ("user", context.user, " by this user"),
        ("project", context.project, f" in {context.project}"),
    ):
        if value is not None and (tally := knowledge.uses.tally(skill, kind, value)).settled:
            return tally, where
    return knowledge.uses.tally(skill), ""


def _evidence(
    skill: int, knowledge: Knowledge, near: Nearest | None, context: Context
) -> list[Evidence]:
    found: list[Evidence] = []
    steps = (context.next_steps or {}).get(knowledge.uses.names[skill])
    if steps and steps.completed:
        found.append(Evidence(kind="step", query=context.after))
    if near is None:
        return found
    own = np.flatnonzero(near.skills == skill)
    for place in own[np.argsort(-near.cosines[own], kind="stable")][: EVIDENCE_ITEMS - len(found)]:
        row = near.rows[place]
        good, bad = near.pairs.good[row] > 0, near.pairs.bad[row] > 0
        found.append(
            Evidence(
                kind="past_use",
                query=knowledge.previews[near.pairs.text[row]],
                outcome="mixed" if good and bad else "completed" if good else "failed",
                similarity=round(float(near.cosines[place]), 6),
            )
        )
    return found


def _nearness(one: Evidence) -> tuple[bool, float]:
    """Steps first, and then the nearest."""
    return one.kind != "step", -(one.similarity or 0.0)


def _cosine(cosines: NDArray[np.float32] | None, skill: int) -> float | None:
    """That of a skill; None without a model, or where it has nothing to be compared with."""
    if cosines is None or skill >= len(cosines) or cosines[skill] <= -1:
        return None
    return round(min(1.0, float(cosines[skill])), 6)


def _median(durations: Sequence[float]) -> float | None:
    # A copy, since an array that is looked into cannot grow.
    return float(np.median(np.array(durations[:]))) if durations else None


def _best_phase(knowledge: Knowledge, skill: int) -> str | None:
    """The phase with the highest lower bound of the completion rate, if any run completed in one.

    Of equal ones it is the first.
    """
    phases = {
        value: by_skill[skill]
        for (kind, value), by_skill in list(knowledge.uses.tallies.items())
        if kind == "phase" and skill in by_skill
    }
    if not phases:
        return None
    names = sorted(phases)
    bounds = wilson_lower_bounds(
        np.array([phases[name].completed for name in names], np.float64),
        np.array([phases[name].settled for name in names], np.float64),
    )
    return names[int(bounds.argmax())] if bounds.any() else None


def _sentence(
    tally: Tally,
    where: str,
    evidence: list[Evidence],
    knowledge: Knowledge,
    skill: int,
    context: Context,
) -> str:
    uses = knowledge.uses
    parts = []
    nearest = [one for one in evidence if one.kind != "step" and one.outcome != "failed"]
    if context.alone:
        pass
    elif not nearest or nearest[0].similarity is None:
        parts.append("words of the request are those of its description or of what it completed")
    elif nearest[0].kind == "description":
        parts.append(f"nearest is its description (cosine {nearest[0].similarity:.2f})")
    else:
        past = f"“{_short(nearest[0].query or '')}”"
        parts.append(f"nearest is {past}, which it completed (cosine {nearest[0].similarity:.2f})")
    if tally.settled:
        parts.append(f"{tally.completed} of {tally.settled} runs{where} completed")
    else:
        parts.append("no run of it has ended yet")
    if context.phase is not None:
        phase = knowledge.uses.tally(skill, "phase", context.phase)
        if phase.settled:
            parts.append(f"{phase.completed} of {phase.settled} in {context.phase}")
        else:
            parts.append(f"never used in {context.phase}")
    if any(one.kind == "step" for one in evidence):
        steps = (context.next_steps or {})[uses.names[skill]]
        often = f"{steps.completed} of {steps.settled} times after {context.after}"
        parts.append(f"it came, and completed, {often}")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _short(text: str, chars: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= chars else f"{text[: chars - 1]}…"
