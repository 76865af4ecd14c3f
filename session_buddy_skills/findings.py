"""Rows on phases that were counted in SQL, judged and put into the form that is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from session_buddy_skills.analytics.bottlenecks import bottleneck_score, severity, slowness
from session_buddy_skills.analytics.rates import wilson_interval
from session_buddy_skills.models import Outcome
from session_buddy_skills.rendering import heatmap_text, rate_text, seconds_text
from session_buddy_skills.reports import rate, share
from session_buddy_skills.results import Duration
from session_buddy_skills.workflow import (
    BestSkill,
    Bottleneck,
    Effectiveness,
    HeatmapAnswer,
    HeatmapCell,
    HeatmapRequest,
    PhaseCounts,
    SelfLoop,
    Transition,
)

Row = dict[str, Any]
FEWEST_TIMED = 5
"""Timed runs below which a phase is not called slow."""
_COUNTS = tuple(f"{outcome.value}_count" for outcome in Outcome if outcome is not Outcome.UNKNOWN)
_OF_A_STEP = ("invocation_count", "most_common_skill", "most_common_skill_count")


def surest_first(rows: Sequence[Row]) -> list[Row]:
    """Rows of skills in phases by the lower bound of their completion rate, highest first."""
    return sorted(rows, key=_surest_first)


def effectiveness(rows: Sequence[Row]) -> list[Effectiveness]:
    """How each skill does in each phase, in the order of the rows."""
    return [Effectiveness(skill_name=row["skill_name"], **_counted(row)) for row in rows]


def phases(rows: Sequence[Row]) -> list[PhaseCounts]:
    """How each phase does, most used first."""
    found = [PhaseCounts(stage=row["stage"], **_counted(row)) for row in rows]
    return sorted(found, key=lambda one: (-one.total_invocations, one.workflow_phase))


def bottlenecks(rows: Sequence[Row]) -> list[Bottleneck]:
    """How far each phase holds work back, worst first."""
    seconds = sum(row["total_duration_seconds"] or 0.0 for row in rows)
    timed = sum(row["timed_invocations"] for row in rows)
    found = [_bottleneck(row, seconds, timed) for row in rows]
    return sorted(found, key=lambda one: (-one.bottleneck_score, one.workflow_phase))


def steps(rows: Sequence[Row]) -> tuple[list[Transition], list[SelfLoop]]:
    """What follows what, most frequent first, and the steps that stay in a phase."""
    all_from: Counter[str] = Counter()
    leaving: Counter[str] = Counter()
    for row in rows:
        all_from[row["from_phase"]] += row["invocation_count"]
        if row["from_phase"] != row["to_phase"]:
            leaving[row["from_phase"]] += row["invocation_count"]
    transitions, self_loops = [], []
    for row in sorted(rows, key=_most_frequent_first):
        step = {name: row[name] for name in _OF_A_STEP} | {
            "median_gap_seconds": row["median_gap_seconds"],
            "avg_transition_duration": row["mean_gap_seconds"],
        }
        here, count = row["from_phase"], row["invocation_count"]
        if here == row["to_phase"]:
            stays = share(count, all_from[here])
            self_loops.append(SelfLoop(workflow_phase=here, probability=stays, **step))
        else:
            goes = share(count, leaving[here])
            transitions.append(
                Transition(from_phase=here, to_phase=row["to_phase"], probability=goes, **step)
            )
    return transitions, self_loops


def most_used(rows: Sequence[Row], limit: int) -> tuple[list[Row], int]:
    """The rows of the most used skills that have a phase, and how many skills are left out."""
    with_phase = [row for row in rows if row["workflow_phase"] is not None]
    skills: Counter[str] = Counter()
    for row in with_phase:
        skills[row["skill_name"]] += row["total_invocations"]
    shown = sorted(skills, key=lambda name: (-skills[name], name))[:limit]
    places = {name: place for place, name in enumerate(shown)}
    chosen = [row for row in with_phase if row["skill_name"] in places]
    chosen.sort(key=lambda row: (places[row["skill_name"]], row["workflow_phase"]))
    return chosen, len(skills) - len(shown)


def heatmap(rows: Sequence[Row], left_out: int, request: HeatmapRequest) -> HeatmapAnswer:
    """Skills by phases, from what `most_used` chose."""
    columns: Counter[str] = Counter()
    for row in rows:
        columns[row["workflow_phase"]] += row["total_invocations"]
    answer = HeatmapAnswer(
        metric=request.metric,
        skills=list(dict.fromkeys(row["skill_name"] for row in rows)),
        phases=sorted(columns, key=lambda name: (-columns[name], name)),
        cells=[_cell(row, request) for row in rows],
        skills_left_out=left_out,
    )
    return answer.model_copy(update={"text": heatmap_text(answer)})


def two_surest(rows: Sequence[Row]) -> list[Row]:
    """Per phase the two skills that most surely complete, one after the other."""
    by_phase: dict[str, list[Row]] = {}
    for row in surest_first(rows):
        # A skill that never completed is sure of nothing.
        if row["workflow_phase"] is not None and row["completed_count"]:
            by_phase.setdefault(row["workflow_phase"], []).append(row)
    return [row for phase in sorted(by_phase) for row in by_phase[phase][:2]]


def best_skills(rows: Sequence[Row]) -> list[BestSkill]:
    """Per phase the skill that most surely completes, from what `two_surest` chose."""
    by_phase: dict[str, list[Effectiveness]] = {}
    for one in effectiveness(rows):
        by_phase.setdefault(one.workflow_phase or "", []).append(one)
    return [_best(*skills) for skills in by_phase.values()]


def _best(best: Effectiveness, second: Effectiveness | None = None) -> BestSkill:
    if best.workflow_phase is None or best.completion_rate is None:
        raise ValueError("only skills with a phase and a rate can be the best of it")
    evidence = f"Completed {best.completed_count} of {best.completion_rate.n}"
    if best.duration is not None:
        evidence += f", typically in {seconds_text(best.duration.p50_seconds)}"
    if second is not None:
        evidence += f"; second is {second.skill_name} with {rate_text(second.completion_rate)}"
    return BestSkill(
        workflow_phase=best.workflow_phase,
        skill_name=best.skill_name,
        completion_rate=best.completion_rate,
        evidence=f"{evidence}.",
    )


def _cell(row: Row, request: HeatmapRequest) -> HeatmapCell:
    value: float | None = row["total_invocations"]
    n, low, high = row["total_invocations"], None, None
    if request.metric == "completion_rate":
        completed = rate(row["completed_count"], n := _decided(row))
        if completed is None:
            value = None
        else:
            value, low, high = completed.value, completed.low, completed.high
    elif request.metric == "duration":
        n = row["timed_invocations"]
        value = row["p50_p95_seconds"][0] if n else None
    return HeatmapCell(
        skill_name=row["skill_name"],
        workflow_phase=row["workflow_phase"],
        value=value,
        n=n,
        low=low,
        high=high,
    )


def _most_frequent_first(row: Row) -> tuple[int, str, str]:
    return -row["invocation_count"], row["from_phase"], row["to_phase"]


def _counted(row: Row) -> Row:
    timed = row["timed_invocations"]
    mean = row["total_duration_seconds"] / timed if timed else None
    return {
        "workflow_phase": row["workflow_phase"],
        "total_invocations": row["total_invocations"],
        **{name: row[name] for name in _COUNTS},
        "unknown_count": row["total_invocations"] - sum(row[name] for name in _COUNTS),
        "completion_rate": rate(row["completed_count"], _decided(row)),
        "avg_duration_seconds": mean,
        "duration": Duration(
            n=timed,
            mean_seconds=mean,
            p50_seconds=row["p50_p95_seconds"][0],
            p95_seconds=row["p50_p95_seconds"][1],
        )
        if mean is not None
        else None,
    }


def _decided(row: Row) -> int:
    decided: int = row["completed_count"] + row["failed_count"] + row["abandoned_count"]
    return decided


def _surest_first(row: Row) -> tuple[float, int, str, str]:
    decided = _decided(row)
    low = wilson_interval(row["completed_count"], decided)[0] if decided else -1.0
    return -low, -row["total_invocations"], row["skill_name"], row["workflow_phase"] or ""


def _bottleneck(row: Row, seconds: float, timed: int) -> Bottleneck:
    decided = _decided(row)
    loss = rate(row["failed_count"] + row["abandoned_count"], decided)
    # Sums of parts may exceed the whole by a rounding.
    time_share = min(1.0, (row["total_duration_seconds"] or 0.0) / seconds) if seconds else 0.0
    runs = row["timed_invocations"]
    # A few long runs make no slow phase.
    slow = slowness(time_share, runs / timed) if runs >= FEWEST_TIMED else 0.0
    score = bottleneck_score(loss.low if loss else 0.0, slow)
    return Bottleneck(
        stage=row["stage"],
        **_counted(row),
        abandonment_rate=rate(row["abandoned_count"], decided),
        loss_rate=loss,
        time_share=time_share,
        bottleneck_score=score,
        severity=severity(score),
    )
