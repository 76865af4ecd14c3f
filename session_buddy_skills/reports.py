"""What is stored or was counted in SQL, judged and put into the form that is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session_buddy_skills.analytics.rates import wilson_interval
from session_buddy_skills.git_metrics import SessionGitMetrics
from session_buddy_skills.models import Invocation
from session_buddy_skills.results import (
    Duration,
    OutcomeCounts,
    Rate,
    Receipt,
    SessionSummary,
    SkillMetrics,
)

Row = dict[str, Any]
_COUNTS = tuple(OutcomeCounts.model_fields)
_KINDS = ("workflow_paths", "workflow_phases", "common_errors", "follow_up_actions")


def receipt(stored: Invocation, *, changed: bool) -> Receipt:
    """What a write answers with."""
    return Receipt(
        invocation_id=stored.invocation_id,
        session_id=stored.session_id,
        skill_name=stored.skill_name,
        outcome=stored.outcome,
        invoked_at=stored.invoked_at,
        duration_seconds=stored.duration_seconds,
        changed=changed,
    )


def session_report(
    session_id: str, skills: Sequence[Row], git: Row | None = None
) -> SessionSummary:
    """A session's summary from one row per skill, most used first, and its git metrics."""
    if not skills:
        reason = None if git else "no_such_session"
        return SessionSummary.model_validate(
            {"session_id": session_id, "git": git, "reason": reason}
        )
    return SessionSummary(
        session_id=session_id,
        git=SessionGitMetrics(**git) if git else None,
        **{name: sum(row[name] for row in skills) for name in _COUNTS},
        total_skills_used=len(skills),
        total_duration_seconds=sum(row["total_duration_seconds"] for row in skills),
        skills_by_count={row["skill_name"]: row["total_invocations"] for row in skills},
        first_invoked=min(row["first_invoked"] for row in skills),
        last_invoked=max(row["last_invoked"] for row in skills),
    )


def skill_reports(rows: Sequence[Row], breakdown: Sequence[Row]) -> list[SkillMetrics]:
    """One report per row of the view `skill_metrics`, in the order of the rows."""
    counted: dict[str, dict[str, dict[str, int]]] = {
        row["skill_name"]: {kind: {} for kind in _KINDS} for row in rows
    }
    for part in breakdown:
        counted[part["skill_name"]][part["kind"]][part["value"]] = part["n"]
    return [_skill_report(row, counted[row["skill_name"]]) for row in rows]


def _skill_report(row: Row, breakdown: dict[str, dict[str, int]]) -> SkillMetrics:
    decided = (
        row["completed_invocations"] + row["failed_invocations"] + row["abandoned_invocations"]
    )
    return SkillMetrics(
        skill_name=row["skill_name"],
        **{name: row[name] for name in _COUNTS},
        completion_rate=rate(row["completed_invocations"], decided),
        duration=_duration(row),
        **breakdown,
        avg_selection_rank=row["avg_selection_rank"],
        first_rank_success=rate(row["first_ranked_completed"], row["first_ranked_invocations"]),
        first_invoked=row["first_invoked"],
        last_invoked=row["last_invoked"],
    )


def _duration(row: Row) -> Duration | None:
    if row["timed_invocations"] == 0:
        return None
    return Duration(
        n=row["timed_invocations"],
        mean_seconds=row["mean_duration_seconds"],
        p50_seconds=row["p50_duration_seconds"],
        p95_seconds=row["p95_duration_seconds"],
    )


def rate(successes: int, n: int) -> Rate | None:
    """A share with its interval; None of nothing."""
    return share(successes, n) if n else None


def share(part: int, n: int) -> Rate:
    """A share of n, above 0, with its interval."""
    low, high = wilson_interval(part, n)
    return Rate(value=part / n, n=n, low=low, high=high)
